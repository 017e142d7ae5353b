"""Geo-replication: sessions that do not replicate, or not all, or are behind.

A passive worker is no problem: of the bricks of a replica set one is replicated.  Nor is a session that was last
synchronized long ago: that is the time of the last change while nothing changes.
"""

from __future__ import annotations

from typing import Iterator, List, Sequence

from ganeti_gluster_mon.gluster.geo_replication import GeoReplication, GeoReplicationWorker
from ganeti_gluster_mon.gluster.model import Subvolume, Volume
from ganeti_gluster_mon.health.problem import CRITICAL, HEALING, OK, UNKNOWN, Problem
from ganeti_gluster_mon.text import duration_text, some

#: seconds for which changes may wait
BEHIND_AFTER = 3600.0
#: statuses of a session that an administrator has stopped, or has not started
_AT_REST = ("stopped", "paused", "created")
#: statuses of a worker that does not replicate, while the session runs: its monitor ended, or it fails
_FAILED = ("faulty", "stopped")
_MOST_NAMES = 3


def geo_replication_problems(volume: Volume) -> Iterator[Problem]:
    """What is wrong with the sessions of *volume*."""
    for session in volume.geo_replications or ():
        if not session.workers:
            continue  # why it is not known is a problem of its own
        rest = {worker.status for worker in session.workers}
        if rest <= set(_AT_REST):
            word = "paused" if "paused" in rest else "stopped" if "stopped" in rest else "not started"
            yield _problem(volume, session, "GEO_REPLICATION_STOPPED", OK, f"is {word}", "")
            continue
        yield from _not_replicated(volume, session)
        yield from _incomplete(volume, session)


def _not_replicated(volume: Volume, session: GeoReplication) -> Iterator[Problem]:
    """The subvolumes without an active worker, and workers that could not take over."""
    failed: List[str] = []
    beginning: List[str] = []
    unknown: List[str] = []
    spare: List[str] = []
    for subvolume in volume.subvolumes:
        mine = _workers(session, subvolume)
        down = [worker.label for worker in mine if worker.status in _FAILED]
        if any(worker.status == "active" for worker in mine):
            spare += down
        elif down:
            failed += down
        elif len(mine) < len(subvolume.bricks) or any(worker.status is None for worker in mine):
            unknown += [brick.label for brick in subvolume.bricks]
        else:
            beginning += [worker.label for worker in mine]
    code = "GEO_REPLICATION_FAULTY"
    if failed:
        yield _problem(volume, session, code, CRITICAL, "is faulty", f": not replicated: {_named(failed)}")
    if beginning:
        yield _problem(
            volume, session, code, HEALING, "begins", f": no worker is active of {_named(beginning)}"
        )
    if unknown:
        what = "is not known to replicate"
        yield _problem(
            volume, session, "NOT_KNOWN", UNKNOWN, what, f" {_named(unknown)}: no node reports it active"
        )
    if spare:
        what = "has workers that are faulty"
        yield _problem(volume, session, code, OK, what, f": {_named(spare)}; another copy is replicated")


def _incomplete(volume: Volume, session: GeoReplication) -> Iterator[Problem]:
    """Entries that could not be replicated, and changes that wait for long."""
    failures = sum(worker.failures or 0 for worker in session.workers)
    if failures:
        entries = "1 entry" if failures == 1 else f"{failures} entries"
        what, more = "has failures", f": {entries} could not be replicated"
        yield _problem(volume, session, "GEO_REPLICATION_FAILURES", OK, what, more)
    now = session.queried_at / 1e9
    late = [
        now - worker.last_synced_at
        for worker in session.workers
        if worker.pending and worker.last_synced_at is not None
    ]
    unreached = [
        now - worker.checkpoint_at
        for worker in session.workers
        if worker.checkpoint_at is not None and worker.checkpoint_completed_at is None
    ]
    if late and max(late) > BEHIND_AFTER:
        more = f": changes wait, and the last ones were replicated {duration_text(max(late))} ago"
        yield _problem(volume, session, "GEO_REPLICATION_BEHIND", OK, "is behind", more)
    elif unreached and max(unreached) > BEHIND_AFTER:
        more = f": its checkpoint of {duration_text(max(unreached))} ago is not completed"
        yield _problem(volume, session, "GEO_REPLICATION_BEHIND", OK, "is behind", more)


def _workers(session: GeoReplication, subvolume: Subvolume) -> List[GeoReplicationWorker]:
    bricks = {(brick.host, brick.path) for brick in subvolume.bricks}
    return [worker for worker in session.workers if (worker.host, worker.path) in bricks]


def _problem(
    volume: Volume, session: GeoReplication, code: str, severity: int, what: str, more: str
) -> Problem:
    text = f"{volume.name}: geo-replication to {session.secondary} {what}{more}"
    return Problem(code, severity, text, volume.name, session.secondary, kind=f"geo-replication {what}")


def _named(labels: Sequence[str]) -> str:
    return some(list(labels), _MOST_NAMES)
