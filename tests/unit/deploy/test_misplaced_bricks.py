"""Bricks that run below their mount point are named with the command that heals them anew, and never mounted over."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Dict, List, Tuple, cast

import pytest

from ganeti_gluster_mon.deploy import replacing
from ganeti_gluster_mon.deploy.change_lock import LockHost
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.gluster_cli import volumes
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.misplaced_bricks import (
    MisplacedBrick,
    SetBrickAside,
    misplaced_bricks,
    repair_misplaced,
)
from ganeti_gluster_mon.deploy.step import DONE, WAIT, PreconditionFailed, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.daemon.poller.repair_nodes import NAMES, PATH, RepairNodes
from tests.unit.deploy.fake_nodes import FAILED, cluster, ok, volume, volume_info

BRICKS = tuple(BrickAddress(name, PATH) for name in NAMES)
NODE2 = "node2.example.org"
BELOW = {"point": "/", "source": "overlay", "type": "overlay"}
(GV0,) = volumes(volume_info(volume("gv0", [brick.label for brick in BRICKS])))
(LONE,) = volumes(volume_info(volume("gv0", [brick.label for brick in BRICKS], kind="Distribute", replica=1)))


@dataclass
class FoundNodes(RepairNodes):
    """The same nodes, which know the devices of filesystems."""

    device: CommandResult = field(default_factory=lambda: ok("/dev/sdb\n"))

    def _answer(self, name: str, argv: Tuple[str, ...]) -> CommandResult:
        if argv[0] == "findfs":
            assert argv[1].startswith("UUID=")
            return self.device
        return super()._answer(name, argv)


@pytest.fixture
def nodes(tmp_path: Any) -> FoundNodes:
    return FoundNodes(tmp_path, probe=dict(BELOW))


def context(nodes: FoundNodes) -> Context:
    return Context(cluster(3), cast(LockHost, nodes), "node1.example.org")


def found(nodes: FoundNodes) -> Tuple[MisplacedBrick, ...]:
    return misplaced_bricks(context(nodes), GV0, BRICKS)


def repaired(nodes: FoundNodes) -> Tuple[List[Step], List[str]]:
    return repair_misplaced(GV0, found(nodes))


def test_a_brick_that_runs_below_its_mount_point_is_named_with_the_whole_command(nodes: FoundNodes) -> None:
    steps, (note,) = repaired(nodes)
    assert steps == []
    assert note == (
        f"gv0: node2:{PATH} runs on the filesystem of /, since /export/b1 is not mounted: its own filesystem may "
        f"lack what was written meanwhile, and Gluster does not know that; a decision is needed: gnt-gluster "
        f"replace-brick gv0 node2:{PATH} {NODE2} --device /dev/sdb --wipe {NODE2}:/dev/sdb heals it anew from "
        f"the other copies"
    )


def test_where_no_other_copy_exists_it_is_not_replaced(nodes: FoundNodes) -> None:
    _, (note,) = repair_misplaced(LONE, found(nodes))
    assert "no other copy exists: stop the guests" in note and "replace-brick" not in note


def test_bricks_that_are_mounted_and_nodes_that_are_away_are_left_out(nodes: FoundNodes) -> None:
    nodes.probe = {}
    assert repaired(nodes) == ([], [])
    nodes.probe, nodes.away = dict(BELOW), ("node2",)
    assert repaired(nodes) == ([], [])
    nodes.away, nodes.probe = (), {**BELOW, "error": "Input/output error"}
    assert repaired(nodes) == ([], [])


def test_a_filesystem_that_was_unmounted_under_a_brick_that_runs_is_mounted(nodes: FoundNodes) -> None:
    """The process still has the filesystem: its directory is not on the one below."""
    nodes.probe = {**BELOW, "there": False, "indexed": False, "volume_id": None, "pid": 7}
    steps, notes = repaired(nodes)
    assert [type(step).__name__ for step in steps] == ["BrickMounted"] and notes == []


def test_the_device_is_that_of_fstab_or_of_the_record(nodes: FoundNodes) -> None:
    def device(table: str, **probe: Any) -> str:
        nodes.table = ok(table)
        nodes.probe = {**BELOW, **probe}
        (one,) = found(nodes)
        assert one.mount_point == "/export/b1" and one.below == "/"
        return one.device

    assert device("/dev/vg/b1 /export/b1 xfs defaults 0 0\n") == "/dev/vg/b1"
    assert device("UUID=1 /export/b1 xfs defaults 0 0\n") == "/dev/sdb"
    assert device("", recorded=[["/export/b1", "1", None]]) == "/dev/sdb"
    nodes.device = FAILED
    assert device("UUID=1 /export/b1 xfs defaults 0 0\n") == "DEVICE"


def set_aside(**probe: Any) -> Any:
    base: Dict[str, Any] = {
        **BELOW,
        "uuid": None,
        "volume_id": "1",
        "error": None,
        "recorded": [],
        "there": True,
        "indexed": True,
        "pid": None,
    }
    step = SetBrickAside(NODE2, PATH, "/export/b1")
    (query,) = step.queries()
    assert query.node == NODE2
    return step.remaining([ok(json.dumps({**base, **probe}))])


def test_what_is_below_the_mount_point_is_renamed_and_kept() -> None:
    (command,) = set_aside()
    assert str(command) == f"mv --no-target-directory --backup=numbered -- {PATH} {PATH}.not-mounted"
    assert set_aside(pid=7) is WAIT
    assert set_aside(there=False) is DONE
    # it is the brick itself
    assert set_aside(point="/export/b1") is DONE


def test_a_brick_is_not_replaced_while_another_of_its_set_runs_below_its_mount_point(
    nodes: FoundNodes,
) -> None:
    with pytest.raises(PreconditionFailed, match=f"node1:{PATH} may have what only it has: gv0: node2"):
        replacing._misplaced(context(nodes), GV0, BRICKS[0], BRICKS[1:])
    (note,) = replacing._misplaced(context(nodes), GV0, BRICKS[1], (BRICKS[0], BRICKS[2]))
    assert note == f"node2:{PATH} has run on the filesystem of /: what it wrote there stays on {NODE2}"
    nodes.probe = {}
    assert replacing._misplaced(context(nodes), GV0, BRICKS[0], BRICKS[1:]) == []
