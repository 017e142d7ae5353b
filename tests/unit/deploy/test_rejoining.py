"""A node that was installed anew is taken into the pool again, by the UUID that the pool knows."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.deploy import plan
from ganeti_gluster_mon.deploy.pool_steps import JoinPool
from ganeti_gluster_mon.deploy.rejoining import Rejoin
from ganeti_gluster_mon.deploy.step import DONE, WAIT, PreconditionFailed
from ganeti_gluster_mon.deploy.survey import NodeSurvey
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.model import Peer
from tests.unit.deploy.fake_nodes import pool_list, uuid, volume, volume_info

NODE1, NODE2, NODE3, NODE9 = (f"node{n}.example.org" for n in (1, 2, 3, 9))
POOL = pool_list(NODE1, NODE2, NODE3, connected={NODE3: False})
STEP = Rejoin(NODE3, NODE1)


def test_a_fresh_glusterd_gets_its_former_uuid_and_the_members_of_the_pool() -> None:
    stop, edit, *files, start = STEP.remaining([POOL, pool_list(NODE9), volume_info(), volume_info()]) or ()
    assert {each.node for each in (stop, edit, *files, start)} == {NODE3}
    assert stop.argv == ("systemctl", "stop", "glusterd.service")
    assert edit.argv[2] == f"s/^UUID=.*/UUID={uuid(NODE3)}/"
    assert [(each.argv, each.text) for each in files] == [
        (
            ("tee", f"/var/lib/glusterd/peers/{uuid(name)}"),
            f"uuid={uuid(name)}\nstate=3\nhostname1={name}\n",
        )
        for name in (NODE2, NODE1)
    ]
    assert start.argv == ("systemctl", "start", "glusterd.service")


def test_it_goes_on_where_it_was_interrupted() -> None:
    for its in (pool_list(NODE3), pool_list(NODE3, NODE1)):
        commands = STEP.remaining([POOL, its, volume_info(), volume_info()]) or ()
        assert [each.argv[0] for each in commands] == ["systemctl", "sed", "tee", "tee", "systemctl"]
    assert STEP.remaining([POOL, pool_list(NODE3, NODE1, NODE2), volume_info(), volume_info()]) == WAIT
    well = pool_list(NODE1, NODE2, NODE3)
    assert STEP.remaining([well, pool_list(NODE3, NODE1, NODE2), volume_info(), volume_info()]) is DONE
    # observed on real hosts: connected, and for four seconds more without the volumes
    gv0 = volume_info(volume("gv0", [f"{NODE1}:/b"], replica=1))
    assert STEP.remaining([well, pool_list(NODE3, NODE1, NODE2), volume_info(), gv0]) == WAIT
    assert STEP.remaining([well, pool_list(NODE3, NODE1, NODE2), gv0, gv0]) is DONE


def test_a_glusterd_that_was_just_started_is_waited_for() -> None:
    busy = CommandResult(1, "Error : Request timed out\n", "")
    assert STEP.remaining([POOL, busy, volume_info(), volume_info()]) == WAIT
    assert STEP.remaining([POOL, pool_list(NODE3, NODE1, NODE2), busy, volume_info()]) == WAIT


def test_a_probe_that_came_to_no_end_is_undone_on_both_sides() -> None:
    """By hand, or by an older version: both stay at "Sent and Received peer request"."""
    half = {NODE3: "Sent and Received peer request"}
    pool = pool_list(NODE1, NODE2, NODE3, states=half)
    its = pool_list(NODE3, NODE1, states={NODE1: "Sent and Received peer request"})
    commands = STEP.remaining([pool, its, volume_info(), volume_info()]) or ()
    there = [each for each in commands if each.node == NODE1]
    assert [each.argv[:2] for each in there] == [
        ("systemctl", "stop"),
        ("sed", "--in-place"),
        ("systemctl", "start"),
    ]
    assert there[1].argv[2:] == ("s/^state=.*/state=3/", f"/var/lib/glusterd/peers/{uuid(NODE3)}")
    assert [each.argv[0] for each in commands if each.node == NODE3] == [
        "systemctl", "sed", "tee", "tee", "systemctl",
    ]  # fmt: skip


def test_a_node_that_is_not_listed_or_has_something_of_its_own_is_left_alone() -> None:
    assert STEP.remaining([pool_list(NODE1, NODE2), pool_list(NODE3), volume_info(), volume_info()]) is DONE
    with pytest.raises(PreconditionFailed, match="gluster peer detach node3"):
        STEP.remaining([POOL, pool_list(NODE9, "other"), volume_info(), volume_info()])
    with pytest.raises(PreconditionFailed, match="has volumes"):
        STEP.remaining(
            [POOL, pool_list(NODE9), volume_info(volume("other", [f"{NODE9}:/b"], replica=1)), volume_info()]
        )


def test_it_is_planned_for_each_node_that_is_listed_connected_or_not() -> None:
    peers = (
        Peer(NODE1, "u1", "Peer in Cluster", True, local=True),
        Peer(NODE2, "u2", "Peer in Cluster", True),
        Peer(NODE3, "u3", "Peer in Cluster", False),
    )
    steps = plan.join([NODE2, NODE3, NODE9], NodeSurvey(NODE1, peers=peers))
    assert [step.node for step in steps if isinstance(step, Rejoin)] == [NODE2, NODE3]
    assert [step.node for step in steps if isinstance(step, JoinPool)] == [NODE2, NODE3, NODE9]


def test_a_node_with_another_uuid_is_called_connected_at_first() -> None:
    connected = pool_list(NODE1, NODE2, NODE3)
    commands = STEP.remaining([connected, pool_list(NODE9), volume_info(), volume_info()]) or ()
    assert [each.argv[0] for each in commands] == ["systemctl", "sed", "tee", "tee", "systemctl"]


def test_a_node_that_has_volumes_or_is_rejected_is_not_restarted() -> None:
    """Its glusterd may serve bricks, and a rejected peer has another configuration of volumes."""
    gv0 = volume_info(volume("gv0", [f"{NODE1}:/b"], replica=1))
    stuck = pool_list(
        NODE1, NODE2, NODE3, states={NODE3: "Sent and Received peer request"}, connected={NODE3: False}
    )
    assert STEP.remaining([stuck, pool_list(NODE3, NODE1), gv0, gv0]) == WAIT
    rejected = pool_list(NODE1, NODE2, NODE3, states={NODE3: "Peer Rejected"}, connected={NODE3: False})
    assert STEP.remaining([rejected, pool_list(NODE3, NODE1, NODE2), volume_info(), gv0]) == WAIT
