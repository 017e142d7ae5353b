"""A volume is started only where each brick that would be started is on its own filesystem."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, Sequence, Tuple, cast

import pytest

from ganeti_gluster_mon.deploy.apply import PlanStopped, apply
from ganeti_gluster_mon.deploy.change_lock import LockHost
from ganeti_gluster_mon.deploy.context import Context, Proposal
from ganeti_gluster_mon.deploy.daemon_steps import StartDaemon
from ganeti_gluster_mon.deploy.gluster_cli import POOL_LIST
from ganeti_gluster_mon.deploy.heal_steps import FullHeal
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.pool_steps import StartVolume
from ganeti_gluster_mon.deploy.run_task import run_task
from ganeti_gluster_mon.deploy.start_guard import GuardedHost
from ganeti_gluster_mon.deploy.step import PreconditionFailed, Step
from ganeti_gluster_mon.ganeti.ssconf import Cluster
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.daemon.poller.repair_nodes import FORCED, NAMES, PATH, RepairNodes
from tests.unit.deploy.fake_nodes import FAILED, cluster, ok, pool_list

OWN = "node1.example.org"
CLUSTER = cluster(3)
NOT_MOUNTED = {"point": "/", "source": "overlay", "type": "overlay", "indexed": False}
#: the answer to the query of what the commands need
NOTHING_LACKS = '{"programs": [], "paths": [], "hosts": []}'
BRICK = (BrickAddress("node2", PATH),)


@dataclass
class Nodes(RepairNodes):
    """The same nodes, with glusterds that are connected or not."""

    connected: Dict[str, bool] = field(default_factory=dict)

    def _answer(self, name: str, argv: Tuple[str, ...]) -> CommandResult:
        if argv == POOL_LIST:
            others = [one for one in NAMES if one != name]
            return pool_list(name, *others, connected=self.connected)
        if argv[0] == "python3" and argv[-1] != PATH:
            return ok(NOTHING_LACKS)
        return super()._answer(name, argv)


def start(nodes: Nodes, of: Cluster = CLUSTER, argv: Sequence[str] = FORCED) -> str:
    """Why the command was not run; "" where it was."""
    try:
        GuardedHost(nodes, of).run(OWN, argv)
    except PreconditionFailed as refused:
        assert nodes.changes == []
        return str(refused)
    assert nodes.changes == [(OWN, tuple(argv))]
    return ""


def test_a_brick_that_is_mounted_is_started(tmp_path: Path) -> None:
    assert start(Nodes(tmp_path)) == ""
    assert start(Nodes(tmp_path, table=FAILED)) == ""


@pytest.mark.parametrize(
    ("probe", "why"),
    [
        (NOT_MOUNTED, ": /export/b1 is not mounted: mount it on node2.example.org (mount /export/b1), then"),
        ({**NOT_MOUNTED, "volume_id": None}, ": /export/b1 is not mounted: mount it on"),
        # a brick ran there: Gluster starts it again
        (
            {**NOT_MOUNTED, "indexed": True},
            ": /export/b1 is not mounted, and a brick has run on the filesystem below (/): if it has written there "
            "since /export/b1 was mounted last, its own files are old and Gluster does not know that: gnt-gluster "
            f"replace-brick gv0 node2:{PATH} node2.example.org --device DEVICE --wipe node2.example.org:DEVICE; if it "
            f"has not: move {PATH} aside, mount /export/b1, then gnt-gluster repair gv0; gv0 was not started",
        ),
        ({"volume_id": None}, " has no volume id: its filesystem may not be mounted"),
        ({"volume_id": "1" * 32}, " has the id of another volume"),
        ({"indexed": False}, " has no .glusterfs: its filesystem may not be mounted"),
    ],
)
def test_a_brick_that_would_start_elsewhere_is_not_started(tmp_path: Path, probe: Any, why: str) -> None:
    assert start(Nodes(tmp_path, probe=probe)).startswith(f"node2:{PATH}{why}")
    # also where the volume is stopped, and so no brick is known to be online
    stopped = ("gluster", "--mode=script", "volume", "start", "gv0")
    assert start(Nodes(tmp_path, probe=probe, state=2, status=FAILED), argv=stopped).startswith(
        f"node2:{PATH}{why}"
    )


def test_a_mount_point_is_known_by_its_record(tmp_path: Path) -> None:
    recorded = {**NOT_MOUNTED, "indexed": True, "recorded": [["/export/b1", "1", None]]}
    assert ": /export/b1 is not mounted" in start(Nodes(tmp_path, probe=recorded, table=FAILED))
    # on the root filesystem by the administrator's choice
    assert start(Nodes(tmp_path, probe={**recorded, "recorded": []}, table=ok())) == ""


@pytest.mark.parametrize("probe", [{"there": False, "volume_id": None}, {"error": "Input/output error"}])
def test_a_directory_that_is_missing_or_on_a_dead_disk_forbids_nothing(tmp_path: Path, probe: Any) -> None:
    """Gluster starts nothing there."""
    assert start(Nodes(tmp_path, probe={**NOT_MOUNTED, **probe})) == ""


def test_a_brick_that_is_online_is_not_looked_at(tmp_path: Path) -> None:
    assert start(Nodes(tmp_path, bricks=("node3",), probe=NOT_MOUNTED)) == ""
    assert start(Nodes(tmp_path, bricks=("node3",), away=("node2",))) == ""
    # what is online is not known
    assert "is not mounted" in start(Nodes(tmp_path, probe=NOT_MOUNTED, status=FAILED))


def test_a_node_that_cannot_be_looked_at_has_to_be_out_of_the_pool(tmp_path: Path) -> None:
    reason = start(Nodes(tmp_path, away=("node2",)))
    assert reason == (
        f"node2:{PATH} is not online, and it is not known whether its filesystem is mounted: node2.example.org: "
        "ssh: No route to host"
    )
    assert start(Nodes(tmp_path, away=("node2",), connected={"node2": False})) == ""
    # it can be looked at, and may connect at any moment
    assert "is not mounted" in start(Nodes(tmp_path, probe=NOT_MOUNTED, connected={"node2": False}))


@pytest.mark.parametrize(
    ("of", "why"),
    [
        (cluster(1), "node2 is no node of cluster.example.org"),
        (
            replace(CLUSTER, nodes=(*CLUSTER.nodes[:1], replace(CLUSTER.nodes[1], offline=True))),
            "node2.example.org is marked offline in Ganeti",
        ),
    ],
)
def test_a_host_without_ssh(tmp_path: Path, of: Cluster, why: str) -> None:
    reason = start(Nodes(tmp_path), of)
    assert reason == (
        f"node2:{PATH} is not online, and {why}, so it is not known whether its filesystem is mounted: look there "
        f"(findmnt --target {PATH}), then gluster volume start gv0 force"
    )
    assert start(Nodes(tmp_path, connected={"node2": False}), of) == ""


def test_other_commands_are_run_without_a_look(tmp_path: Path) -> None:
    for words in (("stop", "gv0"), ("heal", "gv0"), ("start",), ("start", "gv9", "force")):
        assert start(Nodes(tmp_path, probe=NOT_MOUNTED), argv=(*FORCED[:3], *words)) == ""


@dataclass(frozen=True)
class _Unlocked(Context):
    def lock(self) -> Any:
        return _Lock()


class _Lock:
    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        """It is no real one."""

    def check(self) -> None:
        """It is held."""


@pytest.mark.parametrize(
    "step",
    [
        StartVolume(OWN, "gv0"),
        StartVolume(OWN, "gv0", BRICK),
        StartDaemon(OWN, "gv0", "Self-heal Daemon", "node3"),
    ],
)
def test_every_step_that_starts_by_force_is_stopped(tmp_path: Path, step: Step) -> None:
    nodes = Nodes(tmp_path, probe={**NOT_MOUNTED, "indexed": True}, daemons=("node3",))

    def repair(context: Context, arguments: argparse.Namespace) -> Proposal:
        return Proposal((step,))

    context = _Unlocked(CLUSTER, cast(LockHost, nodes), OWN)
    arguments = argparse.Namespace(dry_run=False, force=False, verbose=False)
    with pytest.raises(PlanStopped, match=r"/export/b1 is not mounted"):
        run_task(repair, arguments, context)
    assert nodes.changes == []


@dataclass
class Ticks:
    """A clock whose sleep takes no time."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_what_a_step_does_when_nothing_changes_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The full heal starts self-heal daemons by force; that must not end the wait of an administrator."""

    @dataclass(frozen=True)
    class Waiting(FullHeal):
        @property
        def effect_timeout(self) -> float:
            return 600.0

    clock = Ticks()
    monkeypatch.setattr("ganeti_gluster_mon.deploy.wait.time", clock)
    nodes = Nodes(tmp_path, probe={**NOT_MOUNTED, "indexed": True})
    with pytest.raises(PlanStopped, match="not connected"):
        apply(GuardedHost(nodes, CLUSTER), [Waiting(OWN, "gv0", BRICK)], _quiet)
    assert nodes.changes == []
    mounted = Nodes(tmp_path)
    with pytest.raises(PlanStopped, match="not connected"):
        apply(GuardedHost(mounted, CLUSTER), [Waiting(OWN, "gv0", BRICK)], _quiet)
    assert {argv for _, argv in mounted.changes} == {FORCED}


def _quiet(line: str) -> None:
    """Print nothing."""
