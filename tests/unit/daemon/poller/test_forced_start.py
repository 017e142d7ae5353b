"""A volume is started by force only where each of its bricks is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganeti_gluster_mon.daemon.poller.forced_start import must_be_safe, start_by_force
from ganeti_gluster_mon.deploy.step import PreconditionFailed
from ganeti_gluster_mon.ganeti.ssconf import Cluster
from ganeti_gluster_mon.ganeti.ssh import CommandResult, NodeUnavailable
from tests.unit.daemon.poller.repair_nodes import FORCED, PATH, RepairNodes
from tests.unit.deploy.fake_nodes import FAILED, cluster, ok

OWN = "node1.example.org"
CLUSTER = cluster(3)


def safe(nodes: RepairNodes, start_bricks: bool = True, of: Cluster = CLUSTER) -> bool:
    found = must_be_safe(of, nodes, OWN, "gv0", start_bricks)
    assert nodes.changes == []
    return found


def reason(nodes: RepairNodes, start_bricks: bool = True, of: Cluster = CLUSTER) -> str:
    with pytest.raises(PreconditionFailed) as refused:
        safe(nodes, start_bricks, of)
    return str(refused.value)


def test_a_dead_process_of_a_brick_that_is_there_is_started(tmp_path: Path) -> None:
    assert safe(RepairNodes(tmp_path))
    assert safe(RepairNodes(tmp_path, bricks=(), daemons=("node3",)), start_bricks=False)


def test_nothing_is_started_where_everything_runs_by_now(tmp_path: Path) -> None:
    assert not safe(RepairNodes(tmp_path, bricks=()))


@pytest.mark.parametrize(
    ("probe", "why"),
    [
        ({"volume_id": None}, "has no volume id: its filesystem may not be mounted"),
        ({"volume_id": None, "point": "/"}, "has no volume id: its filesystem may not be mounted"),
        ({"volume_id": "1" * 32}, "has the id of another volume"),
        ({"volume_id": None, "error": "Input/output error"}, "cannot be read: Input/output error"),
        ({"point": "/"}, "is on the root filesystem: its own filesystem may not be mounted"),
        ({"point": "/export"}, ": /export/b1 is not mounted"),
        ({"point": "/export", "recorded": [["/export/b1", "1", None]]}, ": /export/b1 is not mounted"),
    ],
)
def test_a_brick_whose_filesystem_is_missing_is_not_started(tmp_path: Path, probe: Any, why: str) -> None:
    """Also where the mount point got the volume id, by an earlier `volume start … force`."""
    assert reason(RepairNodes(tmp_path, probe=probe)).startswith(f"node2:{PATH}")
    assert why in reason(RepairNodes(tmp_path, probe=probe))


def test_a_mount_point_that_is_recorded_is_mounted(tmp_path: Path) -> None:
    """Without a line in /etc/fstab."""
    probe = {"point": "/export", "recorded": [["/export/b1", "1", None]]}
    assert ": /export/b1 is not mounted" in reason(RepairNodes(tmp_path, probe=probe, table=FAILED))


def test_a_directory_that_no_brick_ever_ran_on_is_not_started(tmp_path: Path) -> None:
    """The mount point on another filesystem than the root, with the volume id, and without a line in /etc/fstab."""
    nodes = RepairNodes(tmp_path, probe={"point": "/export"}, table=ok(), inside=FAILED)
    assert "has no .glusterfs" in reason(nodes)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (ok("ro,relatime\n"), "is mounted read-only"),
        (CommandResult(124, "", "findmnt: no answer within 20 s"), "not known how the filesystem"),
        (ok(""), "not known how the filesystem"),
    ],
)
def test_a_filesystem_that_takes_no_writes_is_left_alone(
    tmp_path: Path, options: CommandResult, why: str
) -> None:
    assert why in reason(RepairNodes(tmp_path, options=options))


def test_a_brick_on_a_node_that_cannot_be_reached_is_not_known(tmp_path: Path) -> None:
    """Its glusterd takes part in the command all the same."""
    assert "No route to host" in reason(RepairNodes(tmp_path, away=("node3",)))


def test_a_node_that_is_offline_in_ganeti_is_left_alone(tmp_path: Path) -> None:
    nodes = (*CLUSTER.nodes[:2], replace(CLUSTER.nodes[2], offline=True))
    assert "is marked offline in Ganeti" in reason(RepairNodes(tmp_path), of=replace(CLUSTER, nodes=nodes))
    assert "is no node of the cluster" in reason(RepairNodes(tmp_path), of=cluster(2))


def test_a_volume_that_was_stopped_meanwhile_is_not_started(tmp_path: Path) -> None:
    assert reason(RepairNodes(tmp_path, state=2)) == "gv0 is stopped"


def test_a_volume_whose_bricks_are_not_known_is_not_started(tmp_path: Path) -> None:
    assert "not known which bricks" in reason(RepairNodes(tmp_path, status=FAILED))


def test_an_offline_brick_is_not_started_where_only_self_heal_is_enabled(tmp_path: Path) -> None:
    assert "start-brick is not enabled" in reason(
        RepairNodes(tmp_path, daemons=("node2",)), start_bricks=False
    )


def test_the_command(tmp_path: Path) -> None:
    nodes = RepairNodes(tmp_path)
    assert start_by_force(nodes, OWN, "gv0").status == 0
    assert nodes.changes == [(OWN, FORCED)]
    nodes.hangs = True
    with pytest.raises(NodeUnavailable, match="no end of gluster within 60 s"):
        start_by_force(nodes, OWN, "gv0")
