"""Steps that change the pool and its volumes."""

from __future__ import annotations

from typing import Tuple

import pytest

from ganeti_gluster_mon.deploy.brick_steps import RunGlusterd
from ganeti_gluster_mon.deploy.layout import BrickAddress, replica
from ganeti_gluster_mon.deploy.pool_steps import CreateVolume, DeleteVolume, JoinPool, LeavePool, SetForGuests
from ganeti_gluster_mon.deploy.step import DONE, WAIT, PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import (
    FAILED,
    ok,
    pool_list,
    volume,
    volume_info,
)
from tests.unit.deploy.test_brick_steps import commands


def test_a_node_joins_once() -> None:
    step = JoinPool("node2", "node1")
    assert commands(step.remaining([pool_list("node1"), pool_list("node2")])) == [
        "gluster --mode=script peer probe node2"
    ]
    joined = pool_list("node1", "node2"), pool_list("node2", "node1")
    assert step.remaining(joined) is DONE
    probing = pool_list("node1", "node2", state="Probe Sent to Peer"), pool_list("node2", "node1")
    assert step.remaining(probing) == WAIT
    with pytest.raises(
        PreconditionFailed, match=r"node2 is in another pool already, with node7; .*gluster peer detach node2"
    ):
        step.remaining([pool_list("node1"), pool_list("node2", "node7")])


def test_a_node_with_bricks_does_not_leave() -> None:
    step = LeavePool("node2", "node1")
    bricks = volume_info(volume("gv0", ["node1:/b", "node2:/b", "node3:/b"]))
    with pytest.raises(
        PreconditionFailed, match=r"node2 holds bricks: /b of gv0; .*replace-brick gv0 node2:/b"
    ):
        step.remaining([pool_list("node1", "node2"), bricks])
    assert commands(step.remaining([pool_list("node1", "node2"), volume_info()])) == [
        "gluster --mode=script peer detach node2"
    ]
    assert step.remaining([pool_list("node1"), bricks]) is DONE


def tasks(*parsed: Tuple[str, int, str]) -> CommandResult:
    """What `volume status gv0` says of tasks: type, status and its words."""
    each = "".join(
        f"<task><type>{kind}</type><id>ff1f3686-0c70-4081-8bc5-554d9498230e</id>"
        f"<status>{status}</status><statusStr>{words}</statusStr></task>"
        for kind, status, words in parsed
    )
    return ok(
        "<cliOutput><opRet>0</opRet><opErrno>0</opErrno><opErrstr/><volStatus><volumes><volume>"
        f"<volName>gv0</volName><nodeCount>0</nodeCount><tasks>{each}</tasks>"
        "</volume></volumes></volStatus></cliOutput>"
    )


def test_a_volume_is_deleted_whatever_runs_on_it_but_not_while_bricks_leave_it() -> None:
    step = DeleteVolume("node1", "gv0")
    there = volume_info(volume("gv0", ["node1:/b", "node2:/b"]))
    pool = pool_list("node1", "node2")
    stop = ["gluster --mode=script volume stop gv0", "gluster --mode=script volume delete gv0"]
    assert step.remaining([volume_info(), FAILED, pool]) is DONE
    assert commands(step.remaining([there, tasks(), pool])) == stop
    assert commands(step.remaining([there, FAILED, pool])) == stop
    for over in ((3, "completed"), (7, "fix-layout completed"), (2, "stopped")):
        assert commands(step.remaining([there, tasks(("Rebalance", *over)), pool])) == stop
    for running in ((1, "in progress"), (5, "fix-layout in progress")):
        first, *rest = commands(step.remaining([there, tasks(("Rebalance", *running)), pool]))
        assert (first, rest) == ("gluster --mode=script volume rebalance gv0 stop", stop)
    with pytest.raises(PreconditionFailed, match=r"volume remove-brick gv0 BRICK\.\.\. stop"):
        step.remaining([there, tasks(("Remove brick", 1, "in progress")), pool])


def test_nothing_is_deleted_or_detached_while_a_peer_is_disconnected() -> None:
    """Gluster 10.3: "Some of the peers are down", "One of the peers is probably down", after the stop."""
    there = volume_info(volume("gv0", ["node1:/b", "node2:/b"]))
    pool = pool_list("node1", "node2", "node3", connected={"node3": False})
    with pytest.raises(
        PreconditionFailed,
        match=r"gv0 cannot be deleted, and was not stopped: .* and node3 is: .*restart glusterd",
    ):
        DeleteVolume("node1", "gv0").remaining([there, tasks(), pool])
    with pytest.raises(PreconditionFailed, match=r"node2 cannot leave the pool: .* and node3 is: "):
        LeavePool("node2", "node1").remaining([pool, volume_info()])
    # but the one that is disconnected may itself be detached
    assert commands(LeavePool("node3", "node1").remaining([pool, volume_info()])) == [
        "gluster --mode=script peer detach node3"
    ]


BRICKS = tuple(BrickAddress(f"node{n}", "/b") for n in (1, 2, 3))


def test_a_volume_is_made_once_and_its_name_is_not_taken_away() -> None:
    step = CreateVolume("node1", "gv0", replica(3), BRICKS)
    assert commands(step.remaining([volume_info()])) == [
        "gluster --mode=script volume create gv0 replica 3 node1:/b node2:/b node3:/b"
    ]
    assert step.remaining([volume_info(volume("gv0", ["node1:/b", "node2:/b", "node3:/b"]))]) is DONE
    with pytest.raises(PreconditionFailed, match="there is a volume gv0 already, on node1:/other"):
        step.remaining([volume_info(volume("gv0", ["node1:/other", "node2:/b", "node3:/b"]))])


def test_options_are_set_before_there_is_data_and_never_after() -> None:
    step = SetForGuests("node1", "gv0", (("features.shard", "off"),))
    group = ok("features.shard=on\nnetwork.ping-timeout=20\n")
    created = volume_info(volume("gv0", ["node1:/b", "node2:/b", "node3:/b"], status=0))
    assert commands(step.remaining([created, group])) == [
        "gluster --mode=script volume set gv0 group virt",
        "gluster --mode=script volume set gv0 features.shard off",
    ]
    for status in (1, 2):
        used = volume_info(volume("gv0", ["node1:/b", "node2:/b", "node3:/b"], status=status))
        assert step.remaining([used, group]) is DONE


def test_a_volume_without_copies_gets_the_options_that_it_can_have() -> None:
    step = SetForGuests("node1", "gv0", (("cluster.server-quorum-type", "none"),), copies=False)
    group = ok("features.shard=on\ncluster.shd-max-threads=8\ncluster.server-quorum-type=server\n")
    assert commands(step.remaining([volume_info(), group])) == [
        "gluster --mode=script volume set gv0 features.shard on cluster.server-quorum-type none"
    ]


def test_glusterd_is_enabled_where_there_is_systemd() -> None:
    step = RunGlusterd("node1")
    assert step.remaining([FAILED, FAILED, FAILED]) is DONE
    assert step.remaining([ok(), ok("enabled\n"), ok("active\n")]) is DONE
    assert commands(step.remaining([ok(), CommandResult(1, "disabled\n", ""), ok("active\n")])) == [
        "systemctl enable --now glusterd.service"
    ]
