"""The page of one node: its bricks, daemons and problems, and the guests with disks on its bricks.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import FrozenSet, List, Optional, Set, Tuple

from ganeti_gluster_mon.daemon.web.page import (
    PeerView,
    frame,
    peer_view,
    process_views,
    render,
)
from ganeti_gluster_mon.daemon.web.page_marks import (
    BAD,
    GOOD,
    LONGEST_NAME,
    UNKNOWN_TONE,
    WORST_FIRST,
    StatusMark,
    shown_name,
)
from ganeti_gluster_mon.daemon.web.page_problems import guest_rows, problem_views
from ganeti_gluster_mon.daemon.web.page_volumes import BrickView, brick_view
from ganeti_gluster_mon.gluster.model import Peer, Pool
from ganeti_gluster_mon.health import Health, Problem, host_of
from ganeti_gluster_mon.text import one_line

_RUNS = {
    True: StatusMark("✔", "runs", GOOD),
    False: StatusMark("✖", "does not run", BAD),
    None: StatusMark("?", "not known", UNKNOWN_TONE),
}


@dataclass(frozen=True)
class NodeParts:
    """What a pool has on one node."""

    peer: Optional[Peer]
    #: the names by which the pool has it
    hosts: Tuple[str, ...]
    #: volume and label of each of its bricks
    bricks: FrozenSet[Tuple[str, str]]


@dataclass(frozen=True)
class _DaemonView:
    state: StatusMark
    name: str
    volume: str


def node_parts(pool: Pool, name: str) -> Optional[NodeParts]:
    """What *pool* has on the node *name*, the host of a peer or of a brick; None: there is no such node."""
    peer = next((each for each in pool.peers or () if each.hostname == name), None)
    uuid = None if peer is None else peer.uuid
    # A brick may have another name of its host than the peer.
    bricks = [
        brick
        for volume in pool.volumes or ()
        for brick in volume.bricks
        if brick.host == name or (uuid and brick.uuid == uuid)
    ]
    if peer is None and not bricks:
        return None
    hosts = dict.fromkeys([name, *(brick.host for brick in bricks)])
    return NodeParts(peer, tuple(hosts), frozenset((brick.volume, brick.label) for brick in bricks))


def node_page(
    pool: Pool, health: Health, now: int, name: str, refresh: float = 30.0, stale: float = 90.0
) -> Optional[bytes]:
    """The page of the node *name*, otherwise as `page`; None: there is no such node."""
    parts = node_parts(pool, name)
    if parts is None:
        return None
    peer: Optional[PeerView] = None if parts.peer is None else peer_view(parts.peer)
    problems = problem_views([each for each in health.problems if _is_about(each, parts)], now)
    tones = [
        *(each.state.tone for each in problems if not each.muted),
        peer.state.tone if peer else UNKNOWN_TONE,
    ]
    is_this_node = parts.peer is not None and parts.peer.local
    return render(
        "node.html",
        **frame(pool, now, refresh, stale),
        name=shown_name(name),
        peer=peer,
        tone=min(tones, key=WORST_FIRST.index),
        problems=problems,
        guests=guest_rows(pool, _guests(pool, parts)),
        guests_unknown=one_line(pool.disks_unknown or "", LONGEST_NAME),
        bricks=_bricks(pool, parts),
        daemons=_daemons(pool, parts),
        processes=process_views(pool.processes or ()) if is_this_node else [],
    )


def _is_about(problem: Problem, parts: NodeParts) -> bool:
    return (problem.volume, problem.subject) in parts.bricks or (host_of(problem) in parts.hosts)


def _guests(pool: Pool, parts: NodeParts) -> Set[str]:
    """The instances with a disk that lies, or may lie, on the node's bricks."""
    volumes = {volume for volume, _ in parts.bricks}
    return {
        disk.instance
        for disk in pool.disks or ()
        if (disk.bricks is None and disk.volume in volumes)
        or any((disk.volume, brick.label) in parts.bricks for brick in disk.bricks or ())
    }


def _bricks(pool: Pool, parts: NodeParts) -> List[Tuple[str, BrickView]]:
    """The node's bricks with their volumes, the worst first."""
    found = [
        (shown_name(volume.name), brick_view(brick, volume))
        for volume in pool.volumes or ()
        for brick in volume.bricks
        if (volume.name, brick.label) in parts.bricks
    ]
    return sorted(found, key=lambda each: (WORST_FIRST.index(each[1].state.tone), each[0]))


def _daemons(pool: Pool, parts: NodeParts) -> List[_DaemonView]:
    found = [
        _DaemonView(_RUNS[daemon.online], one_line(daemon.name, LONGEST_NAME), shown_name(volume.name))
        for volume in pool.volumes or ()
        for daemon in volume.daemons
        if daemon.host in parts.hosts
    ]
    return sorted(found, key=lambda each: (WORST_FIRST.index(each.state.tone), each.name, each.volume))
