"""The health of a pool: the problems of all concerns, worst first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import AbstractSet, Dict, Iterator, List, Mapping, Sequence, Tuple

from ganeti_gluster_mon.gc_pause import collection_paused
from ganeti_gluster_mon.gluster.model import Pool, Unknown, Volume
from ganeti_gluster_mon.health.bitrot import bitrot_problems
from ganeti_gluster_mon.health.bricks import brick_problems
from ganeti_gluster_mon.health.clients import client_problems, op_version_problems
from ganeti_gluster_mon.health.geo_sessions import geo_replication_problems
from ganeti_gluster_mon.health.guest_options import option_problems
from ganeti_gluster_mon.health.guests import Guests
from ganeti_gluster_mon.health.healing import healing_problems, stuck_problems
from ganeti_gluster_mon.health.knowledge import gaps, stale_problems, unknown_problems, version_problems
from ganeti_gluster_mon.health.messages import message
from ganeti_gluster_mon.health.peers import peer_problems, takes_part
from ganeti_gluster_mon.health.problem import CRITICAL, OK, UNKNOWN, Limits, Problem, worst, worst_first
from ganeti_gluster_mon.health.services import service_problems
from ganeti_gluster_mon.health.snapshots_left import snapshot_problems
from ganeti_gluster_mon.health.space import space_problems
from ganeti_gluster_mon.health.tasks import stalled_problems, task_problems
from ganeti_gluster_mon.health.thin_pools import thin_pool_problems

#: All statuses of a volume.  "healing": copies differ.  "faulty": its bricks and copies are well, and something else
#: needs an administrator: space, quota, a daemon, a task, a mount.  "degraded": a brick is missing, every subvolume
#: works; "partial": a subvolume does not; "down": none does.
STATUSES = ("healthy", "healing", "faulty", "degraded", "partial", "down", "stopped", "unknown")


@dataclass(frozen=True)
class VolumeHealth:
    """The health of one volume."""

    #: one of `STATUSES`; never "healthy" with a problem of severity UNKNOWN or CRITICAL, muted or not
    status: str
    #: the highest severity of the problems
    code: int
    problems: Tuple[Problem, ...] = ()

    @property
    def is_stuck(self) -> bool:
        """Whether its copies differ, and do not become the same without an administrator."""
        return self.status == "healing" and self.code == CRITICAL


@dataclass(frozen=True)
class Health:
    """The health of a pool."""

    #: the highest severity of the problems
    code: int
    #: the problems in one line, worst first, those of a kind grouped; a summary of the pool where there is none
    message: str
    #: every one, worst first
    problems: Tuple[Problem, ...]
    volumes: Mapping[str, VolumeHealth]

    @property
    def warning(self) -> bool:
        """Whether there is a warning: a problem of severity OK (space runs short, for example)."""
        return any(problem.severity == OK and not problem.muted for problem in self.problems)


@collection_paused()
def evaluate(pool: Pool, limits: Limits, now: int) -> Health:
    """The health of *pool* at *now* (ns since the epoch)."""
    of_volumes: Dict[str, List[Unknown]] = {volume.name: [] for volume in pool.volumes or ()}
    others: List[Unknown] = []
    for unknown in pool.unknowns:
        of_volumes.get(unknown.volume or "", others).append(unknown)
    stale = list(stale_problems(pool, limits, now))
    guests = Guests(pool)
    problems = [
        *stale,
        *version_problems(pool),
        *op_version_problems(pool),
        *guests.named(list(peer_problems(pool.peers or (), pool.processes))),
        *unknown_problems(others),
    ]
    answering = {peer.uuid for peer in pool.peers or () if takes_part(peer)}
    about_all = any(unknown.volume is None for unknown in others)
    volumes: Dict[str, VolumeHealth] = {}
    with_disks = {disk.volume for disk in pool.disks or ()}
    for volume in pool.volumes or ():
        unknowns = of_volumes[volume.name]
        found = list(_volume_problems(volume, unknowns, about_all, answering, limits))
        if volume.state == "started":
            found += client_problems(volume, pool.op_version)
            if volume.name in with_disks:
                found += option_problems(volume)
            found += [
                replace(problem, text=f"{volume.name}: {problem.text}", volume=volume.name, implied=True)
                for problem in stale
            ]
        mine = guests.named(sorted(found, key=worst_first))
        code = worst(mine)
        volumes[volume.name] = VolumeHealth(_status(volume, code), code, tuple(mine))
        problems += [problem for problem in mine if not problem.implied]
    problems.sort(key=worst_first)
    return Health(
        code=worst(problems),
        message=message(problems) or _summary(pool),
        problems=tuple(problems),
        volumes=volumes,
    )


def with_stuck(health: Health, pool: Pool, now: float) -> Health:
    """*health* with a problem for each heal backlog and each rebalance of *pool* that is stuck.

    *now* is seconds since the epoch.  It takes earlier cycles to know (`Heal.stuck_since`, `Rebalance.stalled_since`),
    so `evaluate` does not know.
    """
    problems, volumes = list(health.problems), dict(health.volumes)
    for volume in pool.volumes or ():
        stalled = list(stalled_problems(volume))
        stuck = [*stuck_problems(volume, now), *stalled]
        if not stuck or volume.name not in volumes:
            continue
        stuck = Guests(pool).named(stuck)
        before = volumes[volume.name].problems
        wrong = [one for one in before if stalled and one.code == "REBALANCE_RUNNING"]
        mine = tuple(sorted([*(one for one in before if one not in wrong), *stuck], key=worst_first))
        volumes[volume.name] = VolumeHealth(_status(volume, worst(mine)), worst(mine), mine)
        problems = [*(one for one in problems if one not in wrong), *stuck]
    if problems == list(health.problems):
        return health
    problems.sort(key=worst_first)
    return Health(worst(problems), message(problems), tuple(problems), volumes)


def _volume_problems(
    volume: Volume,
    unknowns: Sequence[Unknown],
    about_all: bool,
    answering: AbstractSet[str],
    limits: Limits,
) -> Iterator[Problem]:
    """All that is wrong with *volume*; each problem names it.

    *about_all*: something is unknown of the whole pool.  *answering*: the uuids of the hosts whose glusterd takes part.
    """
    yield from unknown_problems(unknowns, volume.name)
    if volume.state != "started":
        return
    yield from gaps(volume, implied=about_all or bool(unknowns), answering=answering)
    yield from brick_problems(volume)
    yield from healing_problems(volume)
    yield from service_problems(volume)
    yield from bitrot_problems(volume)
    yield from geo_replication_problems(volume)
    yield from task_problems(volume)
    yield from snapshot_problems(volume)
    yield from space_problems(volume, limits)
    yield from thin_pool_problems(volume)


def _status(volume: Volume, code: int) -> str:
    status = volume_status(volume)
    if status == "healthy":
        return {UNKNOWN: "unknown", CRITICAL: "faulty"}.get(code, status)
    return status


def volume_status(volume: Volume) -> str:
    """The status of *volume* by its bricks and its heal backlog alone, which is never "faulty"; see `STATUSES`."""
    if volume.state != "started":
        return "stopped"
    quorums = [subvolume.quorum for subvolume in volume.subvolumes]
    if not quorums:
        return "unknown"
    if all(quorum is False for quorum in quorums):
        return "down"
    if any(quorum is False for quorum in quorums):
        return "partial"
    if any(brick.online is False or brick.contradicted is not None for brick in volume.bricks):
        return "degraded"
    if any(brick.online is None for brick in volume.bricks) or (volume.heals and volume.heal is None):
        return "unknown"
    if volume.heal is not None and (volume.heal.pending or volume.heal.split_brain):
        return "healing"
    return "healthy"


def _summary(pool: Pool) -> str:
    volumes = pool.volumes or ()
    started = [volume for volume in volumes if volume.state == "started"]
    bricks = sum(len(volume.bricks) for volume in started)
    words = [f"{_count(len(started), 'volume')} healthy", f"{_count(bricks, 'brick')} online"]
    if len(started) < len(volumes):
        words.insert(1, f"{len(volumes) - len(started)} not started")
    words.append(f"{_count(len(pool.peers or ()), 'peer')} connected")
    return ", ".join(words)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
