"""What is not known, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List, Optional

import pytest

from ganeti_gluster_mon.gluster.model import (
    SELF_HEAL_DAEMON,
    Brick,
    Capacity,
    Daemon,
    Heal,
    Pool,
    Subvolume,
    Unknown,
    Volume,
)
from ganeti_gluster_mon.health.knowledge import gaps, stale_problems, unknown_problems, version_problems
from ganeti_gluster_mon.health.problem import UNKNOWN, Limits

SECOND = 10**9
NOW = 1_795_483_447 * SECOND


@pytest.mark.parametrize(("age", "stale"), [(0, False), (90, False), (90.001, True), (86400, True)])
def test_answers_are_stale_after_their_limit(age: float, stale: bool) -> None:
    pool = Pool(taken_at=NOW - round(age * SECOND))
    problems = list(stale_problems(pool, Limits(stale_after=90.0), NOW))
    assert [one.code for one in problems] == ["ANSWERS_STALE"] * stale
    assert all(one.severity == UNKNOWN for one in problems)


@pytest.mark.parametrize(
    ("version", "too_old"),
    [
        ("3.12.15", True),
        ("0.9", True),
        ("4.0", False),
        ("10.3", False),
        (None, False),
        ("", False),
        ("git", False),
        ("٣.1", False),
        ("00003.1", False),
    ],
)
def test_a_gluster_that_is_too_old(version: Optional[str], too_old: bool) -> None:
    problems = list(version_problems(Pool(taken_at=NOW, gluster_version=version)))
    assert [one.code for one in problems] == ["GLUSTER_TOO_OLD"] * too_old


def test_one_problem_for_each_reason() -> None:
    unknowns = [Unknown(f"bricks of gv{number}", "no answer") for number in range(7)]
    unknowns += [Unknown("quota", "refused"), Unknown("quota", "refused")]
    texts = [one.text for one in unknown_problems(unknowns)]
    assert texts == [
        "not known: bricks of gv0, bricks of gv1, bricks of gv2, bricks of gv3, bricks of gv4 and 2 more (no answer)",
        "not known: quota (refused)",
    ]


def test_the_same_fact_of_two_volumes_is_of_one_kind() -> None:
    kinds = {
        one.kind
        for name in ("gv0", "gv1")
        for one in unknown_problems([Unknown(f"quota of {name}", "no answer", name)], name)
    }
    assert kinds == {"not known: quota (no answer)"}


def volume(**more: Any) -> Volume:
    bricks = tuple(Brick("gv0", f"node{number}", "/b", f"u{number}", online=True) for number in (1, 2))
    whole = Volume(
        "gv0",
        "u",
        "replicate",
        "started",
        "tcp",
        bricks,
        (Subvolume("replicate", bricks, quorum=True),),
        capacity=Capacity(100, 10, 90, "mount"),
        heal=Heal(0, 0, 0),
        daemons=tuple(Daemon(SELF_HEAL_DAEMON, f"node{number}", f"u{number}", True) for number in (1, 2)),
    )
    return replace(whole, **more)


def texts(changed: Volume, answering: frozenset[str] = frozenset({"u1", "u2"})) -> List[str]:
    return [one.text for one in gaps(changed, False, answering)]


def test_a_volume_of_which_all_is_known() -> None:
    assert texts(volume()) == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"heal": None}, "heal backlog not known"),
        ({"capacity": None}, "its space is not known"),
        (
            {"daemons": ()},
            "not known whether the Self-heal Daemon runs on node1, node2: `volume status` does not list it",
        ),
    ],
)
def test_what_is_missing_is_named(more: Any, words: str) -> None:
    assert texts(volume(**more)) == [f"gv0: {words}"]


def test_a_host_that_does_not_answer_lists_no_daemon() -> None:
    one = (Daemon(SELF_HEAL_DAEMON, "node1", "u1", True),)
    assert texts(volume(daemons=one), frozenset({"u1"})) == []
    assert len(texts(volume(daemons=one))) == 1
    nameless = (Daemon(SELF_HEAL_DAEMON, "node1", None, True),)
    assert texts(volume(daemons=nameless)) == [], "it may be any host's"


def test_a_gap_may_follow_from_another_problem() -> None:
    assert [one.implied for one in gaps(volume(heal=None), True, frozenset())] == [True]
