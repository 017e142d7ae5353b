"""What is left of an old snapshot, and what is served of one."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from ganeti_gluster_mon.daemon.spool import CycleRecord, SpooledCapture, boottime
from ganeti_gluster_mon.daemon.spool_view import SpoolView
from ganeti_gluster_mon.gluster import capture, query
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.gluster.profile import BrickProfile
from ganeti_gluster_mon.gluster.staleness import as_stale
from ganeti_gluster_mon.health import OK, UNKNOWN, Limits, evaluate
from ganeti_gluster_mon.metrics.pool_metrics import render
from ganeti_gluster_mon.snapshot import from_view

RECORDED = Path(__file__).parents[2] / "captures/recorded"
NAMES = sorted(each.name for each in RECORDED.iterdir())
LIMITS = Limits(stale_after=90)


def handed(name: str, age: float) -> SpooledCapture:
    return SpooledCapture(capture.read(str(RECORDED / name)), CycleRecord(boottime() - round(age * 1e9), 0.1))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_old_is_called_good_or_bad(name: str) -> None:
    pool = build_pool(capture.read(str(RECORDED / name)))
    old = as_stale(pool, "no answers for 100 s")
    health = evaluate(old, Limits(stale_after=float("inf")), pool.taken_at)
    assert health.code == UNKNOWN
    assert "no answers for 100 s" in health.message
    for volume in old.volumes or ():
        expected = "stopped" if volume.state != "started" else "unknown"
        assert health.volumes[volume.name].status == expected


@pytest.mark.parametrize("name", NAMES)
def test_no_figure_of_it_is_exported(name: str) -> None:
    pool = build_pool(capture.read(str(RECORDED / name)))
    text = render(as_stale(pool, "old"), evaluate(pool, LIMITS, pool.taken_at), pool.taken_at).decode()
    for metric in (
        "brick_up",
        "volume_size_bytes",
        "brick_free_bytes",
        "heal_pending",
        "bricks_online",
        "process",
    ):
        assert f"gluster_{metric}" not in text
    assert "gluster_volume_bricks{" in text, "what it is made of is still true"


def test_no_profile_of_an_old_one_is_known() -> None:
    pool = build_pool(capture.read(str(RECORDED / "healthy")))
    profiled = [
        replace(volume, profile=(BrickProfile("node1", "/b", (), 1, 2),)) for volume in pool.volumes or ()
    ]
    old = as_stale(replace(pool, volumes=tuple(profiled)), "old")
    assert {volume.profile for volume in old.volumes or ()} == {None}


def test_a_fresh_snapshot_is_not_changed() -> None:
    now = time.time_ns()
    snapshot = from_view(SpoolView(handed("healthy", 5)), LIMITS, now)
    assert snapshot.health.code == OK
    assert snapshot.pool.age(now) == pytest.approx(5, abs=1)


def test_an_old_one_says_how_old_it_is_and_what_was_known_last() -> None:
    snapshot = from_view(SpoolView(handed("brick-killed", 200)), LIMITS, time.time_ns())
    assert snapshot.health.code == UNKNOWN
    assert "no answers for 200 s" in snapshot.health.message
    assert "is offline" in snapshot.health.message
    assert snapshot.pool.age(snapshot.now) == pytest.approx(200, abs=5)


@pytest.mark.parametrize("step", [-(10**9) * 86400, 10**9 * 86400])
def test_a_clock_that_was_stepped_makes_nothing_older_or_younger(step: int) -> None:
    now = time.time_ns() + step
    assert from_view(SpoolView(handed("healthy", 5)), LIMITS, now).health.code == OK
    old = from_view(SpoolView(handed("healthy", 200)), LIMITS, now)
    assert old.health.code == UNKNOWN
    assert old.pool.age(now) == pytest.approx(200, abs=5)


def test_an_answer_that_was_kept_keeps_its_own_age() -> None:
    fresh = handed("healthy", 5)
    answers = list(fresh.capture.answers)
    place = next(i for i, answer in enumerate(answers) if answer.query == query.VOLUME_STATUS)
    answers[place] = replace(answers[place], taken_at=fresh.capture.recorded_at - 40 * 10**9)
    kept = replace(fresh, capture=replace(fresh.capture, answers=tuple(answers)))
    now = time.time_ns()
    assert from_view(SpoolView(kept), LIMITS, now).pool.age(now) == pytest.approx(45, abs=1)
