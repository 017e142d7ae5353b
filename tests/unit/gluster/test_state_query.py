"""`gluster get-state`, whose answer is a file that glusterd writes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ganeti_gluster_mon.gluster.query import GET_STATE
from ganeti_gluster_mon.gluster.session import GlusterSession
from ganeti_gluster_mon.gluster.state_query import query_state
from tests.unit.fake_gluster import SENTINEL

#: as glusterd does: the state goes into a file, and a line about it to standard output
SCRIPT = """#!/bin/sh
while read -r line; do
    case "$line" in
        "system:: uuid get") printf '%s' '{sentinel}' ;;
        "get-state glusterd odir "*)
            set -- $line
            echo "$4" > "$0.directory"
            {does}
            echo "glusterd state dumped to $4/state" ;;
    esac
done
"""
LONG = 30.0

pytestmark = pytest.mark.skipif(not os.access("/run", os.W_OK), reason="needs to write below /run")


def answer(directory: Path, does: str, timeout: float = LONG):  # type: ignore[no-untyped-def]
    path = directory / "gluster"
    path.write_text(SCRIPT.format(sentinel=SENTINEL, does=does))
    path.chmod(0o755)
    with GlusterSession(str(path), 1 << 20) as session:
        return query_state(session, time.monotonic() + timeout)


def is_removed(directory: Path) -> bool:
    """Whether the directory that glusterd was to write to is removed again."""
    used = (directory / "gluster.directory").read_text().strip()
    return used.startswith("/run/ganeti-gluster-mon-") and not os.path.exists(used)


def test_the_answer_is_what_glusterd_wrote_and_nothing_is_left(tmp_path: Path) -> None:
    found = answer(tmp_path, 'printf "[Global]\\nMYUUID: x\\n" > "$4/$6"')
    assert (found.query, found.output, found.failure) == (GET_STATE, b"[Global]\nMYUUID: x\n", None)
    assert is_removed(tmp_path)


def test_a_glusterd_that_writes_nothing_is_a_failure(tmp_path: Path) -> None:
    found = answer(tmp_path, ":")
    assert (found.query, found.output) == (GET_STATE, b"")
    assert found.failure == "glusterd wrote no state: No such file or directory"


def test_a_glusterd_that_hangs_is_the_reason(tmp_path: Path) -> None:
    found = answer(tmp_path, "sleep 600", timeout=1.0)
    assert found.output == b"" and found.failure is not None and "no state" not in found.failure
    assert is_removed(tmp_path)
