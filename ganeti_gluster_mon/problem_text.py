"""A problem in words, with how long it has existed, the guests that it affects, and whether it is muted."""

from __future__ import annotations

from ganeti_gluster_mon.health import Problem, guests_text
from ganeti_gluster_mon.text import duration_text, one_line


def problem_text(problem: Problem, now: int) -> str:
    """One line about *problem* at *now* (ns since the epoch): "gv0: … (for 2 h; 1 guest at risk: web1; muted)"."""
    more = []
    if problem.since is not None:
        more.append(f"for {duration_text(now / 1e9 - problem.since)}")
    guests = guests_text([problem])
    if guests:
        more.append(guests)
    if problem.muted:
        more.append("muted")
    text = one_line(problem.text)
    return f"{text} ({'; '.join(more)})" if more else text
