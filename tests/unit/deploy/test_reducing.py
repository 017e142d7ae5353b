"""remove-node --reduce-replica, restart-brick, and deploy while a node cannot be reached."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.deploy import reducing
from ganeti_gluster_mon.deploy.apply import PlanRefused
from ganeti_gluster_mon.deploy.context import Context, Proposal
from ganeti_gluster_mon.deploy.gluster_cli import volumes
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.pool_steps import StartVolume, has_bricks
from ganeti_gluster_mon.deploy.redeploy import redeploy
from ganeti_gluster_mon.deploy.reducing import ReduceReplica, irreducible
from ganeti_gluster_mon.deploy.repair_steps import BrickMounted, RestartGlusterd
from ganeti_gluster_mon.deploy.step import DONE, PreconditionFailed
from ganeti_gluster_mon.deploy.survey import NodeSurvey
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.gluster.model import Peer
from tests.unit.deploy.fake_nodes import FAILED, cluster, ok, pool_list, volume, volume_info
from tests.unit.deploy.test_heal_steps import summary
from tests.unit.deploy.test_replacing import INFO, NODE1, NODE2, NODE3, OLD, A, Answers, B, status

NODES = [f"node{n}.example.org" for n in range(1, 7)]


def info(
    count: int = 3, replica: int = 3, kind: str = "Replicate", arbiters: Sequence[int] = ()
) -> VolumeInfo:
    parsed = volume("gv0", [f"{node}:/b" for node in NODES[:count]], kind=kind, replica=replica)
    (found,) = volumes(volume_info(parsed))
    bricks = tuple(replace(one, arbiter=number in arbiters) for number, one in enumerate(found.bricks, 1))
    return replace(found, bricks=bricks, arbiter_count=1 if arbiters else 0)


def bricks(*numbers: int) -> List[BrickAddress]:
    return [BrickAddress(f"node{number}.example.org", "/b") for number in numbers]


@pytest.mark.parametrize(
    ("there", "gone", "reason"),
    [
        (info(), [3], ""),
        (info(6, kind="Distributed-Replicate"), [3, 6], ""),
        (info(arbiters=[3]), [3], ""),
        (info(6, kind="Distributed-Replicate"), [3], "not one brick of each of the 2 sets of gv0"),
        (info(), [2, 3], "not one brick of each of the 1 sets"),
        (info(arbiters=[3]), [1], "has an arbiter, and node1.example.org:/b is none"),
        (replace(info(replica=1), type="disperse", disperse_count=3, redundancy_count=1), [3], "fragments"),
    ],
)
def test_what_can_be_one_copy_less(there: VolumeInfo, gone: List[int], reason: str) -> None:
    found = irreducible(there, bricks(*gone))
    assert reason in found
    assert bool(found) == bool(reason)


def test_one_brick_of_each_set_goes_by_force_and_once() -> None:
    step = ReduceReplica(NODE1, "gv0", (OLD,), 2)
    (command,) = step.remaining([INFO]) or ()
    assert str(command).endswith(f"volume remove-brick gv0 replica 2 {OLD.label} force")
    assert step.remaining([volume_info(volume("gv0", [A.label, B.label], replica=2))]) is DONE
    with pytest.raises(PreconditionFailed, match="there is no volume gv0"):
        step.remaining([volume_info()])


def reduced(
    state: CommandResult, pending: Dict[BrickAddress, Optional[int]], there: CommandResult = INFO
) -> reducing.Reduction:
    coordinator = NodeSurvey(NODE1, volumes=volumes(there))
    context = Context(cluster(3), Answers(state, summary(pending)), NODE1)
    return reducing.reduce_replicas(context, coordinator, NODE3, [("gv0", OLD)])


def test_a_copy_less_is_confirmed_and_the_others_have_to_be_online() -> None:
    found = reduced(status(OLD), {A: 5, B: 5, OLD: None})
    assert found.queries == (f"{OLD.label} is offline; what only it has is lost.",)
    assert found.steps == (ReduceReplica(NODE1, "gv0", (OLD,), 2), StartVolume(NODE1, "gv0", (A, B)))
    assert found.notes[0].startswith("gv0 keeps two copies: writes stop while the first brick")
    assert found.afterwards == (
        "to have 3 copies of gv0 again: gluster volume add-brick gv0 replica 3 NODE:PATH",
    )
    with pytest.raises(
        PreconditionFailed, match=rf"{B.label} is offline, and {OLD.label} may have what only it has"
    ):
        reduced(status(B, OLD), {A: 5, B: None, OLD: None})
    with pytest.raises(PreconditionFailed, match="3 entries of gv0 are to be healed"):
        reduced(status(), {A: 0, B: 0, OLD: 3})


def test_where_it_is_not_possible_the_refusal_names_what_is() -> None:
    six = volume_info(
        volume("gv0", [f"{node}:{A.path}" for node in NODES], kind="Distributed-Replicate", replica=3)
    )
    with pytest.raises(
        PreconditionFailed,
        match=r"--reduce-replica is not possible: .*; .*gnt-gluster replace-brick gv0 node3",
    ):
        reduced(status(), {}, six)


def test_the_refusal_to_remove_a_node_names_it() -> None:
    parsed = has_bricks("node3", [("gv0", OLD)], volumes(INFO))
    assert parsed.endswith("gnt-gluster remove-node node3 --reduce-replica")


# --- restart-brick ------------------------------------------------------------------------------------


# --- deploy while a node cannot be reached ----------------------------------------------------------------


class Group(Answers):
    def query(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = 0
    ) -> Tuple[CommandResult, ...]:
        return tuple(ok("features.shard=on\n") for _ in queries)


def repaired(*words: str, **faults: Any) -> Proposal:
    peers = tuple(
        Peer(node, f"u{n}", "Peer in Cluster", connected=True, local=n == 1)
        for n, node in enumerate((NODE1, NODE2, NODE3), 1)
    )
    (found,) = volumes(INFO)
    members = [
        NodeSurvey(NODE1, peers=peers, volumes=(found,)),
        NodeSurvey(NODE2, peers=peers),
        NodeSurvey(NODE3, **faults),
    ]
    arguments = gnt_gluster.parser().parse_args(["deploy", *words])
    context = Context(cluster(3), Group(ok(), ok()), NODE1)
    return redeploy(context, arguments, found, members[0], members)


AWAY = "node3.example.org: ssh: Connection timed out"


def test_deploy_names_the_command_for_the_nodes_that_can_be_reached() -> None:
    with pytest.raises(PlanRefused) as refused:
        repaired(fault=AWAY)
    assert str(refused.value).splitlines() == [
        AWAY,
        f"to repair the other nodes: gnt-gluster deploy --volume gv0 {NODE1} {NODE2}",
    ]
    with pytest.raises(PlanRefused, match="Connection timed out"):
        repaired("node3", fault=AWAY)


def test_deploy_of_named_nodes_goes_on_without_one_that_is_away() -> None:
    proposal = repaired("node1", "node2", fault=AWAY)
    mounted = [step for step in proposal.steps if isinstance(step, BrickMounted)]
    assert [step.node for step in mounted] == [NODE1, NODE2]
    (started,) = [step for step in proposal.steps if isinstance(step, StartVolume)]
    assert started.bricks == (A, B)
    assert NODE3 not in {step.node for step in proposal.steps}
    assert f"not looked at: {AWAY}" in proposal.notes
    assert proposal.result == (
        f"gv0 is repaired on the nodes that can be reached, and not on {NODE3}: gnt-gluster diagnose {NODE3}"
    )


def test_deploy_restarts_a_glusterd_that_does_not_answer() -> None:
    fault = "node3.example.org: glusterd does not answer there (x): systemctl restart glusterd"
    proposal = repaired(fault=fault, no_glusterd=True)
    (step,) = [step for step in proposal.steps if isinstance(step, RestartGlusterd)]
    assert (step.node, step.fault) == (NODE3, fault)
    (command,) = step.remaining([FAILED, ok()]) or ()
    assert command.argv == ("systemctl", "restart", "glusterd.service")
    assert step.remaining([pool_list(NODE3, NODE1), ok()]) is DONE
    with pytest.raises(PreconditionFailed, match="systemctl restart glusterd"):
        step.remaining([FAILED, FAILED])  # no systemd there
