"""Since when each problem exists, and how fast a heal backlog falls.

The web process of each node keeps it in the state directory, so that a restart of the daemon forgets nothing::

    /var/lib/ganeti-gluster-mon/history.json
    {"format_version": 1, "problems": [[CODE, VOLUME, SUBJECT, SINCE], …], "healing": {VOLUME: [[TIME, PENDING], …]},
     "stuck": {VOLUME: [SINCE, IDLE_SINCE, TIME, PENDING]}, "rebalances": {VOLUME: [ID, SINCE, TIME, RUN_TIME]}}

Times are seconds since the epoch.  A file that cannot be read, or is not of this form, is none: then everything
exists since now.  Both parts are bounded.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from ganeti_gluster_mon import safe_open
from ganeti_gluster_mon.gluster.model import Pool, Volume
from ganeti_gluster_mon.health import Health
from ganeti_gluster_mon.health.annotate import ProblemKey, key_of
from ganeti_gluster_mon.health.healing import may_heal

FORMAT_VERSION = 1
FILE = "history.json"
#: problems, and samples of one volume's heal backlog
MOST_PROBLEMS, MOST_SAMPLES = 10_000, 30
#: bytes of the file, and characters of one name in it
MOST_BYTES, LONGEST_NAME = 8 << 20, 4096
#: seconds for which a problem may be absent, or hidden by something that is not known, and is the same when it is back
GAP = 120.0
#: seconds between two samples of a backlog, and for which a rate is computed at least
SAMPLE_EVERY, RATE_OVER = 30.0, 60.0
#: seconds between two counts of a backlog up to which it counts as watched all the time
COUNTED_WITHIN = 600.0

#: seconds after which a rebalance whose run time does not grow has no process any more
STALLED_AFTER = 120.0

Sample = Tuple[float, int]


class Stuck(NamedTuple):
    """A heal backlog that has not fallen, all that healing takes being there."""

    #: since when, by the counts so far
    since: float
    #: since when no entry has been possibly healing; None: one is
    idle_since: Optional[float]
    #: of the latest count
    counted_at: float
    pending: int


class Run(NamedTuple):
    """A rebalance that is in progress."""

    id: str
    #: since when, and until when, it was found with this run time
    since: float
    counted_at: float
    #: seconds
    run_time: float


@dataclass(frozen=True)
class History:
    """What is kept from one cycle to the next."""

    since: Mapping[ProblemKey, float] = field(default_factory=dict)
    #: the moment at which a problem was there last, if it is not there now
    last_present: Mapping[ProblemKey, float] = field(default_factory=dict)
    #: by volume, oldest first
    healing: Mapping[str, Tuple[Sample, ...]] = field(default_factory=dict)
    #: by volume
    stuck: Mapping[str, Stuck] = field(default_factory=dict)
    #: by volume
    rebalances: Mapping[str, Run] = field(default_factory=dict)

    def after(self, pool: Pool, health: Health, now: float) -> History:
        """The history once *pool* was found with *health* at *now* (seconds since the epoch)."""
        there = [key_of(problem) for problem in health.problems]
        there += [key_of(each) for volume in health.volumes.values() for each in volume.problems]
        since: Dict[ProblemKey, float] = {}
        for key in dict.fromkeys(there):
            if len(since) == MOST_PROBLEMS:
                break
            # A clock that was set back makes nothing begin in the future.
            since[key] = min(now, self.since.get(key, now))
        last_present: Dict[ProblemKey, float] = {}
        for key, began in self.since.items():
            last = min(now, self.last_present.get(key, now))
            if key not in since and now - last < GAP and len(since) < MOST_PROBLEMS:
                since[key], last_present[key] = began, last
        stuck = self._stuck(pool, now)
        return History(since, last_present, self._samples(pool, now), stuck, self._runs(pool))

    def _runs(self, pool: Pool) -> Dict[str, Run]:
        found: Dict[str, Run] = {}
        taken = pool.taken_at / 1e9
        for volume in pool.volumes or ():
            task = volume.rebalance
            if task is None or task.id is None or task.run_time is None:
                continue
            before = self.rebalances.get(volume.name)
            if before is None or not _goes_on(before, task.id, task.run_time, taken):
                before = Run(task.id, taken, taken, task.run_time)
            found[volume.name] = before._replace(counted_at=max(taken, before.counted_at))
        return found

    def _samples(self, pool: Pool, now: float) -> Dict[str, Tuple[Sample, ...]]:
        healing: Dict[str, Tuple[Sample, ...]] = {}
        for volume in pool.volumes or ():
            before = tuple(sample for sample in self.healing.get(volume.name, ()) if sample[0] <= now)
            if volume.heal is None:
                healing[volume.name] = before
            elif volume.heal.pending:
                taken = now if volume.heal.taken_at is None else min(now, volume.heal.taken_at / 1e9)
                if not before or taken - before[-1][0] >= SAMPLE_EVERY:
                    before = (*before, (taken, volume.heal.pending))[-MOST_SAMPLES:]
                healing[volume.name] = before
        return {name: samples for name, samples in healing.items() if samples}

    def _stuck(self, pool: Pool, now: float) -> Dict[str, Stuck]:
        found: Dict[str, Stuck] = {}
        for volume in pool.volumes or ():
            before, heal = self._stuck_before(volume.name, now), volume.heal
            if heal is None:
                if before is not None and not any(brick.online is False for brick in volume.bricks):
                    found[volume.name] = before  # nothing is known of it at the moment
                continue
            if not heal.pending or not may_heal(volume):
                continue
            taken = now if heal.taken_at is None else min(now, heal.taken_at / 1e9)
            if before is None or heal.pending < before.pending:
                before = Stuck(taken, taken, taken, heal.pending)
            idle_since = None
            if not heal.possibly_healing:
                idle_since = taken if before.idle_since is None else before.idle_since
            found[volume.name] = Stuck(before.since, idle_since, max(taken, before.counted_at), heal.pending)
        return found

    def _stuck_before(self, name: str, now: float) -> Optional[Stuck]:
        """The record of the volume *name*, unless its last count is too old."""
        before = self.stuck.get(name)
        if before is None or not 0 <= now - before.counted_at <= COUNTED_WITHIN:
            return None
        return before

    def with_rates(self, pool: Pool) -> Pool:
        """*pool* with the rate, the seconds left and the stuck time of each heal backlog."""
        if pool.volumes is None or not (self.healing or self.stuck or self.rebalances):
            return pool
        taken = pool.taken_at / 1e9
        volumes = [self._with_run(volume, taken) for volume in pool.volumes]
        return replace(pool, volumes=tuple(self._with_rate(volume) for volume in volumes))

    def _with_run(self, volume: Volume, taken: float) -> Volume:
        run, task = self.rebalances.get(volume.name), volume.rebalance
        if run is None or task is None or task.id is None or task.run_time is None:
            return volume
        if run.counted_at - run.since < STALLED_AFTER or not _goes_on(run, task.id, task.run_time, taken):
            return volume
        return replace(volume, rebalance=replace(task, stalled_since=run.since))

    def _with_rate(self, volume: Volume) -> Volume:
        samples = self.healing.get(volume.name, ())
        stuck = self.stuck.get(volume.name)
        if volume.heal is not None and stuck is not None:
            taken = stuck.counted_at if volume.heal.taken_at is None else volume.heal.taken_at / 1e9
            # The file may be of a daemon that runs no more.
            if abs(taken - stuck.counted_at) <= COUNTED_WITHIN and volume.heal.pending >= stuck.pending:
                heal = replace(volume.heal, stuck_since=stuck.since, idle_since=stuck.idle_since)
                volume = replace(volume, heal=heal)
        if volume.heal is None or not volume.heal.pending or len(samples) < 2:
            return volume
        (began, first), (ended, last) = samples[0], samples[-1]
        if ended - began < RATE_OVER:
            return volume
        rate = (first - last) / (ended - began)
        left = volume.heal.pending / rate if rate > 0 else None
        return replace(volume, heal=replace(volume.heal, rate=rate, seconds_left=left))


def _goes_on(run: Run, task: str, run_time: float, taken: float) -> bool:
    """Whether the rebalance *task*, as of *taken*, is still the one of *run*, with the same run time."""
    return (run.id, run.run_time) == (task, run_time) and abs(taken - run.counted_at) <= COUNTED_WITHIN


def encode(history: History) -> bytes:
    """The content of the file."""
    problems = [[*key, began] for key, began in history.since.items()]
    content = {
        "format_version": FORMAT_VERSION,
        "problems": problems,
        "healing": history.healing,
        "stuck": history.stuck,
        "rebalances": history.rebalances,
    }
    return json.dumps(content, separators=(",", ":")).encode("ascii")


def decode(content: bytes) -> History:
    """The history in *content*; an empty one where it is not of the form above."""
    try:
        fields: Any = json.loads(content)
        if fields["format_version"] != FORMAT_VERSION:
            return History()
        since: Dict[ProblemKey, float] = {}
        for code, volume, subject, began in fields["problems"][:MOST_PROBLEMS]:
            since[_name(code), _name(volume), _name(subject)] = _moment(began)
        healing: Dict[str, Tuple[Sample, ...]] = {}
        for name, samples in list(fields["healing"].items())[:MOST_PROBLEMS]:
            healing[_name(name)] = _samples_in(samples)
        stuck: Dict[str, Stuck] = {}
        for name, (began, idle, counted_at, pending) in list(fields.get("stuck", {}).items())[:MOST_PROBLEMS]:
            idle_since = None if idle is None else _moment(idle)
            stuck[_name(name)] = Stuck(_moment(began), idle_since, _moment(counted_at), _pending(pending))
        rebalances: Dict[str, Run] = {}
        for name, (task, began, counted_at, run_time) in list(fields.get("rebalances", {}).items())[
            :MOST_PROBLEMS
        ]:
            rebalances[_name(name)] = Run(_name(task), _moment(began), _moment(counted_at), _moment(run_time))
        return History(since, {}, healing, stuck, rebalances)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return History()


def read(path: str) -> History:
    """The history in the file at *path*, which another user may have written; an empty one where there is none."""
    with suppress(OSError):
        return decode(safe_open.read(path, MOST_BYTES))
    return History()


def _samples_in(samples: Any) -> Tuple[Sample, ...]:
    found: List[Sample] = []
    for moment, pending in samples[:MOST_SAMPLES]:
        found.append((_moment(moment), _pending(pending)))
    return tuple(sorted(found))


def _pending(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 62:
        raise ValueError("no number of entries")
    return value


def _name(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_NAME:
        raise TypeError("no name")
    return value


def _moment(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e11:
        raise ValueError("no moment")
    return float(value)
