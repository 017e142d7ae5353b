"""The peers of a pool: their names, which of them are reached, and which are missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

from ganeti_gluster_mon.gluster import parse, query
from ganeti_gluster_mon.gluster.answer_reader import AnswerReader
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.model import Peer
from ganeti_gluster_mon.gluster.peer_builder import build_peers
from tests.unit import built_pool

NODES = built_pool.hosts(5)
UUIDS = [built_pool.uuid_of(node) for node in NODES]
CAPTURE = built_pool.pool(built_pool.replicated(NODES)).capture()
#: without bricks: nothing but the answer about peers names them
NO_BRICKS: tuple[parse.VolumeInfo, ...] = ()


def volume(name: str, *uuids: str) -> parse.VolumeInfo:
    bricks = tuple(parse.BrickInfo(f"{name}-{uuid[:4]}", "/b", uuid, False) for uuid in uuids)
    return parse.VolumeInfo("gv0", "u", "started", "replicate", "tcp", bricks, 3, 0, 0, 0)


def built(
    capture: Capture, infos: tuple[parse.VolumeInfo, ...] = NO_BRICKS
) -> tuple[AnswerReader, list[Peer]]:
    reader = AnswerReader(capture)
    return reader, list(build_peers(reader, infos) or ())


def as_peer_status(capture: Capture, keep: int) -> Capture:
    """*capture* with `peer status` instead of `pool list`, of the first *keep* peers and without this node."""
    return replace(
        capture,
        answers=tuple(
            replace(answer, query=query.PEER_STATUS, output=_without_local(answer.output, keep))
            for answer in capture.answers
            if answer.query == query.POOL_LIST
        ),
    )


def _without_local(output: bytes, keep: int) -> bytes:
    head, *peers = output.decode().split("<peer>")
    return (head + "".join(f"<peer>{peer}" for peer in peers[:keep]) + "</peerStatus></cliOutput>").encode()


def by_uuid(peers: list[Peer]) -> dict[str, Peer]:
    return {peer.uuid: peer for peer in peers}


def test_this_node_is_named_by_its_bricks_then_by_its_own_name() -> None:
    def local(capture: Capture, *infos: parse.VolumeInfo) -> tuple[str, Optional[bool]]:
        (found,) = [peer for peer in built(capture, infos)[1] if peer.local]
        return found.hostname, found.reachable

    assert local(CAPTURE, volume("brick", UUIDS[0])) == (f"brick-{UUIDS[0][:4]}", True)
    assert local(CAPTURE) == (NODES[0], True)
    assert local(replace(CAPTURE, node=None)) == ("localhost", True)


def test_all_members_are_known_where_the_answer_is_whole_and_names_this_node() -> None:
    assert built(CAPTURE)[0].all_peers == set(UUIDS)
    cut = tuple(
        replace(answer, failure="cut short") if answer.query == query.POOL_LIST else answer
        for answer in CAPTURE.answers
    )
    reader, peers = built(replace(CAPTURE, answers=cut))
    assert reader.all_peers is None and len(peers) == 5
    reader, peers = built(as_peer_status(CAPTURE, 4))
    assert reader.all_peers is None and len(peers) == 4
    assert reader.unknowns == []


def test_a_peer_is_reached_if_it_answered_and_not_known_if_it_was_not_called() -> None:
    _, peers = built(replace(CAPTURE, reachable={NODES[1]: True, NODES[2]: False}))
    found = by_uuid(peers)
    assert [found[uuid].reachable for uuid in UUIDS[:4]] == [True, True, False, None]
    assert [found[uuid].local for uuid in UUIDS[:2]] == [True, False]


def followed(**changes: Any) -> dict[str, Peer]:
    """On the second node, whose glusterd does not answer: the peers by the first node's answer."""
    capture = replace(CAPTURE, local=UUIDS[1], node=NODES[1], queried_by=NODES[0])
    return by_uuid(built(replace(capture, **changes))[1])


def test_the_node_that_ran_the_queries_is_a_peer_of_this_one() -> None:
    found = followed()
    first, own = found[UUIDS[0]], found[UUIDS[1]]
    assert (first.hostname, first.state, first.reachable, first.local) == (
        NODES[0],
        "Peer in Cluster",
        True,
        False,
    )
    assert (own.hostname, own.local) == (NODES[1], True)
    assert followed(reachable={NODES[0]: False})[UUIDS[0]].reachable is False
    assert followed(reachable={NODES[0]: True})[UUIDS[0]].reachable is True
    assert followed(queried_by=None)[UUIDS[0]].hostname == "localhost"


def test_this_node_ran_the_queries_for_others_too() -> None:
    found = by_uuid(built(replace(CAPTURE, local=UUIDS[0]))[1])
    assert found[UUIDS[0]].local and found[UUIDS[0]].reachable


def test_peers_that_another_answer_names_are_missing() -> None:
    few = tuple(
        replace(
            answer, output=answer.output.replace(UUIDS[2].encode(), built_pool.uuid_of("another").encode())
        )
        for answer in CAPTURE.answers
        if answer.query == query.POOL_LIST
    )
    both = replace(CAPTURE, answers=(*few, *as_peer_status(CAPTURE, 4).answers))
    reader, _ = built(both)
    assert any(
        note.why == f"`pool list` does not name {NODES[2]}" and note.what == "the peers"
        for note in reader.unknowns
    )


def test_a_pool_list_without_this_node_misses_it() -> None:
    (answer,) = as_peer_status(CAPTURE, 4).answers
    reader, _ = built(replace(CAPTURE, answers=(replace(answer, query=query.POOL_LIST),)))
    assert [note.why for note in reader.unknowns] == ["`pool list` does not name this node"]
    assert reader.all_peers is None
