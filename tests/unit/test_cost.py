"""What a pool costs by the number of its bricks, counted in calls: times vary with the load of the machine."""

from __future__ import annotations

import gc
import sys
from typing import Callable, Dict

import pytest

from ganeti_gluster_mon.daemon.web.content import render
from ganeti_gluster_mon.gc_pause import collection_paused
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import Limits, evaluate
from ganeti_gluster_mon.metrics import pool_metrics
from tests.bench.stages import without_heal
from tests.generate import large_capture

LIMITS = Limits()
#: a multiple of the bricks of one generated volume
FEW = 480


def calls(work: Callable[[], object]) -> int:
    """How many functions *work* calls, those in C included."""
    count = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal count
        if event in ("call", "c_call"):
            count += 1

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def calls_by_stage(bricks: int, heal_known: bool) -> Dict[str, int]:
    capture = large_capture(bricks)
    if not heal_known:
        capture = without_heal(capture)
    pool = build_pool(capture)
    now = capture.recorded_at
    health = evaluate(pool, LIMITS, now)
    render(pool, health, now)  # the first time imports and fills caches
    return {
        "build_pool": calls(lambda: build_pool(capture)),
        "evaluate": calls(lambda: evaluate(pool, LIMITS, now)),
        "metrics": calls(lambda: pool_metrics.render(pool, health, now)),
        "content": calls(lambda: render(pool, health, now).reports.all),
    }


@pytest.mark.slow
@pytest.mark.parametrize("heal_known", [True, False])
def test_twice_the_bricks_take_twice_the_calls_in_each_stage(heal_known: bool) -> None:
    few, many = calls_by_stage(FEW, heal_known), calls_by_stage(2 * FEW, heal_known)
    for stage in few:
        assert many[stage] <= 2.02 * few[stage], stage


@pytest.mark.slow
def test_a_capture_leaves_nothing_for_the_garbage_collector() -> None:
    capture = large_capture(FEW)
    with collection_paused():
        gc.collect()
        build_pool(capture)
        assert gc.collect() == 0


def test_the_collector_does_not_run_while_a_model_is_made() -> None:
    capture = large_capture(2 * FEW)
    gc.collect()
    runs = []
    gc.callbacks.append(lambda phase, info: runs.append(phase))
    try:
        pool = build_pool(capture)
        health = evaluate(pool, LIMITS, capture.recorded_at)
        render(pool, health, capture.recorded_at)
    finally:
        gc.callbacks.pop()
    # between the calls it may
    assert len(runs) <= 6, runs


def test_the_collector_runs_again_afterwards() -> None:
    assert gc.isenabled()
    with collection_paused():
        with collection_paused():
            pass
        assert not gc.isenabled(), "the outer block has not ended"
    assert gc.isenabled()


@collection_paused()
def _fails() -> None:
    assert not gc.isenabled()
    raise KeyError


def test_the_collector_runs_again_after_an_error() -> None:
    with pytest.raises(KeyError):
        _fails()
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with collection_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
