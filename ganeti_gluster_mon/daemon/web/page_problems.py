"""The problems and the guests of the page.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import AbstractSet, Dict, List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.daemon.web.page_marks import (
    BAD,
    GOOD,
    HEAL,
    PROBLEM_MARKS,
    UNKNOWN_TONE,
    StatusMark,
    shown_name,
)
from ganeti_gluster_mon.daemon.web.runbook_page import anchor
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.health import (
    MessagePart,
    Problem,
    affected_guests,
    common_fix,
    evaluate_guests,
    grouped,
    guests_text,
)
from ganeti_gluster_mon.text import duration_text, one_line

#: names of instances that are shown without unfolding the rest
_FEW_GUESTS = 12
#: names of instances that a row has at all
_MOST_GUESTS = 1000


@dataclass(frozen=True)
class ProblemView:
    """A problem, or several of one kind."""

    state: StatusMark
    text: str
    code: str
    #: the section of the runbook
    anchor: str
    #: how long it has existed, and since when; "" where that is not known
    duration: str
    since: str
    #: which instances it affects; "" where that is not known
    guests: str
    muted: bool
    #: the command that fixes it
    fix: str


@dataclass(frozen=True)
class GuestRow:
    """The instances of one status."""

    state: StatusMark
    shown: Tuple[str, ...]
    #: those that have to be unfolded
    folded: Tuple[str, ...]
    #: how many have no room at all
    more: int


def problem_views(problems: Sequence[Problem], now: int) -> List[ProblemView]:
    """*problems* at *now* (ns since the epoch), worst first, those of one kind in one."""
    return [_problem(part, now) for part in grouped(problems)]


def guest_rows(pool: Pool, names: Optional[AbstractSet[str]] = None) -> Optional[List[GuestRow]]:
    """The instances of *pool*, only those among *names* if given, worst first; None: not known which there are."""
    found = evaluate_guests(pool)
    if found is None:
        return None
    groups = (
        ("✖", "cannot read or write a disk", BAD, found.down),
        ("▲", "at risk: fewer copies than configured", BAD, found.at_risk),
        ("↻", "being healed: a copy lacks what was written last", HEAL, found.lagging),
        ("?", "not known how their disks are", UNKNOWN_TONE, found.unknown),
        ("↻", "with files to be healed on their bricks", HEAL, found.healing),
        ("✔", "with all copies", GOOD, found.healthy),
    )
    entries = _entries_to_heal(pool)
    rows = []
    for symbol, word, tone, group in groups:
        chosen = group if names is None else [name for name in group if name in names]
        if chosen:
            count = "1 guest" if len(chosen) == 1 else f"{len(chosen)} guests"
            rows.append(_row(StatusMark(symbol, f"{count} {word}", tone), chosen, entries))
    return rows


def _entries_to_heal(pool: Pool) -> Dict[str, int]:
    """By instance, how many entries of its disks are known to wait to be healed; those left out that have none."""
    entries: Dict[str, int] = {}
    for disk in pool.disks or ():
        if disk.to_heal:
            entries[disk.instance] = entries.get(disk.instance, 0) + disk.to_heal
    return entries


def _row(state: StatusMark, names: Sequence[str], entries: Mapping[str, int]) -> GuestRow:
    # what is well is only counted
    few = 0 if state.tone == GOOD else _FEW_GUESTS
    words = [
        shown_name(name) + (f" ({entries[name]} to heal)" if name in entries else "")
        for name in names[:_MOST_GUESTS]
    ]
    shown, folded = tuple(words[:few]), tuple(words[few:])
    return GuestRow(state, shown, folded, max(0, len(names) - _MOST_GUESTS))


def _problem(part: MessagePart, now: int) -> ProblemView:
    began = [problem.since for problem in part.problems if problem.since is not None]
    duration = since = ""
    if len(began) == len(part.problems):
        # of several the one that has existed longest
        moment = min(now / 1e9, min(began))
        duration = duration_text(now / 1e9 - moment)
        since = datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    guests = guests_text(part.problems)
    if not guests and affected_guests(part.problems) == ():
        guests = "no guest has a disk there"
    return ProblemView(
        state=PROBLEM_MARKS[part.severity],
        text=one_line(part.text),
        code=part.code,
        anchor=anchor(part.code),
        duration=duration,
        since=since,
        guests=guests,
        muted=all(problem.muted for problem in part.problems),
        fix=common_fix(part.problems),
    )
