"""From the raw answers of one cycle to one Pool.  Pure: bytes in, Pool out.

Each answer is parsed by ``parse``.  The builders (peer_builder.py, brick_builder.py, volume_builder.py) merge what the
answers have about the same thing.  What could not be parsed, was not answered, or is contradicted becomes an
``Unknown`` with its reason: health/ never calls a pool healthy that has one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import (
    Dict,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)

from ganeti_gluster_mon.gc_pause import collection_paused
from ganeti_gluster_mon.gluster import own_bricks, parse, query, reach
from ganeti_gluster_mon.gluster.answer_reader import AnswerReader
from ganeti_gluster_mon.gluster.brick_builder import build_bricks, heal_counts
from ganeti_gluster_mon.gluster.brick_clients import BrickClients
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.model import (
    Brick,
    Peer,
    Pool,
    Volume,
)
from ganeti_gluster_mon.gluster.peer_builder import build_peers
from ganeti_gluster_mon.gluster.placement import placed
from ganeti_gluster_mon.gluster.reach import silent_hosts
from ganeti_gluster_mon.gluster.status_reports import VolumeReports, read_statuses
from ganeti_gluster_mon.gluster.volume_builder import build_volume

#: nothing is taken from the answers to these, but they must be whole
_ONLY_WHOLE = (query.VOLUME_STATUS_TASKS,)


@collection_paused()
def build_pool(capture: Capture) -> Pool:
    """The pool as *capture* shows it.  Never raises, whatever the answers hold."""
    return _pool(AnswerReader(capture))


def _pool(reader: AnswerReader) -> Pool:
    infos = reader.read(query.VOLUME_INFO, parse.volume_info, "the volumes", must=True)
    peers = build_peers(reader, infos or ())
    statuses = read_statuses(reader)
    state = _own_state(reader)
    if state is not None:
        state, incomplete = own_bricks.complete(state, infos or (), reader.capture.processes)
        _note_incomplete(reader, incomplete, statuses)
    _read_the_rest(reader)
    reader.snapshots = reader.read(query.SNAPSHOT_INFO, parse.snapshot_info, "the snapshots")
    volumes = None
    if infos is not None:
        volumes = _volumes(reader, infos, statuses, state, peers)
    # The heal backlog has an age of its own, and clients are queried less often than the rest.
    taken = [
        answer.taken_at
        for answer in reader.capture.answers
        if answer.taken_at is not None
        and not query.is_heal_query(answer.query)
        and answer.query != query.VOLUME_STATUS_CLIENTS
    ]
    return Pool(
        taken_at=min([reader.capture.recorded_at, *taken]),
        node=reader.capture.node,
        gluster_version=reader.capture.gluster_version,
        op_version=reader.capture.op_version,
        max_op_version=reader.read(query.MAX_OP_VERSION, parse.max_op_version, "the highest op-version"),
        peers=peers,
        volumes=volumes,
        mounts=reader.capture.mounts,
        processes=reader.capture.processes,
        unknowns=tuple(reader.unknowns),
        disks=None if reader.capture.disks is None else placed(reader.capture.disks, volumes),
        disks_unknown=reader.capture.disks_unknown,
    )


def _own_state(reader: AnswerReader) -> Optional[parse.LocalState]:
    """What this node's glusterd knows by itself; a part of it where `get-state` failed half-way."""
    answer = reader.answers.get(query.GET_STATE)
    if answer is not None and answer.output:
        try:
            part = parse.state_in_part(answer.output)
        except parse.NoAnswer:
            pass  # it is parsed once more below, which notes the reason
        else:
            if not part.facts.whole and not part.faults:
                return part.facts
    return reader.read(query.GET_STATE, parse.state, "this node's own bricks")


def _note_incomplete(
    reader: AnswerReader, volumes: Sequence[str], statuses: Mapping[str, VolumeReports]
) -> None:
    """Note why the space of this node's own bricks is not known, of *volumes* that no other answer reports."""
    for name in volumes:
        if name not in statuses or not statuses[name].bricks:
            reader.note(f"space of this node's own bricks of {name}", own_bricks.WHY, name)


def _volumes(
    reader: AnswerReader,
    infos: Sequence[parse.VolumeInfo],
    statuses: Mapping[str, VolumeReports],
    state: Optional[parse.LocalState],
    peers: Optional[Tuple[Peer, ...]],
) -> Tuple[Volume, ...]:
    found = []
    for info in infos:
        heals = heal_counts(reader, info, info.state == "started")
        found.append(build_bricks(reader, info, statuses.get(info.name), state, peers, heals))
    # A host is silent for all its bricks, in whichever volume that shows.
    hosts = reader.capture.hosts_answering
    gone = {peer.uuid for peer in peers or () if hosts.get(peer.hostname) is False}
    silent = silent_hosts((each for bricks in found for each in bricks), gone)
    clients = _clients(reader)
    volumes = []
    for info, bricks in zip(infos, found):
        started = info.state == "started"
        mine = [
            reach.on_silent_host(brick) if started and brick.uuid in silent else brick for brick, _ in bricks
        ]
        if started and clients is not None and info.name in clients:
            mine = _with_clients(reader, mine, clients[info.name], statuses.get(info.name))
        volumes.append(build_volume(reader, info, statuses.get(info.name), mine, peers))
    return tuple(volumes)


def _clients(reader: AnswerReader) -> Optional[Mapping[str, Mapping[reach.BrickKey, BrickClients]]]:
    """By volume and brick: what `volume status all clients` reports; None: nothing, or it was not run."""
    read = reader.read(query.VOLUME_STATUS_CLIENTS, parse.brick_clients, "the clients of bricks")
    if read is None:
        return None
    clients: Dict[str, Dict[reach.BrickKey, BrickClients]] = {}
    for known in read:
        clients.setdefault(known.volume, {})[known.host, known.path] = known
    return clients


def _with_clients(
    reader: AnswerReader,
    bricks: Sequence[Brick],
    known: Mapping[reach.BrickKey, BrickClients],
    reports: Optional[VolumeReports],
) -> List[Brick]:
    """*bricks* of a volume with their clients.  A brick that `volume status` reports should have some."""
    found = []
    for brick in bricks:
        key = (brick.host, brick.path)
        if key in known:
            brick = replace(brick, clients=known[key].clients)
        elif reports is not None and key in reports.bricks:
            why = "`volume status all clients` does not name the brick"
            reader.note(f"the clients of {brick.label}", why, brick.volume)
        found.append(brick)
    return found


def _read_the_rest(reader: AnswerReader) -> None:
    for answer in reader.capture.answers:
        words = answer.query
        if words in _ONLY_WHOLE:
            reader.read(words, parse.readable, f"`{' '.join(words)}`")
