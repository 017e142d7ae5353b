"""A problem in one line."""

from __future__ import annotations

from typing import Optional

import pytest

from ganeti_gluster_mon.health import CRITICAL, Problem
from ganeti_gluster_mon.problem_text import problem_text

NOW = 1_000_000


@pytest.mark.parametrize(
    ("since", "muted", "text"),
    [
        (None, False, "a brick is offline"),
        (NOW - 7500.0, False, "a brick is offline (for 2 h 5 min)"),
        (None, True, "a brick is offline (muted)"),
        (NOW - 1.0, True, "a brick is offline (for 1 s; muted)"),
        (NOW + 60.0, False, "a brick is offline (for 0 s)"),
    ],
)
def test_its_age_and_whether_it_is_muted(since: Optional[float], muted: bool, text: str) -> None:
    problem = Problem("BRICK_OFFLINE", CRITICAL, "a brick\nis offline", since=since, muted=muted)
    assert problem_text(problem, NOW * 10**9) == text


def test_the_guests_that_it_affects() -> None:
    problem = Problem(
        "BRICK_OFFLINE", CRITICAL, "a brick is offline", since=NOW - 60.0, guests=("web1",), muted=True
    )
    assert (
        problem_text(problem, NOW * 10**9) == "a brick is offline (for 1 min; 1 guest at risk: web1; muted)"
    )
