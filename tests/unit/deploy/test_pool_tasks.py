"""What commands that change a pool propose."""

from __future__ import annotations

from typing import Sequence, Tuple

import pytest

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.deploy import gluster_cli, pool_tasks
from ganeti_gluster_mon.deploy.context import Context, Proposal
from ganeti_gluster_mon.deploy.gluster_cli import volumes
from ganeti_gluster_mon.deploy.pool_tasks import _in_the_pool
from ganeti_gluster_mon.deploy.step import PreconditionFailed
from ganeti_gluster_mon.deploy.survey import NodeSurvey
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.model import Peer
from tests.unit.deploy.fake_nodes import cluster, pool_list, volume, volume_info
from tests.unit.deploy.test_heal_steps import summary
from tests.unit.deploy.test_replacing import INFO, NODE1, NODE2, NODE3, OLD, A, Answers, B, status


class Pool(Answers):
    """Nodes of which node3 is dead, with the answers of `tasks.remove_node`."""

    def __init__(self, state: CommandResult) -> None:
        super().__init__(state, summary({A: 5, B: 5, OLD: None}))

    def query(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = 0
    ) -> Tuple[CommandResult, ...]:
        return super().query(node, queries, timeout)


def remove_node(monkeypatch: pytest.MonkeyPatch, *words: str) -> Proposal:
    peers = tuple(
        Peer(node, f"u{n}", "Peer in Cluster", connected=n != 3, local=n == 1)
        for n, node in enumerate((NODE1, NODE2, NODE3), 1)
    )
    member = NodeSurvey(NODE1, peers=peers, volumes=volumes(INFO))
    monkeypatch.setattr(pool_tasks, "pool_members", lambda context: (member,))
    arguments = gnt_gluster.parser().parse_args(["remove-node", "node3", *words])
    return pool_tasks.remove_node(Context(cluster(3), Pool(status(OLD)), NODE1), arguments)


def test_a_dead_node_with_copies_leaves_by_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        PreconditionFailed, match=r"gnt-gluster remove-node node3\.example\.org --reduce-replica"
    ):
        remove_node(monkeypatch)
    with pytest.raises(PreconditionFailed, match="--reduce-replica"):
        remove_node(monkeypatch, "--discard-data")
    proposal = remove_node(monkeypatch, "--reduce-replica")
    assert [type(step).__name__ for step in proposal.steps] == ["ReduceReplica", "StartVolume", "LeavePool"]
    assert proposal.question == (
        f"{OLD.label} is offline; what only it has is lost. Keep one copy less, without {OLD.path} of gv0?"
    )
    assert proposal.result == (
        f"{NODE3} is not in the pool any more: gnt-node remove {NODE3}; to have 3 copies of gv0 again: "
        f"gluster volume add-brick gv0 replica 3 NODE:PATH"
    )


def test_a_node_that_was_installed_anew_has_its_bricks_still() -> None:
    volumes = gluster_cli.volumes(volume_info(volume("gv0", [f"{NODE1}:/b", f"{NODE2}:/b", "192.0.2.3:/b"])))
    peers = gluster_cli.peers(pool_list(NODE1, NODE2, NODE3))
    coordinator = NodeSurvey(NODE1, peers=tuple(peers), volumes=tuple(volumes))
    assert _in_the_pool([NODE2], coordinator) == (
        f"{NODE2} is in the pool, with {NODE2}:/b of gv0: gnt-gluster diagnose {NODE2} shows what is missing there"
    )
    new = "node9.example.org"
    assert _in_the_pool([new], coordinator) == (
        f"{new} is in the pool, without bricks: gnt-gluster expand-volume VOLUME {new} --device DEVICE adds some"
    )
    both = _in_the_pool([NODE2, new], coordinator)
    assert both.startswith(f"{NODE2}, {new} are in the pool, with {NODE2}:/b of gv0: ")


def test_a_node_that_has_left_already_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command was killed when its last step was done, and is repeated."""
    member = NodeSurvey(NODE1, peers=tuple(gluster_cli.peers(pool_list(NODE1, NODE2))))
    monkeypatch.setattr(pool_tasks, "pool_members", lambda context: (member,))
    context = Context(cluster(3), Pool(status(OLD)), NODE1)
    parse = gnt_gluster.parser().parse_args
    proposal = pool_tasks.remove_node(context, parse(["remove-node", "node3"]))
    assert (proposal.steps, proposal.question) == ((), "")
    assert proposal.result == f"{NODE3} is not in the pool of {NODE1}: gnt-node remove {NODE3}"
    with pytest.raises(PreconditionFailed, match="node9 is no peer of the pool"):
        pool_tasks.remove_node(context, parse(["remove-node", "node9"]))


def test_a_volume_that_is_deleted_already_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    members = [NodeSurvey(NODE1, volumes=volumes(INFO)), NodeSurvey(NODE2)]
    monkeypatch.setattr(pool_tasks, "pool_members", lambda context: tuple(members))
    context = Context(cluster(3), Pool(status(OLD)), NODE1)
    arguments = gnt_gluster.parser().parse_args(["destroy-volume", "gv9"])
    proposal = pool_tasks.destroy_volume(context, arguments)
    assert (proposal.steps, proposal.result) == ((), "there is no volume gv9; there are: gv0")
    # while a node cannot be queried, it is not known
    members[1] = NodeSurvey(NODE2, fault="ssh: Connection refused")
    with pytest.raises(PreconditionFailed, match=r"there is no volume gv9: these are gv0 \(not known: ssh"):
        pool_tasks.destroy_volume(context, arguments)
