"""Whether bricks, or all that runs on hosts, may be stopped now without loss of access to data or of its copies.

As `ceph osd ok-to-stop`: what is not known counts as no.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import AbstractSet, Iterator, List, Optional, Sequence, Set, Tuple

from ganeti_gluster_mon.gluster import query
from ganeti_gluster_mon.gluster.answer_reader import STATUS_SUBJECTS
from ganeti_gluster_mon.gluster.model import Brick, Peer, Pool, Subvolume, Volume
from ganeti_gluster_mon.gluster.quorum import quorum_of
from ganeti_gluster_mon.health.bricks import set_name
from ganeti_gluster_mon.health.peers import takes_part
from ganeti_gluster_mon.text import some


@dataclass(frozen=True)
class StopCheck:
    """What would follow if something were stopped now."""

    #: why it must not be stopped, one line each; empty: it may be stopped
    reasons: Tuple[str, ...]
    #: what is left of each subvolume that loses bricks, one line each
    left: Tuple[str, ...]
    #: instances whose disks could not be read or written any more, by name; None: not known
    stopped_guests: Optional[Tuple[str, ...]]
    #: instances whose disks would have fewer copies meanwhile; None: not known
    guests_at_risk: Optional[Tuple[str, ...]]
    #: why the instances are not known; "" where they are
    guests_unknown: str = ""
    #: those of the reasons that healing ends
    unhealed: Tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it may be stopped."""
        return not self.reasons

    @property
    def besides_healing(self) -> Tuple[str, ...]:
        """The reasons that healing does not end."""
        return tuple(reason for reason in self.reasons if reason not in self.unhealed)


def check_stop(pool: Pool, hosts: AbstractSet[str], labels: AbstractSet[str] = frozenset()) -> StopCheck:
    """The check for all that runs on *hosts* (hostnames of peers), and the bricks *labels* ("host:path")."""
    if pool.volumes is None or pool.peers is None:
        return StopCheck(("it is not known which volumes and peers there are",), (), None, None, "not known")
    reasons: List[str] = []
    unhealed: List[str] = []
    left: List[str] = []
    lost: Set[Tuple[str, str]] = set()
    touched: Set[Tuple[str, str]] = set()
    for volume in pool.volumes:
        if volume.state != "started":
            continue
        stops = {brick.label for brick in volume.bricks if brick.label in labels or brick.host in hosts}
        if hosts:
            reasons += _server_quorum(volume, pool.peers, hosts)
        if not stops:
            continue
        reasons += _task(pool, volume)
        for number, subvolume in enumerate(volume.subvolumes, 1):
            if stops.isdisjoint(brick.label for brick in subvolume.bricks):
                continue
            name = f"{volume.name}: {set_name(subvolume, number, len(volume.subvolumes))}"
            bricks = tuple(
                replace(brick, online=False) if brick.label in stops else brick for brick in subvolume.bricks
            )
            why = tuple(_subvolume(volume, subvolume, bricks, stops, name))
            pending = tuple(_pending(subvolume, stops, name))
            reasons += (*why, *pending)
            unhealed += pending
            if not (why or pending):
                up = sum(1 for brick in bricks if brick.online)
                left.append(f"{name}: {up} of {len(bricks)} bricks left")
            here = {(volume.name, brick.label) for brick in subvolume.bricks}
            touched |= here
            if quorum_of(subvolume.type, bricks, subvolume.redundancy, volume.options) is not True:
                lost |= here
    stopped, at_risk = _guests(pool, lost, touched)
    return StopCheck(tuple(reasons), tuple(left), stopped, at_risk, pool.disks_unknown or "", tuple(unhealed))


def _subvolume(
    volume: Volume, subvolume: Subvolume, bricks: Sequence[Brick], stops: AbstractSet[str], name: str
) -> Iterator[str]:
    """Why *subvolume* does not bear the stop of *stops*; *bricks* are its bricks as they would be."""
    up = [brick.label for brick in bricks if brick.online]
    if subvolume.type == "distribute":
        yield f"{name}: {some(sorted(stops & {brick.label for brick in bricks}), 3)} has no copy on another brick"
        return
    holds = quorum_of(subvolume.type, bricks, subvolume.redundancy, volume.options)
    if holds is False:
        yield f"{name} would lose its quorum: {len(up)} of {len(bricks)} bricks left"
    elif holds is None:
        unknown = [brick.label for brick in bricks if brick.online is None]
        yield f"{name}: it is not known whether {some(unknown, 3)} is online"
    if not _stops_one(subvolume, stops):
        return
    for brick in subvolume.bricks:
        if brick.label not in stops and brick.online and brick.not_mounted is not None:
            yield f"{name}: {brick.label} runs, and its filesystem is not mounted: it may lack files"
    if any(brick.split_brain for brick in subvolume.bricks):
        yield f"{name} has entries in split-brain"
    if all(brick.heal_pending is None for brick in subvolume.bricks):
        yield f"{name}: it is not known whether it is healed"


def _pending(subvolume: Subvolume, stops: AbstractSet[str], name: str) -> Iterator[str]:
    """That entries of *subvolume* wait to be healed."""
    pending = max((brick.heal_pending or 0 for brick in subvolume.bricks), default=0)
    if pending and subvolume.type != "distribute" and _stops_one(subvolume, stops):
        yield f"{name} is not healed: {pending} entries are pending, and the only good copy may be stopped"


def _stops_one(subvolume: Subvolume, stops: AbstractSet[str]) -> bool:
    """Whether one of *stops* may run; where all are offline already, nothing is lost that is there now."""
    return any(brick.online is not False for brick in subvolume.bricks if brick.label in stops)


def _task(pool: Pool, volume: Volume) -> Iterator[str]:
    """A task that moves data of *volume* and would be interrupted, or that is not known."""
    status = STATUS_SUBJECTS[query.VOLUME_STATUS]
    if any(each.what == status and each.volume in (None, volume.name) for each in pool.unknowns):
        yield f"{volume.name}: it is not known whether a rebalance is in progress"
    if volume.rebalance is not None and "in progress" in volume.rebalance.status:
        yield f"{volume.name}: a {volume.rebalance.type} is in progress"


def _server_quorum(volume: Volume, peers: Sequence[Peer], hosts: AbstractSet[str]) -> Iterator[str]:
    """Whether glusterd of the other peers would stop the bricks of *volume*.  As glusterd-server-quorum.c counts."""
    if volume.options.get("cluster.server-quorum-type") != "server":
        return
    ratio = _percent(volume.options.get("cluster.server-quorum-ratio"))
    needed = len(peers) // 2 + 1 if ratio is None else math.ceil(len(peers) * ratio / 100)
    others = [peer for peer in peers if peer.hostname not in hosts]
    there = [peer for peer in others if peer.local or takes_part(peer)]
    if len(there) < needed:
        yield (
            f"{volume.name} would lose its server quorum: {len(there)} of {len(peers)} peers left, {needed} needed"
        )


def _percent(text: Optional[str]) -> Optional[float]:
    try:
        return None if text is None else min(100.0, max(0.0, float(text.rstrip("%"))))
    except ValueError:
        return None


def _guests(
    pool: Pool, lost: AbstractSet[Tuple[str, str]], touched: AbstractSet[Tuple[str, str]]
) -> Tuple[Optional[Tuple[str, ...]], Optional[Tuple[str, ...]]]:
    """The instances with a disk on the bricks *lost*, and the others with one on those *touched*."""
    if pool.disks is None:
        return None, None
    volumes_lost, volumes_touched = {volume for volume, _ in lost}, {volume for volume, _ in touched}
    stopped: Set[str] = set()
    at_risk: Set[str] = set()
    for disk in pool.disks:
        if disk.bricks is None:  # it may be on any brick of its volume
            here_lost, here_touched = disk.volume in volumes_lost, disk.volume in volumes_touched
        else:
            keys = {(disk.volume, brick.label) for brick in disk.bricks}
            here_lost, here_touched = not keys.isdisjoint(lost), not keys.isdisjoint(touched)
        if here_lost:
            stopped.add(disk.instance)
        elif here_touched:
            at_risk.add(disk.instance)
    return tuple(sorted(stopped)), tuple(sorted(at_risk - stopped))
