"""Whether nodes and bricks may be stopped: what is not known counts as no."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest

from ganeti_gluster_mon.gluster import query
from ganeti_gluster_mon.gluster.answer_reader import STATUS_SUBJECTS
from ganeti_gluster_mon.gluster.model import Brick, Disk, Peer, Pool, Subvolume, Unknown, Volume
from ganeti_gluster_mon.gluster.rebalance import Rebalance
from ganeti_gluster_mon.health.stop_check import check_stop


def brick(number: int, **fields: Any) -> Brick:
    facts: Dict[str, Any] = {"online": True, "heal_pending": 0, "split_brain": 0, **fields}
    return Brick("gv0", f"node{number}", "/b", uuid=f"u{number}", **facts)


def volume(
    bricks: Sequence[Brick],
    kind: str = "replicate",
    redundancy: int = 0,
    options: Optional[Dict[str, str]] = None,
    **fields: Any,
) -> Volume:
    subvolume = Subvolume(kind, tuple(bricks), redundancy)
    facts: Dict[str, Any] = {"options": options or {}, **fields}
    return Volume("gv0", "u", kind, "started", "tcp", tuple(bricks), (subvolume,), **facts)


def pool(one: Volume, disks: Optional[Tuple[Disk, ...]] = (), nodes: int = 3) -> Pool:
    peers = tuple(
        Peer(f"node{n}", f"u{n}", "Peer in Cluster", True, reachable=True, local=n == 1)
        for n in range(1, nodes + 1)
    )
    return Pool(1, peers=peers, volumes=(one,), disks=disks)


THREE = [brick(1), brick(2), brick(3)]


def test_one_of_three_copies_may_be_stopped() -> None:
    found = check_stop(pool(volume(THREE)), {"node2"})
    assert found.ok
    assert found.left == ("gv0: replica set: 2 of 3 bricks left",)
    assert check_stop(pool(volume(THREE)), set(), {"node2:/b"}).ok


@pytest.mark.parametrize(
    ("bricks", "stops", "words"),
    [
        (THREE, {"node1", "node2"}, "would lose its quorum: 1 of 3 bricks left"),
        ([brick(1), brick(2, online=False), brick(3)], {"node1"}, "would lose its quorum: 1 of 3"),
        ([brick(1), brick(2, online=None), brick(3)], {"node1"}, "not known whether node2:/b is online"),
        ([brick(1, heal_pending=7), brick(2), brick(3)], {"node2"}, "7 entries are pending"),
        ([brick(1, split_brain=1), brick(2), brick(3)], {"node2"}, "split-brain"),
        (
            [brick(1, not_mounted="/export"), brick(2), brick(3)],
            {"node2"},
            "node1:/b runs, and its filesystem is not",
        ),
        ([brick(n, heal_pending=None) for n in (1, 2, 3)], {"node2"}, "not known whether it is healed"),
        ([brick(1), brick(2), brick(3, arbiter=True)], {"node1", "node2"}, "would lose its quorum"),
    ],
)
def test_copies_that_must_not_be_stopped(bricks: List[Brick], stops: set[str], words: str) -> None:
    found = check_stop(pool(volume(bricks)), stops)
    assert not found.ok
    assert any(words in reason for reason in found.reasons), found.reasons
    assert found.left == ()


def test_a_brick_that_runs_on_the_wrong_filesystem_may_be_stopped_itself() -> None:
    assert check_stop(pool(volume([brick(1, not_mounted="/export"), brick(2), brick(3)])), {"node1"}).ok


def test_a_node_that_is_off_already_may_be_stopped_while_its_copies_wait_for_it() -> None:
    bricks = [brick(1, heal_pending=7), brick(2, online=False, heal_pending=None), brick(3, heal_pending=7)]
    assert check_stop(pool(volume(bricks)), {"node2"}).ok
    assert not check_stop(pool(volume(bricks)), {"node3"}).ok


def test_a_rebalance_that_is_not_known_counts_as_one() -> None:
    """Without `volume status` the bricks may be known by heal info, and tasks are not."""
    where = Unknown(STATUS_SUBJECTS[query.VOLUME_STATUS], "`volume status all`: the answer is empty")
    for unknown in (where, replace(where, volume="gv0")):
        found = check_stop(replace(pool(volume(THREE)), unknowns=(unknown,)), {"node2"})
        assert found.reasons == ("gv0: it is not known whether a rebalance is in progress",)
    for other in (replace(where, volume="gv1"), Unknown("the bricks' space", "it was not run")):
        assert check_stop(replace(pool(volume(THREE)), unknowns=(other,)), {"node2"}).ok


def test_a_brick_without_a_copy_and_a_disperse_set() -> None:
    lone = check_stop(pool(volume([brick(1)], "distribute")), {"node1"})
    assert lone.reasons == ("gv0: subvolume: node1:/b has no copy on another brick",)
    six = volume([brick(n) for n in range(1, 7)], "disperse", redundancy=2)
    assert check_stop(pool(six, nodes=6), {"node5", "node6"}).ok
    assert not check_stop(pool(six, nodes=6), {"node4", "node5", "node6"}).ok


def test_a_task_that_moves_data_is_not_interrupted() -> None:
    running = volume(THREE, rebalance=Rebalance("rebalance", "in progress"))
    assert check_stop(pool(running), {"node2"}).reasons == ("gv0: a rebalance is in progress",)
    assert check_stop(pool(volume(THREE, rebalance=Rebalance("rebalance", "completed"))), {"node2"}).ok
    # of a volume that has no brick there
    assert check_stop(pool(running, nodes=4), {"node4"}).ok


@pytest.mark.parametrize(
    ("ratio", "nodes", "stops", "ok"),
    [
        (None, 3, {"node4"}, True),
        (None, 4, {"node4"}, True),
        (None, 4, {"node3", "node4"}, False),
        ("51%", 4, {"node4"}, True),
        ("80", 4, {"node4"}, False),
        ("75", 4, {"node4"}, True),
    ],
)
def test_the_server_quorum_holds(ratio: Optional[str], nodes: int, stops: set[str], ok: bool) -> None:
    options = {"cluster.server-quorum-type": "server"}
    if ratio is not None:
        options["cluster.server-quorum-ratio"] = ratio
    one = volume([brick(1), brick(2)], "disperse", 0, options)
    found = check_stop(pool(one, nodes=nodes), stops)
    assert found.ok == ok, found.reasons
    assert ok or "server quorum" in found.reasons[0]


def test_a_peer_that_is_away_counts_for_no_server_quorum() -> None:
    one = pool(volume(THREE, options={"cluster.server-quorum-type": "server"}), nodes=4)
    assert one.peers is not None
    away = replace(one, peers=(*one.peers[:2], replace(one.peers[2], reachable=False), one.peers[3]))
    assert check_stop(one, {"node4"}).ok
    assert not check_stop(away, {"node4"}).ok


def test_a_rejected_peer_counts_for_no_server_quorum() -> None:
    """As seen with GlusterFS 10 and 11 in one pool: glusterd of the last node with 10 stopped its bricks."""
    one = pool(volume(THREE, options={"cluster.server-quorum-type": "server"}))
    assert one.peers is not None
    rejected = replace(one, peers=(*one.peers[:2], replace(one.peers[2], state="Peer Rejected")))
    assert check_stop(one, {"node2"}).ok
    found = check_stop(rejected, {"node2"})
    assert not found.ok
    assert "gv0 would lose its server quorum: 1 of 3 peers left, 2 needed" in found.reasons
    without = replace(rejected, volumes=(volume(THREE),))
    assert check_stop(without, {"node2"}).ok


def test_what_is_stopped_names_instances() -> None:
    def disk(instance: str, bricks: Optional[Tuple[Brick, ...]], on: str = "gv0") -> Disk:
        return Disk(
            name=f"{instance}/0", instance=instance, volume=on, path="p", size=1, server="localhost", bricks=bricks
        )  # fmt: skip

    disks = (disk("web", tuple(THREE)), disk("db", None), disk("other", None, "gv1"))
    risk = check_stop(pool(volume(THREE), disks), {"node2"})
    assert (risk.stopped_guests, risk.guests_at_risk) == ((), ("db", "web"))
    lost = check_stop(pool(volume(THREE), disks), {"node1", "node2"})
    assert (lost.stopped_guests, lost.guests_at_risk) == (("db", "web"), ())
    unknown = check_stop(replace(pool(volume(THREE), None), disks_unknown="no candidate"), {"node2"})
    assert (unknown.stopped_guests, unknown.guests_unknown) == (None, "no candidate")


def test_nothing_known_is_no() -> None:
    assert not check_stop(Pool(1), {"node2"}).ok
