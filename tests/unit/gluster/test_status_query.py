"""`volume status` while another command holds the lock, with a `gluster` that says so."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Tuple

import pytest

from ganeti_gluster_mon.gluster import parse, query, status_query
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.gluster.rebalance import Rebalance
from ganeti_gluster_mon.gluster.session import GlusterSession
from ganeti_gluster_mon.health import UNKNOWN, Limits, evaluate
from tests.unit.fake_gluster import FakeGluster
from tests.unit.gluster.healthy_capture import DETAIL, HEALTHY, STATUS, VOLUMES, output

LOCKED = """<?xml version="1.0"?>
<cliOutput><opRet>-1</opRet><opErrno>{}</opErrno><opErrstr>{}</opErrstr></cliOutput>
"""
BUSY = LOCKED.format(30802, "Another transaction is in progress for gv0. Please try again after some time.")
FAILED = LOCKED.format(30800, "Locking failed on node3.lab.test. Please check log file for details.")
#: a volume whose lock could not be had is not in the answer, without a message
WITHOUT_GV0 = output(STATUS).replace("<volName>gv0</volName>", "<volName>other</volName>")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause between two tries is chance, and is tried in the lab."""
    monkeypatch.setattr(status_query.random, "uniform", lambda _low, _high: 0.001)  # type: ignore[attr-defined]


def query_status_of(tmp_path: Path, outputs: Dict[query.Query, List[str]], previous: Capture | None = None):  # type: ignore[no-untyped-def]
    fake = FakeGluster(tmp_path, outputs)
    with GlusterSession(fake.path) as gluster:
        answers = status_query.query_status(gluster, time.monotonic() + 20, VOLUMES, previous)
    return {status.answer.query: status.answer for status in answers}, fake


@pytest.mark.parametrize("held", [BUSY, FAILED, WITHOUT_GV0, ""])
def test_a_lock_that_is_held_is_waited_for(tmp_path: Path, held: str) -> None:
    answers, fake = query_status_of(
        tmp_path, {DETAIL: [output(DETAIL)], STATUS: [held, held, output(STATUS)]}
    )
    assert answers[STATUS].output.decode().strip() == output(STATUS).strip()
    assert fake.heard.count("volume status all") == 3
    assert fake.heard.count("volume status all detail") == 1


def test_other_refusals_are_not_queried_again(tmp_path: Path) -> None:
    refusal = LOCKED.format(30800, "Staging failed on node3.lab.test.")
    answers, fake = query_status_of(tmp_path, {DETAIL: [output(DETAIL)], STATUS: [refusal]})
    assert fake.heard.count("volume status all") == 1
    assert b"Staging failed" in answers[STATUS].output


def test_after_that_the_last_good_answer_with_its_age(tmp_path: Path) -> None:
    previous = replace(HEALTHY, recorded_at=HEALTHY.recorded_at - 40 * 10**9)
    answers, fake = query_status_of(tmp_path, {DETAIL: [output(DETAIL)], STATUS: [BUSY]}, previous)
    assert fake.heard.count("volume status all") == status_query.LOCK_TRIES
    assert answers[STATUS].output.decode() == output(STATUS)
    assert answers[STATUS].taken_at == previous.recorded_at
    others = tuple(answer for answer in HEALTHY.answers if answer.query not in answers)
    capture = replace(HEALTHY, answers=(*others, *answers.values()))
    pool = build_pool(capture)
    assert pool.age(capture.recorded_at) == 40
    assert evaluate(pool, Limits(), capture.recorded_at).code == 0
    assert evaluate(pool, Limits(stale_after=30), capture.recorded_at).code == UNKNOWN


def test_without_one_it_is_not_known(tmp_path: Path) -> None:
    answers, _ = query_status_of(tmp_path, {DETAIL: [BUSY], STATUS: [BUSY]})
    others = tuple(answer for answer in HEALTHY.answers if answer.query not in answers)
    capture = replace(HEALTHY, answers=(*others, *answers.values()))
    health = evaluate(build_pool(capture), Limits(), capture.recorded_at)
    assert health.code == UNKNOWN
    assert "Another transaction is in progress" in health.message


def test_a_bad_answer_of_the_last_cycle_is_not_kept(tmp_path: Path) -> None:
    locked = tuple(
        Answer(answer.query, BUSY.encode()) if answer.query == STATUS else answer
        for answer in HEALTHY.answers
    )
    answers, _ = query_status_of(
        tmp_path, {DETAIL: [output(DETAIL)], STATUS: [BUSY]}, replace(HEALTHY, answers=locked)
    )
    assert answers[STATUS].taken_at is None


def test_the_reason_is_queried_of_a_volume_that_is_left_out() -> None:
    answers = [
        replace(answer, output=WITHOUT_GV0.encode()) if answer.query == STATUS else answer
        for answer in HEALTHY.answers
    ]
    assert status_query.left_out_queries(VOLUMES, answers) == [query.volume_status("gv0")]
    assert status_query.left_out_queries(VOLUMES, HEALTHY.answers) == []


@pytest.mark.parametrize("bricks", [(), ("node1:/b/1", "node2:/b/1")])
def test_a_task_that_has_ended_is_queried_once(bricks: Tuple[str, ...]) -> None:
    type_, root = ("remove-brick", "volRemoveBrick") if bricks else ("rebalance", "volRebalance")
    task = Rebalance(type_, "completed", "6b0a1d6e-7a8a-4f0e-9b6e-0d1b1c2d3e4f", bricks)
    statuses = [parse.VolumeStatus("dist2", (), (task,))]
    rebalance = query.remove_brick_status("dist2", bricks) if bricks else query.rebalance_status("dist2")
    assert status_query.volume_queries((), statuses) == [rebalance]
    output = (
        "<?xml version='1.0'?><cliOutput><opRet>0</opRet>"
        f"<{root}>"
        f"<task-id>{task.id}</task-id><nodeCount>0</nodeCount>"
        "<aggregate><failures>3</failures><status>3</status><statusStr>completed</statusStr></aggregate>"
        f"</{root}></cliOutput>"
    )
    previous = replace(HEALTHY, answers=(Answer(rebalance, output.encode()),))
    assert list(status_query.ended_tasks(statuses, previous)) == [rebalance]
    # another one has begun, or it runs
    for changed in (replace(task, id="another"), replace(task, status="in progress")):
        assert status_query.ended_tasks([replace(statuses[0], tasks=(changed,))], previous) == {}
    assert status_query.ended_tasks(statuses, None) == {}


PROFILED = {"diagnostics.count-fop-hits": "on", "diagnostics.latency-measurement": "on"}


def test_a_profile_is_queried_where_it_is_started_and_each_brick_answers() -> None:
    (gv0,) = [volume for volume in VOLUMES if volume.name == "gv0"]
    answering = {(brick.host, brick.path): True for brick in gv0.bricks}
    started = replace(gv0, options=PROFILED)
    assert status_query.profile_queries([started], answering) == [query.profile("gv0")]
    assert status_query.profile_queries([replace(started, options={})], answering) == []
    assert status_query.profile_queries([replace(started, state="stopped")], answering) == []
    # one that hangs, and one of which nothing is known
    first = (gv0.bricks[0].host, gv0.bricks[0].path)
    assert status_query.profile_queries([started], {**answering, first: False}) == []
    assert status_query.profile_queries([started], {key: True for key in answering if key != first}) == []


@pytest.mark.parametrize(("interval", "queried"), [("10", False), ("0", True)])
def test_no_profile_is_queried_where_bricks_write_it_to_files(interval: str, queried: bool) -> None:
    (gv0,) = [volume for volume in VOLUMES if volume.name == "gv0"]
    answering = {(brick.host, brick.path): True for brick in gv0.bricks}
    options = {**PROFILED, "diagnostics.stats-dump-interval": interval}
    queries = status_query.profile_queries([replace(gv0, options=options)], answering)
    assert queries == ([query.profile("gv0")] if queried else [])


def test_profiles_are_not_kept_for_the_next_cycle() -> None:
    kept = status_query.without_profiles(HEALTHY)
    assert HEALTHY.answer(query.profile("gv0")) is not None
    left = [answer for answer in HEALTHY.answers if answer.query[:2] != ("volume", "profile")]
    assert kept == replace(HEALTHY, answers=tuple(left))


def test_snapshots_are_queried_where_a_volume_has_one() -> None:
    assert status_query.snapshot_queries(VOLUMES) == []
    unknown = [replace(volume, snapshots=None) for volume in VOLUMES]
    assert status_query.snapshot_queries(unknown) == []
    with_one = [*VOLUMES[:-1], replace(VOLUMES[-1], snapshots=1)]
    assert status_query.snapshot_queries(with_one) == [query.SNAPSHOT_INFO]
