"""What this node knows of the pool: its own capture, and that of the leader.  Reads the spool, and builds the pool."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional, Tuple

from ganeti_gluster_mon.daemon.spool import Spool, SpooledCapture, seconds_since
from ganeti_gluster_mon.gluster import capture_archive, query
from ganeti_gluster_mon.gluster.capture import Answer, Capture, CaptureError
from ganeti_gluster_mon.gluster.log_messages import LogReport, logs_from_json
from ganeti_gluster_mon.gluster.merge import merge_captures
from ganeti_gluster_mon.gluster.model import Pool, Unknown
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.gluster.staleness import as_stale
from ganeti_gluster_mon.health import Health, Limits, evaluate
from ganeti_gluster_mon.repair_tries import AutoRepairs, report_from_json

#: seconds for which heal counts are used at least: while a brick hangs, a count takes 10 s and more for each volume
HEAL_STALE_AFTER = 90.0


@dataclass(frozen=True)
class LeaderCapture:
    """The capture of the leader."""

    capture: Capture
    #: CLOCK_BOOTTIME of this node when it was taken, ns
    boottime: int

    def age(self) -> float:
        """Seconds since it was taken."""
        return seconds_since(self.boottime)


@dataclass(frozen=True)
class LeaderArchive:
    """The capture of the leader, packed as it was sent."""

    archive: bytes
    #: as in LeaderCapture
    boottime: int

    def age(self) -> float:
        """Seconds since it was taken."""
        return seconds_since(self.boottime)

    def unpack(self) -> LeaderCapture:
        """The capture.  Raises CaptureError."""
        return LeaderCapture(capture_archive.unpack(self.archive), self.boottime)


@dataclass(frozen=True)
class SpoolView:
    """The captures that this node has."""

    #: of this node
    own: SpooledCapture
    #: of the node that leads, if another one does; then *uuid* is this node's
    followed: Optional[LeaderCapture] = None
    uuid: str = ""
    #: whether this node leads; None: each node queries for itself
    leader: Optional[bool] = None

    @property
    def capture(self) -> Capture:
        """The answers about the pool."""
        return self.own.capture if self.followed is None else self.followed.capture

    def age(self) -> float:
        """Seconds since the answers about the pool were taken."""
        return self.own.age() if self.followed is None else self.followed.age()


def read(run_directory: str) -> Optional[SpoolView]:
    """The captures in the spool of the daemon; None where no daemon runs, or where they are stale."""
    spool = Spool(run_directory)
    if not spool.is_poller_running():
        return None
    try:
        own = spool.current()
    except CaptureError:
        return None
    if own.cycle.leads:
        view = SpoolView(own, leader=True)
    else:
        published = spool.leader_capture()
        if published is None:
            return None
        capture, moment, uuid = published
        view = SpoolView(own, LeaderCapture(capture, moment), uuid, leader=False)
    return view if view.age() <= own.cycle.stale_after else None


def pool_and_health(view: SpoolView, limits: Limits, now: int) -> Tuple[Pool, Health]:
    """The pool and its health at *now* (ns since the epoch).  Answers older than limits.stale_after are not used.

    The age is by CLOCK_BOOTTIME, which is never set.  The times in the captures are moved to fit it, so that a clock
    that was stepped makes nothing older or younger.
    """
    age = view.age()
    heal_stale_after = max(limits.stale_after, HEAL_STALE_AFTER)
    own = _taken_at(view.own.capture, now - round(view.own.age() * 1e9))
    if view.followed is None:
        pool = build_pool(_without_old_healing(own, now, heal_stale_after))
        pool = replace(pool, auto_repairs=_auto_repairs(view.own))
    else:
        theirs = _taken_at(view.followed.capture, now - round(age * 1e9))
        theirs = _without_old_healing(theirs, now, heal_stale_after)
        pool = _followed(own, view.own.age(), theirs, view.uuid, limits)
    pool = replace(pool, logs=_logs(view.own))
    if age > limits.stale_after:
        last = evaluate(pool, limits, pool.taken_at).message
        pool = as_stale(pool, f"no answers for {age:.0f} s; the last were: {last}")
        # The reason gives the age already; a second message would not help.
        limits = replace(limits, stale_after=float("inf"))
    return pool, evaluate(pool, limits, now)


def _auto_repairs(own: SpooledCapture) -> Optional[AutoRepairs]:
    """What the poller of this node repaired automatically; None: it repairs nothing, or that cannot be read."""
    try:
        return report_from_json(own.cycle.auto_repairs)
    except (ValueError, TypeError, KeyError):
        return None


def _logs(own: SpooledCapture) -> Optional[LogReport]:
    """The messages in the logs of this node; None: not known."""
    try:
        return logs_from_json(own.cycle.logs)
    except (ValueError, TypeError, KeyError):
        return None


def _followed(own: Capture, own_age: float, theirs: Capture, uuid: str, limits: Limits) -> Pool:
    """The pool by the leader's capture and this node's *own*, as far as that one is not too old."""
    if own_age <= limits.stale_after:
        return build_pool(merge_captures(own, theirs, uuid))
    own = replace(
        own,
        recorded_at=theirs.recorded_at,
        answers=(),
        mounts=(),
        processes=None,
        stats_dumps=(),
        reachable={},
        bricks_answering={},
    )
    pool = build_pool(merge_captures(own, theirs, uuid))
    stale = Unknown("this node's own mounts and processes", f"no answers for {own_age:.0f} s")
    return replace(pool, unknowns=(*pool.unknowns, stale))


def _without_old_healing(capture: Capture, now: int, stale_after: float) -> Capture:
    """*capture* without the heal counts that are older than *stale_after* seconds; all else stays known."""

    def kept(answer: Answer) -> Answer:
        taken_at = capture.recorded_at if answer.taken_at is None else answer.taken_at
        age = (now - taken_at) / 1e9
        if answer.failure or not query.is_heal_query(answer.query) or age <= stale_after:
            return answer
        return Answer(answer.query, b"", failure=f"the last count is more than {stale_after:.0f} s old")

    return replace(capture, answers=tuple(map(kept, capture.answers)))


def _taken_at(capture: Capture, moment: int) -> Capture:
    """*capture* with all its times moved so that it was recorded at *moment*."""
    by = moment - capture.recorded_at
    answers = (
        answer if answer.taken_at is None else replace(answer, taken_at=answer.taken_at + by)
        for answer in capture.answers
    )
    lvm = capture.lvm
    if lvm is not None:
        lvm = replace(lvm, taken_at=max(0, lvm.taken_at + by))
    dumps = (replace(dump, written_at=max(0, dump.written_at + by)) for dump in capture.stats_dumps)
    return replace(capture, recorded_at=moment, answers=tuple(answers), lvm=lvm, stats_dumps=tuple(dumps))
