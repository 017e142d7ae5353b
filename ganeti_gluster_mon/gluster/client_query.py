"""`volume status all clients`: who is connected to the bricks, and with which op-version.

The query takes the lock of each volume (8 ms for three bricks, measured), and each brick is queried.  So it is run once
in CLIENTS_INTERVAL, and only while all bricks answer.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ganeti_gluster_mon.gluster import parse, query
from ganeti_gluster_mon.gluster.brick_clients import BrickClient, uneven
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.session import GlusterSession

#: seconds for which an answer is kept
CLIENTS_INTERVAL = 300.0
#: seconds after which a client that has just begun to connect is connected to all bricks
CONNECT_DELAY = 0.5
#: seconds for which a client has to lack a brick before it is reported
UNEVEN_FOR = 60.0
#: of this process: since when a client lacks a brick, by volume and address, on the monotonic clock
_UNEVEN_SINCE: Dict[Tuple[str, str], float] = {}


def query_clients(
    gluster: GlusterSession,
    deadline: float,
    volumes: Sequence[parse.VolumeInfo],
    bricks_answering: Mapping[Tuple[str, str], Optional[bool]],
    previous: Optional[Capture],
    since: Dict[Tuple[str, str], float] = _UNEVEN_SINCE,
) -> List[Answer]:
    """The answer, or the one of *previous* while it is new; none while a brick does not answer, or a lock is held.

    A client connects to one brick after the other, and tries again after 3 s.  So an answer in which a client is not
    connected to all bricks of a subvolume is returned only after that has lasted: *since* has when it began, by volume
    and address, and is changed.  A command that queries once does not wait for that.
    """
    bricks = [(brick.host, brick.path) for volume in _started(volumes) for brick in volume.bricks]
    if not bricks or not all(bricks_answering.get(brick) for brick in bricks):
        return []
    kept = _kept(previous)
    if kept is not None and _is_whole(kept, volumes) and not _uneven(kept, volumes):
        return [kept]
    for attempt in range(2):
        if attempt:
            if time.monotonic() + CONNECT_DELAY >= deadline:
                break
            time.sleep(CONNECT_DELAY)
        (answer,) = gluster.run_queries([query.VOLUME_STATUS_CLIENTS], deadline)
        found = _uneven(answer, volumes)
        if found <= since.keys():
            break
    now = time.monotonic()
    first = {client: since.get(client, now) for client in found}
    since.clear()
    since.update(first)
    lasting = all(now - began >= UNEVEN_FOR for began in first.values())
    return [answer] if lasting and _is_whole(answer, volumes) else []


def _kept(previous: Optional[Capture]) -> Optional[Answer]:
    """The answer in *previous* if it is whole and new."""
    answer = None if previous is None else previous.answer(query.VOLUME_STATUS_CLIENTS)
    if previous is None or answer is None or answer.failure is not None or not _clients(answer):
        return None
    taken_at = answer.taken_at or previous.recorded_at
    return replace(answer, taken_at=taken_at) if time.time_ns() - taken_at < CLIENTS_INTERVAL * 1e9 else None


def _is_whole(answer: Answer, volumes: Sequence[parse.VolumeInfo]) -> bool:
    """Whether the answer has clients, and each brick of the volumes that it names.

    Gluster leaves out a volume that has no client (10.3), and one whose lock another command holds: the clients of that
    one are not known.
    """
    known = _clients(answer)
    named = {volume for volume, _, _ in known}
    return bool(known) and all(
        (volume.name, brick.host, brick.path) in known
        for volume in _started(volumes)
        if volume.name in named
        for brick in volume.bricks
    )


def _uneven(answer: Answer, volumes: Sequence[parse.VolumeInfo]) -> Set[Tuple[str, str]]:
    """The clients, by volume and address, that are not connected to all bricks of a subvolume."""
    known = _clients(answer)
    return {
        (volume.name, address)
        for volume in _started(volumes)
        for bricks in _sets(volume)
        for address in uneven(known.get((volume.name, *brick)) for brick in bricks)
    }


def _clients(answer: Answer) -> Dict[Tuple[str, str, str], Optional[Tuple[BrickClient, ...]]]:
    try:
        facts = parse.brick_clients(answer.output).facts
    except parse.NoAnswer:
        return {}
    return {(known.volume, known.host, known.path): known.clients for known in facts}


def _sets(volume: parse.VolumeInfo) -> Iterator[List[Tuple[str, str]]]:
    """The bricks of each subvolume with copies; none with bitrot, whose daemons connect to their own node only."""
    size = volume.disperse_count or volume.replica_count
    if size > 1 and volume.options.get("features.bitrot") != "on":
        for first in range(0, len(volume.bricks), size):
            yield [(brick.host, brick.path) for brick in volume.bricks[first : first + size]]


def _started(volumes: Sequence[parse.VolumeInfo]) -> List[parse.VolumeInfo]:
    return [volume for volume in volumes if volume.state == "started"]
