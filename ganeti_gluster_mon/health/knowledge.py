"""What is not known, and why."""

from __future__ import annotations

from typing import AbstractSet, Dict, Iterable, Iterator, List, Optional

from ganeti_gluster_mon.gluster.model import Pool, Unknown, Volume
from ganeti_gluster_mon.health.problem import UNKNOWN, Limits, Problem
from ganeti_gluster_mon.health.services import expected_daemons, with_bricks
from ganeti_gluster_mon.text import some

#: before this, `heal info summary` and others are missing or answer in another form
_OLDEST_MAJOR = 4
#: what this program is tried with
_SUPPORTED = 6


def stale_problems(pool: Pool, limits: Limits, now: int) -> Iterator[Problem]:
    """Answers that are too old at *now* (ns since the epoch)."""
    age = pool.age(now)
    if age > limits.stale_after:
        yield Problem("ANSWERS_STALE", UNKNOWN, f"not known: the last answers are {age:.0f} s old")


def version_problems(pool: Pool) -> Iterator[Problem]:
    """A Gluster whose answers are not those of the versions that this program reads."""
    version = pool.gluster_version
    major = (version or "").partition(".")[0]
    if len(major) <= 4 and major.isascii() and major.isdigit() and int(major) < _OLDEST_MAJOR:
        text = (
            f"Gluster {version} is not supported: it lacks commands that version {_SUPPORTED} and newer have"
        )
        yield Problem("GLUSTER_TOO_OLD", UNKNOWN, text)


def unknown_problems(unknowns: Iterable[Unknown], volume: str = "") -> Iterator[Problem]:
    """One problem for each reason, since one reason often hides several things."""
    by_reason: Dict[str, List[str]] = {}
    for unknown in unknowns:
        by_reason.setdefault(unknown.why, []).append(unknown.what)
    for why, whats in by_reason.items():
        text = f"not known: {some(list(dict.fromkeys(whats)), 5)} ({why})"
        named = f"{volume}: {text}" if volume else text
        # The name of the volume is left out, so that the same fact about many volumes makes one group.
        kind = text.replace(f" of {volume}", "").replace(f" {volume} ", " ") if volume else text
        yield Problem("NOT_KNOWN", UNKNOWN, named, volume, kind=kind)


def gaps(volume: Volume, implied: bool, answering: AbstractSet[str]) -> Iterator[Problem]:
    """What is not known of a started volume.

    *implied*: another problem gives the reason.  *answering*: the uuids of the hosts whose glusterd takes part.
    """
    for text in (*_gaps(volume), *_not_listed(volume, answering)):
        yield Problem("NOT_KNOWN", UNKNOWN, f"{volume.name}: {text}", volume.name, kind=text, implied=implied)


def _not_listed(volume: Volume, answering: AbstractSet[str]) -> Iterator[str]:
    """Daemons that `volume status` should list on a host, by the options of the volume, and does not."""
    hosts: Dict[Optional[str], str] = {}
    for brick in volume.bricks:
        hosts.setdefault(brick.uuid, brick.host)
    for name in expected_daemons(volume):
        listed = {daemon.uuid for daemon in volume.daemons if daemon.name == name}
        missing = sorted(host for uuid, host in hosts.items() if uuid in answering and uuid not in listed)
        if missing and None not in listed:
            yield f"not known whether the {name} runs on {some(missing, 3)}: `volume status` does not list it"


def _gaps(volume: Volume) -> Iterator[str]:
    if any(brick.online is None and brick.not_reached_from is None for brick in volume.bricks):
        yield "not known whether all its bricks are online"
    if any(daemon.online is None for daemon in with_bricks(volume, volume.self_heal_daemons)):
        yield "not known whether all its self-heal daemons run"
    if volume.heals and volume.heal is None:
        yield "heal backlog not known"
    works = any(subvolume.quorum is not False for subvolume in volume.subvolumes)
    if works and volume.capacity is None:
        yield "its space is not known"
