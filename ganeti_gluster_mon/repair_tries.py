"""Automatic repairs that were tried: what the poller did by itself, on which volume, why, and with which result.

The poller keeps them in the state directory, so that a restart of the daemon does not forget them::

    /var/lib/ganeti-gluster-mon/auto-repairs.json
    {"format_version": 1, "blocked_until": SECONDS, "tries": [[VOLUME, ACTION, WHY, TRIED_AT, RESULT], …]}

Times are seconds since the epoch.  RESULT is that of the command: the next cycle shows whether the brick is online.
Until BLOCKED_UNTIL nothing is tried: the file was damaged, and it is not known how often a repair was tried.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from typing import Any, Mapping, Tuple

FILE = "auto-repairs.json"
FORMAT_VERSION = 1
#: what can be repaired automatically, as AUTO_REPAIR names it
START_BRICK, SELF_HEAL = "start-brick", "self-heal"
ACTIONS = (START_BRICK, SELF_HEAL)
#: results of a try; "failed": also a command that did not end in time; "interrupted": the daemon ended before it did
SUCCEEDED, FAILED, INTERRUPTED = "succeeded", "failed", "interrupted"
RESULTS = (SUCCEEDED, FAILED, INTERRUPTED)
#: tries of one volume within `PERIOD` seconds, and seconds from one to the next
MOST_TRIES, PERIOD, PAUSE = 3, 3600.0, 60.0
#: older tries that are kept, and tries that are shown
KEPT, SHOWN = 20, 5
#: bytes of the file, and characters of a reason in it
MOST_BYTES, LONGEST = 4 << 20, 1000


class DamagedTries(Exception):
    """A file of tries that is there and cannot be used, for a reason in one line."""


@dataclass(frozen=True)
class RepairTry:
    """One command that was to repair something."""

    volume: str
    #: one of `ACTIONS`
    action: str
    #: what did not run
    why: str
    #: seconds since the epoch
    tried_at: float
    #: one of `RESULTS`
    result: str = INTERRUPTED


@dataclass(frozen=True)
class RepairTries:
    """The tries of the last hour, and some older ones; the latest is the last."""

    tries: Tuple[RepairTry, ...] = ()
    #: seconds since the epoch; nothing is tried before
    blocked_until: float = 0.0

    def why_not(self, volume: str, now: float) -> str:
        """Why *volume* is not to be tried at *now* (seconds since the epoch), in one line; "" where it is."""
        if now < self.blocked_until:
            return "it is not known how often it was tried within this hour: the file of tries was damaged"
        # a time that is to come is from a clock that was set back; it counts as now
        ages = [max(0.0, now - one.tried_at) for one in self.tries if one.volume == volume]
        if sum(1 for age in ages if age < PERIOD) >= MOST_TRIES:
            return f"it was tried {MOST_TRIES} times within an hour"
        return f"it was tried {min(ages):.0f} s ago" if ages and min(ages) < PAUSE else ""

    def begun(self, tried: RepairTry) -> RepairTries:
        """These and *tried*, without those that are not kept."""
        now = tried.tried_at
        earlier = tuple(replace(one, tried_at=min(one.tried_at, now)) for one in self.tries)
        old = [one for one in earlier if now - one.tried_at >= PERIOD][-KEPT:]
        new = [one for one in earlier if now - one.tried_at < PERIOD]
        # a clock that was wrong may not block for longer than an hour
        return RepairTries((*old, *new, tried), min(self.blocked_until, now + PERIOD))

    def ended(self, result: str) -> RepairTries:
        """These, where the last one has ended with *result*."""
        *before, last = self.tries
        return replace(self, tries=(*before, replace(last, result=result)))


@dataclass(frozen=True)
class AutoRepairs:
    """What the poller repaired automatically, for reports."""

    #: the last tries, the latest first
    last: Tuple[RepairTry, ...] = ()
    #: tries since the start of the poller by volume, action and result
    counts: Mapping[Tuple[str, str, str], int] = field(default_factory=dict)


def encode(tries: RepairTries) -> bytes:
    """The content of the file."""
    content = {
        "format_version": FORMAT_VERSION,
        "blocked_until": tries.blocked_until,
        "tries": [_to_json(one) for one in tries.tries],
    }
    return json.dumps(content).encode("ascii")


def decode(content: bytes) -> RepairTries:
    """The tries in *content*.  Raises DamagedTries."""
    try:
        fields: Any = json.loads(content)
        if fields["format_version"] != FORMAT_VERSION:
            raise DamagedTries(f"its format_version is not {FORMAT_VERSION}")
        tries = tuple(_from_json(one) for one in fields["tries"])
        return RepairTries(tries, _moment(fields["blocked_until"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as err:
        raise DamagedTries("it is not of the form that the daemon writes") from err


def report_to_json(repairs: AutoRepairs) -> Any:
    """*repairs* as the record of a cycle has them."""
    counts = [[*key, count] for key, count in repairs.counts.items()]
    return {"last": [_to_json(one) for one in repairs.last], "counts": counts}


def report_from_json(fields: Any) -> AutoRepairs:
    """The repairs in the record of a cycle.  Raises ValueError, TypeError and KeyError."""
    counts = {
        (str(volume), str(action), str(result)): int(n) for volume, action, result, n in fields["counts"]
    }
    return AutoRepairs(tuple(_from_json(one) for one in fields["last"]), counts)


def _to_json(one: RepairTry) -> Any:
    return [one.volume, one.action, one.why[:LONGEST], one.tried_at, one.result]


def _from_json(value: Any) -> RepairTry:
    volume, action, why, tried_at, result = value
    if (
        not isinstance(volume, str)
        or not isinstance(why, str)
        or action not in ACTIONS
        or result not in RESULTS
    ):
        raise ValueError("no try")
    return RepairTry(volume, action, why, _moment(tried_at), result)


def _moment(value: Any) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not math.isfinite(value)
        or value < 0
    ):
        raise ValueError("no moment")
    return float(value)
