"""A problem in words, with how long it has existed and whether it is muted."""

from __future__ import annotations

from typing import List, Tuple

from ganeti_gluster_mon.health import Problem
from ganeti_gluster_mon.words import one_line


def problem_text(problem: Problem, now: int) -> str:
    """One line about *problem* at *now* (ns since the epoch): "gv0: … (for 2 h 5 min; muted)"."""
    more = []
    if problem.since is not None:
        more.append(f"for {duration_text(now / 1e9 - problem.since)}")
    if problem.muted:
        more.append("muted")
    text = one_line(problem.text)
    return f"{text} ({'; '.join(more)})" if more else text


def duration_text(seconds: float) -> str:
    """*seconds* by its two largest units: "45 s", "2 h 5 min", "3 d 1 h"."""
    left = max(0, int(seconds))
    parts: List[Tuple[int, str]] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        number, left = divmod(left, size)
        if number or parts:
            parts.append((number, unit))
    shown = [f"{number} {unit}" for number, unit in parts[:2] if number]
    return " ".join(shown) or "0 s"
