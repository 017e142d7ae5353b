"""repair: what a volume has lost is brought back, and nothing is done where its state is not known."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple, cast

import pytest

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.deploy import problem_repair, repairing
from ganeti_gluster_mon.deploy.apply import PlanRefused
from ganeti_gluster_mon.deploy.change_lock import LockHost
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.gluster_cli import POOL_LIST, VOLUME_INFO
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.misplaced_bricks import MisplacedBrick
from ganeti_gluster_mon.deploy.repairing import repair
from ganeti_gluster_mon.deploy.step import PreconditionFailed, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult, NodeUnavailable
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.health import CRITICAL, UNKNOWN, Problem
from tests.unit.deploy.fake_nodes import FAILED, cluster, ok, pool_list, uuid, volume, volume_info

NODES = tuple(f"node{n}.example.org" for n in (1, 2, 3))

NO_SPLIT_BRAIN = (
    "<?xml version='1.0'?>\n<cliOutput><healInfo><bricks>"
    + "".join(
        f"<brick hostUuid='-'><name>{one}:/b</name><status>Connected</status>"
        "<numberOfEntries>0</numberOfEntries></brick>"
        for one in NODES
    )
    + "</bricks></healInfo><opRet>0</opRet><opErrno>0</opErrno><opErrstr/></cliOutput>"
)


@dataclass
class Hosts:
    """Three nodes of a pool with volume gv0."""

    #: of bricks and of self-heal daemons that are offline: the names of their nodes
    bricks: Tuple[str, ...] = ()
    daemons: Tuple[str, ...] = ()
    off: Tuple[str, ...] = ()
    #: those that have a process that a signal has stopped
    stopped: Tuple[str, ...] = ()
    no_glusterd: Tuple[str, ...] = ()
    status: Optional[CommandResult] = None

    def query(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = 20.0
    ) -> Tuple[CommandResult, ...]:
        if node in self.off:
            raise NodeUnavailable(f"{node}: ssh: no route to host")
        return tuple(self._answer(node, tuple(argv)) for argv in queries)

    def _answer(self, node: str, argv: Tuple[str, ...]) -> CommandResult:
        if argv == POOL_LIST:
            others = [other for other in NODES if other != node]
            return FAILED if node in self.no_glusterd else pool_list(node, *others)
        if argv == VOLUME_INFO:
            return volume_info(volume("gv0", [f"{one}:/b" for one in NODES]), volume("old", ["node1:/o"], 2))
        if "status" in argv:
            return self.status or self._status()
        if "split-brain" in argv:
            return ok(NO_SPLIT_BRAIN)
        if argv[-1] == "gv0" and "gluster_processes" in argv[-2]:
            return ok('[[7, "T", "mount /mnt/gv0"]]' if node in self.stopped else "[]")
        return ok()

    def _status(self) -> CommandResult:
        nodes = "".join(
            f"<node><hostname>{name}</hostname><path>{path}</path><peerid>{uuid(one)}</peerid>"
            f"<status>{int(one not in gone)}</status><port>49152</port><pid>7</pid></node>"
            for one in NODES
            for name, path, gone in ((one, "/b", self.bricks), ("Self-heal Daemon", one, self.daemons))
        )
        return ok(
            "<?xml version='1.0'?>\n<cliOutput><opRet>0</opRet><opErrno>0</opErrno><opErrstr/><volStatus><volumes>"
            f"<volume><volName>gv0</volName><nodeCount>6</nodeCount>{nodes}<tasks/></volume></volumes></volStatus>"
            "</cliOutput>"
        )


PROBLEMS: Tuple[Problem, ...] = ()


@pytest.fixture(autouse=True)
def no_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    """No query of the Gluster of this machine."""
    monkeypatch.setattr(problem_repair, "query_problems", lambda: (PROBLEMS, ""))


def planned(hosts: Hosts, *words: str) -> Tuple[List[str], Tuple[str, ...], Tuple[Step, ...]]:
    arguments: argparse.Namespace = gnt_gluster.parser().parse_args(["repair", *words])
    found = repair(Context(cluster(3), cast(LockHost, hosts), NODES[0]), arguments)
    return [f"{type(step).__name__} {step.node[:5]}" for step in found.steps], found.notes, found.steps


def test_a_pool_that_has_lost_nothing_has_nothing_to_repair() -> None:
    assert planned(Hosts())[:2] == ([], ())


def test_the_mount_of_a_brick_comes_before_its_process() -> None:
    assert planned(Hosts(bricks=NODES[1:2]), "gv0")[0] == ["BrickMounted node2", "StartVolume node1"]


def test_a_brick_that_is_started_needs_no_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one may have ended since, and is named."""
    problems = tuple(
        Problem("BRICK_OFFLINE", CRITICAL, f"{one} is offline", "gv0", f"{one}:/b") for one in NODES[1:]
    )
    monkeypatch.setattr(problem_repair, "query_problems", lambda: (problems, ""))
    _, notes, _ = planned(Hosts(bricks=NODES[1:2]), "gv0")
    assert [note.partition(";")[0] for note in notes] == [f"{NODES[2]} is offline"]


def test_a_self_heal_daemon_that_is_dead_is_started() -> None:
    assert planned(Hosts(daemons=NODES[2:]))[0] == ["EndSelfHealDaemon node3", "StartVolume node1"]


def test_a_silent_glusterd_is_restarted_first() -> None:
    steps, _, _ = planned(Hosts(no_glusterd=NODES[1:2]))
    assert steps == ["RunGlusterd node2", "RestartGlusterd node2", "BrickMounted node2", "StartVolume node1"]


def test_stopped_processes_go_on_before_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """What hangs by them needs no decision; what is wrong besides is named."""
    hangs = Problem("MOUNT_HANGS", CRITICAL, "hangs", "gv0", "/mnt/gv0")
    full = Problem("VOLUME_FULL", CRITICAL, "full", "gv0")
    monkeypatch.setattr(problem_repair, "query_problems", lambda: ((hangs, full), ""))
    steps, notes, _ = planned(Hosts(bricks=NODES[:1], stopped=NODES[1:]), "gv0")
    assert steps == [
        "ContinueProcesses node2",
        "ContinueProcesses node3",
        "BrickMounted node1",
        "StartVolume node1",
    ]
    assert [note.partition(";")[0] for note in notes][:1] == ["full"]
    _, notes, _ = planned(Hosts(), "gv0")
    assert notes[0].startswith("hangs; a decision is needed")


def test_a_peer_whose_glusterd_is_restarted_and_a_quorum_whose_bricks_are_started_need_no_decision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problems = (
        Problem("PEER_DISCONNECTED", CRITICAL, "node2 away", "", NODES[1]),
        Problem("PEER_DISCONNECTED", CRITICAL, "node3 away", "", NODES[2]),
        Problem("SUBVOLUME_QUORUM_LOST", CRITICAL, "no quorum", "gv0", "replica set"),
        Problem("NOT_KNOWN", UNKNOWN, "not known", "gv0"),
        Problem("BRICK_UNREACHABLE", CRITICAL, "not reached", "gv0", f"{NODES[1]}:/b"),
    )
    monkeypatch.setattr(problem_repair, "query_problems", lambda: (problems, ""))
    _, notes, _ = planned(Hosts(no_glusterd=NODES[1:2]))
    assert [note.partition(";")[0] for note in notes if not note.startswith(" ")] == ["node3 away"]
    _, notes, _ = planned(Hosts())
    assert [note.partition(";")[0] for note in notes if not note.startswith(" ")] == [
        "node2 away",
        "node3 away",
        "no quorum",
        "not known",
        "not reached",
    ]


def test_a_brick_that_is_online_and_not_on_its_filesystem_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: List[List[str]] = []

    def look(
        context: Context, volume: VolumeInfo, bricks: Sequence[BrickAddress]
    ) -> Tuple[MisplacedBrick, ...]:
        looked.append([brick.node for brick in bricks])
        where = ("/export/b1", "/", "/dev/sdb")
        return (
            MisplacedBrick(bricks[0], NODES[0], *where, has_run=False),
            MisplacedBrick(bricks[1], NODES[2], *where, has_run=True),
        )

    problem = Problem("BRICK_FILESYSTEM_NOT_MOUNTED", CRITICAL, "text", "gv0", f"{NODES[0]}:/b")
    monkeypatch.setattr(problem_repair, "query_problems", lambda: ((problem,), ""))
    monkeypatch.setattr(repairing, "misplaced_bricks", look)
    steps, notes, _ = planned(Hosts(bricks=NODES[1:2]), "gv0")
    assert steps == ["BrickMounted node2", "BrickMounted node1", "StartVolume node1"]
    (note,) = notes
    assert looked == [[NODES[0], NODES[2]]]
    assert note.startswith(f"gv0: {NODES[2]}:/b runs on the filesystem of /, since /export/b1 is not mounted")
    assert planned(Hosts(), "gv0")[0] == ["BrickMounted node1"]
    assert looked[-1] == list(NODES)


def test_a_node_that_cannot_be_reached_is_named_and_the_rest_is_repaired() -> None:
    steps, notes, made = planned(Hosts(bricks=NODES[1:], off=NODES[2:]))
    assert steps == ["BrickMounted node2", "StartVolume node1"]
    assert [brick.node for brick in getattr(made[1], "bricks")] == list(NODES[:2])  # noqa: B009
    (note,) = notes
    assert note == f"gv0: {NODES[2]}:/b is left out: {NODES[2]}: ssh: no route to host"


@pytest.mark.parametrize("reply", [FAILED, CommandResult(124, "", "no answer within 20 s")])
def test_nothing_is_done_on_a_volume_whose_state_is_not_known(reply: CommandResult) -> None:
    with pytest.raises(PreconditionFailed, match="not known which bricks of gv0 are online"):
        planned(Hosts(status=reply))


def test_a_volume_that_there_is_not_or_that_is_stopped() -> None:
    with pytest.raises(PreconditionFailed, match="there is no volume gv9: these are gv0, old"):
        planned(Hosts(), "gv9")
    with pytest.raises(PreconditionFailed, match="old is not started: gluster volume start old"):
        planned(Hosts(), "old")


def test_a_pool_of_which_no_brick_can_be_reached() -> None:
    with pytest.raises((PlanRefused, PreconditionFailed)):
        planned(Hosts(off=NODES))
