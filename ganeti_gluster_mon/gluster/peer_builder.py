"""The peers of a pool, from `pool list` or `peer status`.  Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import (
    Optional,
    Sequence,
    Tuple,
)

from ganeti_gluster_mon.gluster import parse, query
from ganeti_gluster_mon.gluster.answer_reader import AnswerReader
from ganeti_gluster_mon.gluster.model import (
    Peer,
)
from ganeti_gluster_mon.text import some


def build_peers(reader: AnswerReader, infos: Sequence[parse.VolumeInfo]) -> Optional[Tuple[Peer, ...]]:
    wanted = query.POOL_LIST
    if wanted not in reader.answers and query.PEER_STATUS in reader.answers:
        wanted = query.PEER_STATUS
    before = len(reader.unknowns)
    peers = reader.read(wanted, parse.pool_list, "the peers", must=True)
    whole = len(reader.unknowns) == before
    others = None
    if wanted is query.POOL_LIST:
        others = reader.read(query.PEER_STATUS, parse.pool_list, "the peers")
    if peers is None:
        return None
    _note_missing_peers(reader, peers, others or (), infos)
    if whole and any(peer.local for peer in peers):
        reader.all_peers = {peer.uuid for peer in peers}
    hosts = {brick.uuid: brick.host for info in infos for brick in info.bricks}
    return tuple(_peer(reader, peer, hosts.get(peer.uuid)) for peer in peers)


def _peer(reader: AnswerReader, peer: Peer, name: Optional[str]) -> Peer:
    """*peer* as this node sees it; *name*: what its bricks call its host."""
    here = reader.capture.local
    if here is not None and peer.local and peer.uuid != here:
        # This node's own glusterd does not answer: the glusterd of the node that ran the queries names the peers.
        name = name or reader.capture.queried_by or peer.hostname
        # Whether that node is reached is another matter.
        reached = reader.capture.reachable.get(name) is not False
        return replace(peer, hostname=name, state="Peer in Cluster", reachable=reached, local=False)
    if peer.local:
        # `pool list` calls the node it runs on "localhost"; everywhere else it has a name
        name = name or reader.capture.node or peer.hostname
        return replace(peer, hostname=name, reachable=True)
    reachable = reader.capture.reachable.get(peer.hostname)
    return replace(peer, reachable=reachable, local=peer.uuid == here)


def _note_missing_peers(
    reader: AnswerReader, peers: Sequence[Peer], others: Sequence[Peer], infos: Sequence[parse.VolumeInfo]
) -> None:
    """Note each host that should be among *peers*, by `peer status` or by a brick, and is not."""
    named = {peer.uuid for peer in peers}
    local = {peer.uuid for peer in peers if peer.local}
    missing = [peer.hostname for peer in others if peer.uuid not in named]
    # `peer status` does not name the node it runs on; without `pool list` that one is missed
    if not local and reader.answered(query.POOL_LIST):
        missing.append("this node")
    if missing:
        reader.note("the peers", f"`pool list` does not name {some(list(dict.fromkeys(missing)), 3)}")
