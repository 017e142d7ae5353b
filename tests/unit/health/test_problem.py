"""Problems: the worst of several, and their order."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import pytest

from ganeti_gluster_mon.health.codes import CODES
from ganeti_gluster_mon.health.problem import CRITICAL, HEALING, OK, UNKNOWN, Problem, worst, worst_first


def problem(severity: int, muted: bool = False, code: str = "BRICK_OFFLINE") -> Problem:
    return Problem(code, severity, "text", muted=muted)


@pytest.mark.parametrize(
    ("severities", "status"),
    [
        ([], OK),
        ([OK], OK),
        ([OK, HEALING], HEALING),
        ([UNKNOWN, HEALING], UNKNOWN),
        ([HEALING, CRITICAL, UNKNOWN], CRITICAL),
    ],
)
def test_the_status_is_the_highest_severity(severities: Sequence[int], status: int) -> None:
    assert worst(map(problem, severities)) == status


def test_a_muted_problem_does_not_count() -> None:
    assert worst([problem(CRITICAL, muted=True), problem(HEALING)]) == HEALING
    assert worst([problem(CRITICAL, muted=True)]) == OK


def test_the_order_is_by_severity_and_then_by_code() -> None:
    codes = list(CODES)
    mixed = [
        problem(HEALING, code=codes[0]),
        problem(CRITICAL, code=codes[5]),
        problem(CRITICAL, code=codes[1]),
    ]
    ordered: List[Tuple[str, int]] = [(one.code, one.severity) for one in sorted(mixed, key=worst_first)]
    assert ordered == [(codes[1], CRITICAL), (codes[5], CRITICAL), (codes[0], HEALING)]
