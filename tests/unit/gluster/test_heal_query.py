"""The heal queries: of which volumes, and several at once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.heal_query import (
    HEALS_AT_ONCE,
    MANY,
    MANY_AT_ONCE,
    processes,
    run_side_by_side,
    with_copies,
)
from ganeti_gluster_mon.gluster.query import heal_summary
from tests.unit.fake_gluster import HANGS, FakeGluster

#: seconds; only a test that fails waits so long
LONG = 30.0
NEVER = float("inf")


def volume(name: str = "gv0", **more: Any) -> parse.VolumeInfo:
    values = {
        "name": name,
        "uuid": "u",
        "state": "started",
        "type": "replicate",
        "transport": "tcp",
        "bricks": (),
        "replica_count": 3,
        "arbiter_count": 0,
        "disperse_count": 0,
        "redundancy_count": 0,
        "options": {},
    }
    return parse.VolumeInfo(**{**values, **more})


@pytest.mark.parametrize(
    ("more", "queried"),
    [
        ({}, True),
        ({"replica_count": 2}, True),
        ({"replica_count": 1}, False),
        ({"replica_count": 1, "disperse_count": 3}, True),
        ({"state": "stopped"}, False),
        ({"state": "created"}, False),
    ],
)
def test_started_volumes_with_copies_or_fragments_are_queried(more: Any, queried: bool) -> None:
    found = volume(**more)
    assert with_copies([found]) == ((found,) if queried else ())


def test_each_query_has_its_answer(tmp_path: Path) -> None:
    queries = [heal_summary(f"gv{number}") for number in range(20)]
    gluster = FakeGluster(tmp_path, {each: [f"<cliOutput>{each[2]}</cliOutput>\n"] for each in queries})
    answers = run_side_by_side(queries, time.monotonic() + LONG, NEVER, gluster.path, 1 << 20, HEALS_AT_ONCE)
    assert sorted(answer.query for answer in answers) == sorted(queries)
    assert all(answer.query[2].encode() in answer.output and answer.failure is None for answer in answers)


def test_one_that_hangs_does_not_delay_the_others(tmp_path: Path) -> None:
    queries = [heal_summary(f"gv{number}") for number in range(3)]
    outputs = {each: ["<cliOutput/>\n"] for each in queries}
    outputs[queries[1]] = [HANGS]
    gluster = FakeGluster(tmp_path, outputs)
    answers = run_side_by_side(queries, time.monotonic() + 2.0, NEVER, gluster.path, 1 << 20, HEALS_AT_ONCE)
    by_query = {answer.query: answer for answer in answers}
    assert by_query[queries[1]].failure is not None
    assert [by_query[each].failure for each in (queries[0], queries[2])] == [None, None]


def test_no_query_starts_no_gluster_that_matters(tmp_path: Path) -> None:
    gluster = FakeGluster(tmp_path, {})
    assert run_side_by_side([], time.monotonic() + LONG, NEVER, gluster.path, 1 << 20, HEALS_AT_ONCE) == ()


def test_a_query_whose_time_has_not_come_has_no_answer(tmp_path: Path) -> None:
    queries = [heal_summary(f"gv{number}") for number in range(3 * HEALS_AT_ONCE)]
    outputs = {each: ["<cliOutput/>\n"] for each in queries}
    outputs.update((each, [HANGS]) for each in queries[:HEALS_AT_ONCE])
    gluster = FakeGluster(tmp_path, outputs)
    now = time.monotonic()
    answers = run_side_by_side(queries, now + 2.0, now + 1.0, gluster.path, 1 << 20, HEALS_AT_ONCE)
    assert sorted(answer.query for answer in answers) == sorted(queries[:HEALS_AT_ONCE])
    assert all(answer.failure is not None for answer in answers)
    assert run_side_by_side(queries, now + LONG, now, gluster.path, 1 << 20, HEALS_AT_ONCE) == ()


@pytest.mark.parametrize(
    ("queries", "all_there", "ways"),
    [
        (0, True, 1),
        (MANY, True, 1),
        (MANY + 1, True, MANY_AT_ONCE),
        (0, False, 1),
        (1, False, 1),
        (3, False, 3),
        (100, False, HEALS_AT_ONCE),
    ],
)
def test_by_how_many_processes(queries: int, all_there: bool, ways: int) -> None:
    assert processes(queries, all_there) == ways
