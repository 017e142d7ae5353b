"""The leader's capture and this node's own, laid together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import List

import pytest

from ganeti_gluster_mon.gluster import capture, query
from ganeti_gluster_mon.gluster.capture import Answer, Capture, CaptureError
from ganeti_gluster_mon.gluster.merge import check_same_pool, merge_captures, other_hosts, own_uuid
from ganeti_gluster_mon.gluster.model import DiskFile
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import CRITICAL, OK, Limits, evaluate

ANSWERS = Path(__file__).parents[1] / "answers"
RECORDED = Path(__file__).parents[2] / "captures" / "recorded"
NODE1 = "2f5fe442-3b7d-413f-a157-e783a5d0af1b"
NODE2 = "958c3bbe-696a-406c-88cf-24c0b56246d3"
NO_MEMBER = "ffffffff-0000-4000-8000-000000000000"
#: ns
SECOND = 10**9


def read(name: str) -> Capture:
    """A recorded capture, as if it had been taken when "healthy" was."""
    recorded = capture.read(str(RECORDED / name))
    return replace(recorded, recorded_at=capture.read(str(RECORDED / "healthy")).recorded_at)


def own() -> Capture:
    """Node 2 as a follower: no query that takes a lock was run."""
    full = read("healthy-node2")
    answers = [full.answer(query.VOLUME_INFO), full.answer(query.POOL_LIST)]
    left = [Answer(each, b"", failure="left") for each in (query.VOLUME_STATUS_DETAIL, query.VOLUME_STATUS)]
    return replace(
        full, answers=(*(each for each in answers if each), *left), reachable={}, bricks_answering={}
    )


def state(started: str, path: str = "/export/b1/gv0") -> Answer:
    """What glusterd of node 2 says of its brick."""
    output = (ANSWERS / "get-state.txt").read_text(encoding="utf-8")
    output = output.replace("node1.lab.test:/export/b1/gv0", f"node2.lab.test:{path}")
    output = output.replace("Volume1.Brick1.status: Started", f"Volume1.Brick1.status: {started}")
    return Answer(query.GET_STATE, output.encode())


def with_state(taken: Capture, answer: Answer) -> Capture:
    return replace(taken, answers=(*taken.answers, answer))


def test_a_follower_sees_all_that_the_leader_sees() -> None:
    leaders = read("healthy")
    pool = build_pool(merge_captures(own(), leaders, NODE2))
    assert pool.volumes is not None
    theirs = build_pool(leaders).volumes or ()
    assert [volume.name for volume in pool.volumes] == [volume.name for volume in theirs]
    for mine, other in zip(pool.volumes, theirs):
        assert [brick.online for brick in mine.bricks] == [brick.online for brick in other.bricks]
        assert mine.heal == other.heal
    assert evaluate(pool, Limits(), pool.taken_at).code == OK
    assert pool.node == "node2.lab.test"
    assert [(peer.hostname, peer.local) for peer in pool.peers or () if peer.local] == [
        ("node2.lab.test", True)
    ]
    assert all(peer.reachable for peer in pool.peers or ())


def test_what_the_leader_finds_wrong_is_wrong_here() -> None:
    pool = build_pool(merge_captures(own(), read("brick-killed"), NODE2))
    health = evaluate(pool, Limits(), pool.taken_at)
    assert health.code == CRITICAL
    assert "is offline" in health.message


def test_mounts_and_processes_are_its_own() -> None:
    mine = own()
    pool = build_pool(merge_captures(mine, replace(read("healthy"), processes=None, mounts=()), NODE2))
    assert pool.mounts == mine.mounts
    assert pool.processes == mine.processes


def test_what_it_knows_later_of_its_own_bricks_counts() -> None:
    leaders, mine = read("healthy"), own()
    later = replace(mine, recorded_at=mine.recorded_at + SECOND)

    def online(taken: Capture, received: Capture) -> object:
        pool = build_pool(merge_captures(taken, received, NODE2))
        (brick,) = [b for v in pool.volumes or () if v.name == "gv0" for b in v.bricks if "node2" in b.host]
        return brick.online

    path = next(
        b.path
        for v in build_pool(leaders).volumes or ()
        if v.name == "gv0"
        for b in v.bricks
        if "node2" in b.host
    )
    assert online(with_state(later, state("Stopped", path)), leaders) is False
    assert online(with_state(later, state("Started", path)), leaders) is True


def test_a_brick_that_its_own_glusterd_calls_offline_is_not_online_by_the_leaders_word() -> None:
    """The time of the leader's answers does not matter.  A brick that this node reaches has been started since."""
    leaders = read("healthy")
    key = ("node2.lab.test", "/export/b1/gv0")
    assert leaders.bricks_answering[key]
    mine = replace(own(), recorded_at=own().recorded_at - SECOND)
    earlier = with_state(mine, state("Stopped"))

    def online(mine: Capture) -> List[object]:
        pool = build_pool(merge_captures(mine, leaders, NODE2))
        bricks = [brick for volume in pool.volumes or () for brick in volume.bricks]
        return [brick.online for brick in bricks if (brick.host, brick.path) == key]

    assert online(earlier) == [False]
    assert online(replace(earlier, bricks_answering={key: False})) == [False]
    assert online(replace(earlier, bricks_answering={key: True})) == [True]
    assert online(with_state(mine, state("Started"))) == [True]


def test_it_is_as_old_as_its_older_part() -> None:
    leaders, mine = read("healthy"), own()
    late = replace(mine, recorded_at=mine.recorded_at + 5 * SECOND)
    assert build_pool(merge_captures(late, leaders, NODE2)).taken_at == leaders.recorded_at


def test_where_its_own_glusterd_does_not_answer_the_leaders_names_the_peers() -> None:
    mute = Answer(query.POOL_LIST, b"", failure="glusterd does not run")
    mine = replace(own(), answers=(mute,))
    pool = build_pool(merge_captures(mine, read("healthy"), NODE2))
    peers = {peer.hostname: peer for peer in pool.peers or ()}
    assert set(peers) == {"node1.lab.test", "node2.lab.test", "node3.lab.test"}
    assert [host for host, peer in peers.items() if peer.local] == ["node2.lab.test"]
    assert peers["node1.lab.test"].reachable is True
    assert peers["node1.lab.test"].state == "Peer in Cluster"


def test_that_the_others_have_lost_it_is_reported() -> None:
    leaders = read("healthy")
    listed = leaders.answer(query.POOL_LIST)
    assert listed is not None
    cut = listed.output.replace(b"<connected>1</connected>", b"<connected>0</connected>")
    answers = tuple(replace(a, output=cut) if a.query == query.POOL_LIST else a for a in leaders.answers)
    pool = build_pool(merge_captures(replace(own(), answers=()), replace(leaders, answers=answers), NODE2))
    assert "this node, node2.lab.test, is disconnected" in evaluate(pool, Limits(), pool.taken_at).message


def test_what_this_node_cannot_reach_is_reported_here_whatever_the_leader_reaches() -> None:
    leaders = read("healthy")
    assert all(leaders.reachable.values())
    mine = replace(own(), reachable={"node1.lab.test": False, "node3.lab.test": True})
    pool = build_pool(merge_captures(mine, leaders, NODE2))
    assert {peer.hostname: peer.reachable for peer in pool.peers or ()} == {
        "node1.lab.test": False,
        "node2.lab.test": True,
        "node3.lab.test": True,
    }
    assert evaluate(pool, Limits(), pool.taken_at).code == CRITICAL
    theirs = replace(leaders, reachable={**leaders.reachable, "node3.lab.test": False})
    pool = build_pool(merge_captures(mine, theirs, NODE2))
    assert {peer.hostname for peer in pool.peers or () if not peer.reachable} == {
        "node1.lab.test",
        "node3.lab.test",
    }


def test_a_peer_has_the_name_that_each_node_gives_it() -> None:
    leaders = read("healthy")
    mine = own()
    renamed = tuple(
        replace(answer, output=answer.output.replace(b"node3.lab.test", b"node3"))
        if answer.query == query.POOL_LIST
        else answer
        for answer in mine.answers
    )
    mine = replace(mine, answers=renamed, reachable={"node3": False})
    pool = build_pool(merge_captures(mine, leaders, NODE2))
    assert [peer.hostname for peer in pool.peers or () if peer.reachable is False] == ["node3"]


def test_a_brick_that_does_not_answer_here_hangs_whatever_the_leader_says() -> None:
    leaders = read("healthy")
    key = ("node2.lab.test", "/export/b1/gv0")
    assert leaders.bricks_answering[key]
    mine = replace(own(), bricks_answering={key: False})
    pool = build_pool(merge_captures(mine, leaders, NODE2))
    assert [brick.label for v in pool.volumes or () for brick in v.bricks if brick.hangs] == [":".join(key)]
    mine = replace(own(), bricks_answering={key: True})
    theirs = replace(leaders, bricks_answering={**leaders.bricks_answering, key: False})
    pool = build_pool(merge_captures(mine, theirs, NODE2))
    assert [brick.label for v in pool.volumes or () for brick in v.bricks if brick.hangs] == [":".join(key)]


def test_that_its_own_glusterd_does_not_answer_is_reported() -> None:
    mute = Answer(query.POOL_LIST, b"", failure="glusterd hangs")
    pool = build_pool(merge_captures(replace(own(), answers=(mute,)), read("healthy"), NODE2))
    assert [(peer.hostname, peer.reachable) for peer in pool.peers or () if peer.local] == [
        ("node2.lab.test", False)
    ]
    health = evaluate(pool, Limits(), pool.taken_at)
    assert health.code == CRITICAL
    assert health.problems[0].code == "GLUSTERD_HANGS"
    assert "node2.lab.test" in health.message


def test_own_uuid_and_the_other_members() -> None:
    assert own_uuid(own()) == NODE2
    assert set(other_hosts(own()).values()) == {"node1.lab.test", "node3.lab.test"}
    failed = Answer(query.POOL_LIST, b"", failure="it hangs")
    assert own_uuid(replace(own(), answers=(failed,))) is None
    assert other_hosts(replace(own(), answers=(failed,))) == {}


def test_a_capture_of_another_pool_or_another_node_is_refused() -> None:
    check_same_pool(read("healthy"), NODE1, NODE2)
    with pytest.raises(CaptureError, match="a pool that this node is not in"):
        check_same_pool(read("healthy"), NODE1, NO_MEMBER)
    with pytest.raises(CaptureError, match="not by the node that sent it"):
        check_same_pool(read("healthy"), NODE2, NODE1)


def test_the_disks_are_those_of_the_node_that_knows_them() -> None:
    """The configuration is on the master's candidates only; a node sees the files on its own bricks."""
    disk = DiskFile("web", "disk/0", "distrep", "ganeti/a.0")
    theirs, mine = (
        replace(disk, copies={"node1:/b": 1}, allocated=3, to_heal={"node1:/b": 4}),
        replace(disk, copies={"node2:/b": 2}, to_heal={"node2:/b": 5}),
    )
    other = replace(disk, path="ganeti/b.0")

    knows = merge_captures(
        replace(own(), disks=(mine, other)), replace(read("healthy"), disks=(theirs,)), NODE2
    )
    assert knows.disks == (
        replace(theirs, copies={"node1:/b": 1, "node2:/b": 2}, to_heal={"node1:/b": 4, "node2:/b": 5}),
    )
    no_candidate = merge_captures(
        replace(own(), disks_unknown="no"), replace(read("healthy"), disks=(theirs,)), NODE2
    )
    assert (no_candidate.disks, no_candidate.disks_unknown) == ((theirs,), None)
    candidate = merge_captures(
        replace(own(), disks=(mine,)), replace(read("healthy"), disks_unknown="no"), NODE2
    )
    assert (candidate.disks, candidate.disks_unknown) == ((mine,), None)
    unknown = merge_captures(
        replace(own(), disks_unknown="no"), replace(read("healthy"), disks_unknown="not"), NODE2
    )
    assert (unknown.disks, unknown.disks_unknown) == (None, "not")
