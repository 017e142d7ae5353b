"""Commands that restart the daemons."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.mond_setup import restart


def test_a_command_that_fails_is_reported_with_its_own_message() -> None:
    with pytest.raises(CommandError, match=r"^sh -c .* failed with exit status 3: no more$"):
        restart.run(["sh", "-c", "echo no more >&2; exit 3"])
    with pytest.raises(CommandError, match="cannot run /nowhere/x: No such file"):
        restart.run(["/nowhere/x"])
