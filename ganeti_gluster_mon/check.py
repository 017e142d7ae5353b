"""The Nagios and Icinga plugin: one line with performance data, and an exit status.

Written by hand, not with nagiosplugin 1.3: that finds the state itself, by ranges over figures,
where here `health` has evaluated already; it leaves plain labels without quotes, raises an error for
a quote or an equals sign in one, and mentions a "|" that it removed on a second line.  Leading it
past all that takes more lines than the format does:
``GLUSTER STATE - text | 'label'=value[unit];warning;critical;minimum;maximum …``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, List, Optional, Sequence

from ganeti_gluster_mon.gluster.model import Pool, Volume
from ganeti_gluster_mon.health import (
    CRITICAL,
    HEALING,
    OK,
    UNKNOWN,
    Health,
    Limits,
    Problem,
    VolumeHealth,
    message_parts,
    worst,
)
from ganeti_gluster_mon.text import one_line, short_size

STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")  # by exit status

#: Nagios keeps no more than 8 KiB of the whole output, the performance data with it
LONGEST_TEXT = 2000


@dataclass(frozen=True)
class CheckResult:
    """The output of the plugin."""

    #: 0 ok, 1 warning, 2 critical, 3 unknown
    exit_status: int
    #: without a newline at its end
    line: str


def check(pool: Pool, health: Health, limits: Limits, volume: Optional[str] = None) -> CheckResult:
    """The state of the pool, or only of *volume*; *limits* are those that *health* was evaluated by."""
    if volume is None:
        return _result(health.code, health.problems, health.message, pool.volumes or (), limits)
    if pool.volumes is None:
        return _result(UNKNOWN, (), f"not known which volumes there are: {health.message}", (), limits)
    found = [each for each in pool.volumes if each.name == volume]
    if not found:
        there = ", ".join(each.name for each in pool.volumes) or "none"
        return _result(UNKNOWN, (), f"no volume of that name; there are: {there}", (), limits)
    volume_health = health.volumes.get(volume, VolumeHealth("unknown", UNKNOWN))
    # What is not known of the pool, as where the answers are old, is not known of the volume.
    implied = {problem.code for problem in volume_health.problems if problem.implied}
    unknown = [
        problem
        for problem in health.problems
        if problem.severity == UNKNOWN and not problem.volume and problem.code not in implied
    ]
    code = max(volume_health.code, worst(unknown))
    problems = (*volume_health.problems, *unknown)
    return _result(code, problems, _summary(found[0], volume_health.status), found, limits)


def _result(
    code: int, problems: Sequence[Problem], summary: str, volumes: Sequence[Volume], limits: Limits
) -> CheckResult:
    exit_status = {OK: 0, HEALING: 1, UNKNOWN: 3, CRITICAL: 2}[code]
    if code == OK and any(not problem.muted for problem in problems):
        exit_status = 1  # nothing is wrong yet, but space is getting short
    parts = message_parts([problem for problem in problems if not problem.muted], with_codes=True)
    muted = message_parts([problem for problem in problems if problem.muted], with_codes=True)
    text = _text([*(parts or [summary]), *(f"muted: {part}" for part in muted)])
    line = f"GLUSTER {STATES[exit_status]} - {text}"
    perfdata = " ".join(figure for volume in volumes for figure in _perfdata(volume, limits))
    return CheckResult(exit_status, f"{line} | {perfdata}" if perfdata else line)


def _text(parts: Sequence[str]) -> str:
    """*parts* in one line, as many as there is room for."""
    shown: List[str] = []
    room = LONGEST_TEXT
    for i, part in enumerate(map(_plain, parts)):
        room -= len(part)
        if shown and room < 0:
            shown.append(f"and {len(parts) - i} more")
            break
        shown.append(part[:LONGEST_TEXT])
    return "; ".join(shown)


def _plain(text: str) -> str:
    # Behind a "|" Nagios looks for performance data; paths of bricks may hold one.
    return one_line(text).replace("|", "¦")


def _summary(volume: Volume, status: str) -> str:
    text = f"{volume.name} is {status}"
    if volume.up is not None:
        text += f", {volume.up} of {len(volume.bricks)} bricks online"
    if volume.capacity is not None:
        space = volume.capacity
        text += f", {short_size(space.used)} of {short_size(space.size)} used"
    return text


def _perfdata(volume: Volume, limits: Limits) -> Iterator[str]:
    """The volume's figures that are known; used space and inodes with the limits they are compared with."""
    space, inodes = volume.capacity, volume.inodes
    if space is not None:
        yield _figure(volume, "used", f"{space.used}B", space.used + space.available, space.size, limits)
    if inodes is not None:
        yield _figure(volume, "inodes", f"{inodes.used}", inodes.used + inodes.free, inodes.total, limits)
    if volume.heal is not None:
        yield f"{_name(volume, 'heal_pending')}={volume.heal.pending};;;0"
    if volume.up is not None:
        yield f"{_name(volume, 'bricks_online')}={volume.up};;;0;{len(volume.bricks)}"


def _figure(volume: Volume, what: str, used: str, usable: int, size: int, limits: Limits) -> str:
    """A used amount; it warns where less than the limit's part of what is *usable* is left, as `evaluate` does."""
    warning, critical = (
        int(usable - usable * percent / 100) for percent in (limits.warning_free, limits.critical_free)
    )
    return f"{_name(volume, what)}={used};{warning};{critical};0;{size}"


def _name(volume: Volume, what: str) -> str:
    """A label in quotes: a quote within is doubled, and an equals sign would end it."""
    name = _plain(volume.name).replace("'", "''").replace("=", "_")
    return f"'{name}_{what}'"
