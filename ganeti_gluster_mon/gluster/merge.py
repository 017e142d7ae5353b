"""One capture from two: the leader's queries for all nodes, and what this node knows about itself.  Pure.

From the leader comes what takes a lock or concerns the whole pool: the volumes, their bricks'
state and space, the heal backlog, quota, rebalance, who could be reached.  This node's own are
its peers as its own glusterd sees them, its bricks as its own glusterd knows them (one that it calls offline is online
only if this node reaches it), its mounts, processes and devices.  Where both probed the same process, the worse result
counts: a node that does not reach a peer or a brick reports it, wherever that is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Optional, Tuple

from ganeti_gluster_mon.gluster import parse, query
from ganeti_gluster_mon.gluster.capture import Answer, Capture, CaptureError
from ganeti_gluster_mon.gluster.model import Peer

#: what this node's own answer is taken to, where there is a good one
_OWN = (query.POOL_LIST, query.GET_STATE)


def merge_captures(own: Capture, leaders: Capture, own_uuid: str) -> Capture:
    """The leader's capture as this node, *own_uuid* in the pool, would have taken it.

    The times in both must be by one clock.
    """
    answers = {answer.query: _at(answer, leaders) for answer in leaders.answers}
    answers.pop(query.GET_STATE, None)
    for each in _OWN:
        answer = own.answer(each)
        if answer is not None and (each not in answers or _is_whole(answer)):
            answers[each] = _at(answer, own)
    reachable = dict(leaders.reachable)
    peers = _peers(leaders)
    mine = next((peer for peer in peers if peer.uuid == own_uuid), None)
    if mine is not None:
        reachable.pop(mine.hostname, None)
    if leaders.node is not None:
        # Its answers have just come.
        reachable[leaders.node] = True
        reachable.update((peer.hostname, True) for peer in _peers(own) if peer.uuid == _local(peers))
    reachable.update(_not_reached(own, peers))
    if mine is not None and _is_refused(own):
        reachable[mine.hostname] = False
    bricks_answering = dict(leaders.bricks_answering)
    bricks_answering.update((brick, False) for brick, answers in own.bricks_answering.items() if not answers)
    for brick in _offline(own):
        # This node finds out itself whether it is up again, whatever the leader reports and however late.
        bricks_answering.pop(brick, None)
        if brick in own.bricks_answering:
            bricks_answering[brick] = own.bricks_answering[brick]
    return replace(
        own,
        recorded_at=min(own.recorded_at, leaders.recorded_at),
        answers=tuple(answers.values()),
        reachable=reachable,
        bricks_answering=bricks_answering,
        hosts_answering={
            host: answers
            for host, answers in leaders.hosts_answering.items()
            if mine is None or host != mine.hostname
        },
        scrubs=leaders.scrubs,
        geo_replications=leaders.geo_replications,
        **_disks(own, leaders),
        local=own_uuid,
        queried_by=leaders.node,
    )


def _offline(own: Capture) -> List[Tuple[str, str]]:
    """This node's bricks that its own glusterd calls offline, by host and path."""
    answer = own.answer(query.GET_STATE)
    if answer is None or not answer.output:
        return []
    try:
        state = parse.state_in_part(answer.output).facts
    except parse.NoAnswer:
        return []
    bricks = [brick for volume in state.volumes for brick in volume.bricks]
    return [(brick.host, brick.path) for brick in bricks if brick.started is False]


def _not_reached(own: Capture, peers: Tuple[Peer, ...]) -> Dict[str, bool]:
    """The peers whose glusterd did not answer this node, by the names that they have here and in *peers*."""
    silent = {host for host, answers in own.reachable.items() if not answers}
    uuids = {peer.uuid for peer in _peers(own) if peer.hostname in silent}
    return dict.fromkeys([*silent, *(peer.hostname for peer in peers if peer.uuid in uuids)], False)


def _is_refused(own: Capture) -> bool:
    """Whether this node's own glusterd was queried for the peers and did not answer."""
    answer = own.answer(query.POOL_LIST)
    return answer is not None and not _is_whole(answer)


def _disks(own: Capture, leaders: Capture) -> Dict[str, Any]:
    """The disks from the node that knows them, with what both nodes know of their files.

    Ganeti's configuration is on some nodes only, the leader not always among them.
    """
    if leaders.disks is None or own.disks is None:
        known = own if leaders.disks is None and own.disks is not None else leaders
        return {"disks": known.disks, "disks_unknown": known.disks_unknown}
    mine = {(disk.volume, disk.path): disk for disk in own.disks}
    both = []
    for disk in leaders.disks:
        here = mine.get((disk.volume, disk.path))
        if here is not None:
            copies, to_heal = {**disk.copies, **here.copies}, {**disk.to_heal, **here.to_heal}
            disk = replace(disk, copies=copies, to_heal=to_heal)
        both.append(disk)
    return {"disks": tuple(both), "disks_unknown": None}


def check_same_pool(capture: Capture, sender: str, own_uuid: str) -> None:
    """Raises CaptureError unless *capture* is by the node *sender*, in a pool that *own_uuid* is of."""
    peers = _peers(capture)
    if _local(peers) != sender:
        raise CaptureError("it is not by the node that sent it")
    if own_uuid not in {peer.uuid for peer in peers}:
        raise CaptureError("it is of a pool that this node is not in")


def own_uuid(capture: Capture) -> Optional[str]:
    """The uuid of the node that *capture* was taken on; None where its glusterd did not answer."""
    answer = capture.answer(query.POOL_LIST)
    return _local(_peers(capture)) if answer is not None and _is_whole(answer) else None


def other_hosts(capture: Capture) -> Dict[str, str]:
    """The names of the hosts of the other nodes in the pool, by uuid; also of those that glusterd has lost."""
    return {peer.uuid: peer.hostname for peer in _peers(capture) if not peer.local}


def _at(answer: Answer, capture: Capture) -> Answer:
    return replace(answer, taken_at=capture.recorded_at if answer.taken_at is None else answer.taken_at)


def _is_whole(answer: Answer) -> bool:
    return answer.failure is None and bool(answer.output)


def _local(peers: Tuple[Peer, ...]) -> Optional[str]:
    return next((peer.uuid for peer in peers if peer.local), None)


def _peers(capture: Capture) -> Tuple[Peer, ...]:
    answer = capture.answer(query.POOL_LIST)
    try:
        return () if answer is None else parse.pool_list(answer.output).facts
    except parse.NoAnswer:
        return ()
