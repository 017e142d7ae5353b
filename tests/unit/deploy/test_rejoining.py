"""A node that was installed anew is taken into the pool again, by the UUID that the pool knows."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.deploy import plan
from ganeti_gluster_mon.deploy.pool_steps import JoinPool
from ganeti_gluster_mon.deploy.rejoining import Rejoin
from ganeti_gluster_mon.deploy.step import DONE, WAIT, PreconditionFailed
from ganeti_gluster_mon.deploy.survey import NodeSurvey
from ganeti_gluster_mon.gluster.model import Peer
from tests.unit.deploy.fake_nodes import pool_list, uuid, volume, volume_info

NODE1, NODE2, NODE3, NODE9 = (f"node{n}.example.org" for n in (1, 2, 3, 9))
POOL = pool_list(NODE1, NODE2, NODE3, connected={NODE3: False})
STEP = Rejoin(NODE3, NODE1)


def test_a_fresh_glusterd_gets_its_former_uuid_and_calls_the_pool() -> None:
    stop, edit, start, probe, restart = (
        STEP.remaining([POOL, pool_list(NODE9), volume_info(), volume_info()]) or ()
    )
    assert {each.node for each in (stop, edit, start, probe, restart)} == {NODE3}
    assert stop.argv == ("systemctl", "stop", "glusterd.service")
    assert edit.argv[2] == f"s/^UUID=.*/UUID={uuid(NODE3)}/"
    assert start.argv == ("systemctl", "start", "glusterd.service")
    assert str(probe).endswith(f"peer probe {NODE1}")
    assert restart.argv == ("systemctl", "restart", "glusterd.service")


def test_it_goes_on_where_it_was_interrupted() -> None:
    (probe,) = STEP.remaining([POOL, pool_list(NODE3), volume_info(), volume_info()]) or ()
    assert str(probe).endswith(f"peer probe {NODE1}")
    assert STEP.remaining([POOL, pool_list(NODE3, NODE1, NODE2), volume_info(), volume_info()]) == WAIT
    well = pool_list(NODE1, NODE2, NODE3)
    assert STEP.remaining([well, pool_list(NODE3, NODE1, NODE2), volume_info(), volume_info()]) is DONE
    # seen on real hosts: connected, and for four seconds more without the volumes
    gv0 = volume_info(volume("gv0", [f"{NODE1}:/b"], replica=1))
    assert STEP.remaining([well, pool_list(NODE3, NODE1, NODE2), volume_info(), gv0]) == WAIT
    assert STEP.remaining([well, pool_list(NODE3, NODE1, NODE2), gv0, gv0]) is DONE


def test_who_is_not_listed_or_has_something_of_its_own_is_left_alone() -> None:
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
    assert len(commands) == 5
