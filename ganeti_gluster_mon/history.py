"""Since when each problem exists, and how fast a heal backlog falls.

The web process of each node keeps it in the state directory, so that a restart of the daemon forgets nothing::

    /var/lib/ganeti-gluster-mon/history.json
    {"format_version": 1, "problems": [[CODE, VOLUME, SUBJECT, SINCE], …], "healing": {VOLUME: [[TIME, PENDING], …]}}

Times are seconds since the epoch.  A file that cannot be read, or is not of this form, is none: then everything
exists since now.  Both parts are bounded.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Dict, List, Mapping, Tuple

from ganeti_gluster_mon import plain_file
from ganeti_gluster_mon.gluster.model import Pool, Volume
from ganeti_gluster_mon.health import Health
from ganeti_gluster_mon.health.annotate import ProblemKey, key_of

FORMAT_VERSION = 1
FILE = "history.json"
#: problems, and samples of one volume's heal backlog
MOST_PROBLEMS, MOST_SAMPLES = 10_000, 30
#: bytes of the file, and characters of one name in it
MOST_BYTES, LONGEST_NAME = 8 << 20, 4096
#: seconds for which a problem may be gone, or hidden by something that is not known, and is the same when it is back
GAP = 120.0
#: seconds between two samples of a backlog, and for which a rate is computed at least
SAMPLE_EVERY, RATE_OVER = 30.0, 60.0

Sample = Tuple[float, int]


@dataclass(frozen=True)
class History:
    """What is kept from one cycle to the next."""

    since: Mapping[ProblemKey, float] = field(default_factory=dict)
    #: the moment at which a problem was there last, if it is not there now
    gone: Mapping[ProblemKey, float] = field(default_factory=dict)
    #: by volume, oldest first
    healing: Mapping[str, Tuple[Sample, ...]] = field(default_factory=dict)

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
        gone: Dict[ProblemKey, float] = {}
        for key, began in self.since.items():
            last = min(now, self.gone.get(key, now))
            if key not in since and now - last < GAP and len(since) < MOST_PROBLEMS:
                since[key], gone[key] = began, last
        return History(since, gone, self._samples(pool, now))

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

    def with_rates(self, pool: Pool) -> Pool:
        """*pool* with the rate at which each heal backlog falls and the seconds that are left, where known."""
        if not self.healing or pool.volumes is None:
            return pool
        return replace(pool, volumes=tuple(self._with_rate(volume) for volume in pool.volumes))

    def _with_rate(self, volume: Volume) -> Volume:
        samples = self.healing.get(volume.name, ())
        if volume.heal is None or not volume.heal.pending or len(samples) < 2:
            return volume
        (began, first), (ended, last) = samples[0], samples[-1]
        if ended - began < RATE_OVER:
            return volume
        rate = (first - last) / (ended - began)
        left = volume.heal.pending / rate if rate > 0 else None
        return replace(volume, heal=replace(volume.heal, rate=rate, seconds_left=left))


def encode(history: History) -> bytes:
    """The content of the file."""
    problems = [[*key, began] for key, began in history.since.items()]
    content = {"format_version": FORMAT_VERSION, "problems": problems, "healing": history.healing}
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
        return History(since, {}, healing)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return History()


def read(path: str) -> History:
    """The history in the file at *path*, which another user may have written; an empty one where there is none."""
    with suppress(OSError):
        return decode(plain_file.read(path, MOST_BYTES))
    return History()


def _samples_in(samples: Any) -> Tuple[Sample, ...]:
    found: List[Sample] = []
    for moment, pending in samples[:MOST_SAMPLES]:
        if isinstance(pending, bool) or not isinstance(pending, int) or not 0 <= pending < 1 << 62:
            raise ValueError(pending)
        found.append((_moment(moment), pending))
    return tuple(sorted(found))


def _name(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_NAME:
        raise TypeError("no name")
    return value


def _moment(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e11:
        raise ValueError("no moment")
    return float(value)
