"""What `gnt-gluster maintenance start` and `finish` plan, on answers of three nodes."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence, Tuple, cast

import pytest

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.deploy.apply import PlanRefused
from ganeti_gluster_mon.deploy.change_lock import LockHost
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.gluster_cli import POOL_LIST, VOLUME_INFO
from ganeti_gluster_mon.deploy.step import Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult, NodeUnavailable
from ganeti_gluster_mon.gluster.model import Brick, Peer, Pool, Subvolume, Volume
from ganeti_gluster_mon.maintenance import maintenance_tasks
from ganeti_gluster_mon.maintenance.maintenance_record import MaintenanceRecord
from ganeti_gluster_mon.maintenance.maintenance_tasks import maintenance_finish, maintenance_start, next_nodes
from tests.unit.deploy.fake_nodes import FAILED, cluster, ok, pool_list, uuid, volume, volume_info

NODES = tuple(f"node{n}.example.org" for n in (1, 2, 3))
MASTER, NODE, THIRD = NODES
BRICKS = [f"{node}:/b" for node in NODES]


@dataclass
class ThreeNodes:
    """Answers queries as three nodes of a pool do; nothing can be run on them."""

    instances: str = ""
    drained: str = "N"
    #: nodes that cannot be reached, and those without glusterd
    off: Tuple[str, ...] = ()
    no_glusterd: Tuple[str, ...] = ()
    ran: List[Tuple[str, ...]] = field(default_factory=list)

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
            return volume_info(volume("gv0", BRICKS))
        if argv[:2] == ("gnt-node", "list"):
            return ok(f"{argv[-1]}|{self.drained}\n")
        if argv[:2] == ("gnt-instance", "list"):
            return ok(self.instances)
        if "status" in argv:
            nodes = "".join(
                f"<node><hostname>{other}</hostname><path>/b</path><peerid>{uuid(other)}</peerid>"
                f"<status>{int(other != NODE)}</status><port>49152</port><pid>7</pid></node>"
                for other in NODES
            )
            return ok(
                "<?xml version='1.0'?>\n<cliOutput><opRet>0</opRet><opErrno>0</opErrno><opErrstr/><volStatus><volumes>"
                f"<volume><volName>gv0</volName><nodeCount>3</nodeCount>{nodes}<tasks/></volume></volumes></volStatus>"
                "</cliOutput>"
            )
        return ok()

    def run(
        self, node: str, argv: Sequence[str], timeout: float = 60.0, text: Optional[str] = None
    ) -> CommandResult:
        raise AssertionError(f"{node}: {argv}")


def context(host: Optional[ThreeNodes] = None, own: str = MASTER, tags: Tuple[str, ...] = ()) -> Context:
    return Context(cluster(3, tags=tags), cast(LockHost, host or ThreeNodes()), own)


def arguments(*words: str) -> argparse.Namespace:
    return gnt_gluster.parser().parse_args(["maintenance", *words])


def pool(**different: Any) -> Pool:
    facts: Dict[str, Any] = {"online": True, "heal_pending": 0, "split_brain": 0}
    bricks = tuple(
        Brick("gv0", node, "/b", uuid=uuid(node), **{**facts, **different.get(node.partition(".")[0], {})})
        for node in NODES
    )
    peers = tuple(Peer(node, uuid(node), "Peer in Cluster", True, True, node == MASTER) for node in NODES)
    one = Volume(
        "gv0", "u", "replicate", "started", "tcp", bricks, (Subvolume("replicate", bricks, 0),), options={}
    )
    return Pool(1, peers=peers, volumes=(one,), disks=())


@pytest.fixture(autouse=True)
def queried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance_tasks, "query_pool", pool)


def names(steps: Sequence[Step]) -> List[str]:
    return [type(step).__name__ for step in steps]


def record(node: str, drained: bool = True, until: float = 600.0) -> MaintenanceRecord:
    return MaintenanceRecord(node, round(time.time()) - 60, round(time.time() + until), drained)


def test_a_node_is_recorded_drained_emptied_and_muted_before_its_bricks_stop() -> None:
    found = maintenance_start(context(), arguments("start", "node2"))
    assert names(found.steps) == [
        "RecordMaintenance", "SetDrained", "MigrateInstances", "MuteHosts", "MayStopBricks", "StopBricks",
    ]  # fmt: skip
    assert found.question == ""
    assert found.result.endswith(f"gnt-gluster maintenance finish {NODE}")
    assert [step.node for step in found.steps] == [NODE, NODE, NODE, MASTER, NODE, NODE]


def test_what_ok_to_stop_refuses_is_refused_with_its_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    for different, words in (
        ({"node3": {"online": False}}, "would lose its quorum"),
        ({"node3": {"online": None}}, "not known whether"),
    ):
        monkeypatch.setattr(maintenance_tasks, "query_pool", lambda d=different: pool(**d))
        with pytest.raises(PlanRefused, match=rf"^{NODE} must not be stopped now: gv0: replica set.*{words}"):
            maintenance_start(context(), arguments("start", "node2"))


def test_where_only_healing_is_missing_it_is_waited_for_before_anything_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(maintenance_tasks, "query_pool", lambda: pool(node1={"heal_pending": 7}))
    found = maintenance_start(context(), arguments("start", "node2"))
    assert names(found.steps)[:2] == ["MayStopBricks", "RecordMaintenance"]
    assert names(found.steps)[-2:] == ["MayStopBricks", "StopBricks"]


def test_a_second_node_is_refused_and_the_line_says_how_to_finish_the_first() -> None:
    with pytest.raises(PlanRefused) as refused:
        maintenance_start(context(tags=(record(THIRD).tag,)), arguments("start", "node2"))
    first, second = str(refused.value).splitlines()
    assert "would lose its quorum: 1 of 3 bricks left" in first
    assert second.endswith(f"gnt-gluster maintenance finish {THIRD}")


def test_an_interrupted_start_goes_on_with_what_was_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bricks may be stopped already, and the node is drained by the first attempt."""
    monkeypatch.setattr(
        maintenance_tasks, "query_pool", lambda: pool(node2={"online": False, "heal_pending": None})
    )
    known = record(NODE)
    found = maintenance_start(
        context(ThreeNodes(drained="Y"), tags=(known.tag,)), arguments("start", "node2")
    )
    assert getattr(found.steps[0], "record") == known  # noqa: B009
    assert "SetDrained" in names(found.steps)
    longer = maintenance_start(context(tags=(known.tag,)), arguments("start", "node2", "--for", "3h"))
    changed = getattr(longer.steps[0], "record")  # noqa: B009
    assert (changed.since, changed.drained) == (known.since, True)
    assert changed.until - time.time() == pytest.approx(3 * 3600, abs=60)


def test_a_node_that_was_drained_before_stays_so_afterwards() -> None:
    found = maintenance_start(context(ThreeNodes(drained="Y")), arguments("start", "node2"))
    assert "SetDrained" not in names(found.steps)
    kept = record(NODE, drained=False)
    end = maintenance_finish(context(tags=(kept.tag,)), arguments("finish", "node2"))
    assert "SetDrained" not in names(end.steps)


def test_the_master_is_not_drained_and_the_line_says_why() -> None:
    found = maintenance_start(context(), arguments("start", "node1"))
    assert "SetDrained" not in names(found.steps)
    assert any("is the master and is not drained" in note for note in found.notes)
    # its own mute would go down with it
    assert [step.node for step in found.steps if type(step).__name__ == "MuteHosts"] == [MASTER, NODE]


def test_instances_stay_only_where_the_administrator_says_so() -> None:
    host = ThreeNodes(instances="vm1|gluster|running\nvm2|gluster|ADMIN_down\n")
    found = maintenance_start(context(host), arguments("start", "node2", "--no-migrate"))
    assert "MigrateInstances" not in names(found.steps)
    assert any("vm1" in note and "end when it is shut down" in note for note in found.notes)
    moved = maintenance_start(context(host), arguments("start", "node2", "--target-node", "node3"))
    assert getattr(moved.steps[2], "target") == THIRD  # noqa: B009
    assert not any("vm1" in note for note in moved.notes)
    assert any("vm2" in note for note in moved.notes)


def test_a_node_that_no_other_node_knows_is_refused() -> None:
    with pytest.raises(CommandError, match=r"no other node of the cluster knows .* ssh: no route"):
        maintenance_start(context(ThreeNodes(off=(MASTER, THIRD))), arguments("start", "node2"))


def test_a_node_is_back_when_bricks_run_are_healed_and_have_their_clients() -> None:
    found = maintenance_finish(context(tags=(record(NODE).tag,)), arguments("finish", "node2"))
    assert names(found.steps) == [
        "RunGlusterd", "PeerConnected", "BrickMounted", "StartBricks", "HealedAgain", "ClientsConnected", "SetDrained",
        "MuteHosts", "ForgetMaintenance",
    ]  # fmt: skip
    start = found.steps[3]
    assert start.description == f"{NODE}:/b of gv0 online"
    assert getattr(found.steps[7], "until") == 0  # noqa: B009
    dead = ThreeNodes(no_glusterd=(NODE,))
    assert names(
        maintenance_finish(context(dead, tags=(record(NODE).tag,)), arguments("finish", "node2")).steps
    )[:2] == ["RunGlusterd", "RestartGlusterd"]


def test_a_node_that_is_not_back_yet_is_not_finished() -> None:
    with pytest.raises(PlanRefused, match=f"{NODE}: ssh: no route to host"):
        maintenance_finish(
            context(ThreeNodes(off=(NODE,)), tags=(record(NODE).tag,)), arguments("finish", "node2")
        )


def test_a_node_that_is_not_in_maintenance_has_nothing_to_finish() -> None:
    found = maintenance_finish(context(), arguments("finish", "node2"))
    assert (found.steps, found.result) == ((), f"{NODE} is not in maintenance")


def test_which_node_may_follow() -> None:
    assert next_nodes(pool(), cluster(3)).endswith(f"{', '.join(NODES)} may be stopped now, one at a time")
    assert THIRD not in next_nodes(pool(), cluster(3, tags=(record(THIRD).tag,)))
    assert NODE not in next_nodes(pool(), cluster(3), finished=NODE)
    not_yet = next_nodes(pool(node1={"heal_pending": 7}), cluster(3))
    assert not_yet.startswith(f"no other node may be stopped now: {MASTER}: gv0: replica set is not healed")
