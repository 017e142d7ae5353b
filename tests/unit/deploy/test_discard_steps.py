"""Steps that give up bricks."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.deploy.discard_steps import DiscardBricks
from ganeti_gluster_mon.deploy.step import DONE, PreconditionFailed
from tests.unit.deploy.fake_nodes import volume, volume_info
from tests.unit.deploy.test_discarding import BRICKS, GONE


def test_bricks_are_given_up_by_force_and_once() -> None:
    step = DiscardBricks("node1", "gv0", (GONE,))
    (command,) = step.remaining([volume_info(volume("gv0", BRICKS, kind="Distribute", replica=1))]) or ()
    assert str(command).endswith("volume remove-brick gv0 node3.example.org:/b force")
    assert step.remaining([volume_info(volume("gv0", BRICKS[:2], kind="Distribute", replica=1))]) is DONE
    assert step.remaining([volume_info()]) is DONE
    with pytest.raises(PreconditionFailed, match="no other brick: gnt-gluster destroy-volume gv0"):
        step.remaining([volume_info(volume("gv0", BRICKS[2:], kind="Distribute", replica=1))])
