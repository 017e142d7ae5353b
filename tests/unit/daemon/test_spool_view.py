"""Each part of what is shown has its own age."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Tuple

import pytest

from ganeti_gluster_mon.daemon import spool_view
from ganeti_gluster_mon.daemon.spool import CycleRecord, SpooledCapture, boottime
from ganeti_gluster_mon.daemon.spool_view import LeaderCapture, SpoolView
from ganeti_gluster_mon.gluster import query
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.log_messages import LogReport, logs_to_json
from ganeti_gluster_mon.gluster.lvm import LvmReport
from ganeti_gluster_mon.gluster.profile import StatsDump
from ganeti_gluster_mon.health import Limits
from ganeti_gluster_mon.repair_tries import (
    START_BRICK,
    SUCCEEDED,
    AutoRepairs,
    RepairTry,
    report_to_json,
)
from ganeti_gluster_mon.snapshot import Snapshot, from_view
from tests.unit.gluster.test_merge import NODE2, own, read

SECOND = 10**9
#: as with --interval 5
LIMITS = Limits(stale_after=15)
NOW = read("healthy").recorded_at


def with_old_counts(age: float) -> Capture:
    """A capture of now whose heal counts are *age* seconds older than the rest."""
    taken = read("healthy")
    return replace(
        taken,
        answers=tuple(
            replace(answer, taken_at=taken.recorded_at - round(age * SECOND))
            if query.is_heal_query(answer.query)
            else answer
            for answer in taken.answers
        ),
    )


def shown(taken: Capture, leads: bool) -> Snapshot:
    handed = SpooledCapture(taken, CycleRecord(boottime(), 0.1))
    if leads:
        return from_view(SpoolView(handed), LIMITS, NOW)
    mine = SpooledCapture(own(), CycleRecord(boottime(), 0.1, leads=False))
    return from_view(SpoolView(mine, LeaderCapture(taken, boottime()), NODE2, leader=False), LIMITS, NOW)


def heals(snapshot: Snapshot) -> Tuple[bool, ...]:
    return tuple(volume.heal is not None for volume in snapshot.pool.volumes or () if volume.heals)


@pytest.mark.parametrize("leads", [True, False])
def test_old_heal_counts_make_nothing_else_old(leads: bool) -> None:
    snapshot = shown(with_old_counts(40), leads)
    assert snapshot.health.code == 0, snapshot.health.message
    assert snapshot.pool.age(NOW) < 5
    assert all(heals(snapshot))
    (volume,) = [each for each in snapshot.pool.volumes or () if each.name == "gv0"]
    assert volume.heal is not None and volume.heal.taken_at is not None
    assert 39 < (NOW - volume.heal.taken_at) / SECOND < 45


@pytest.mark.parametrize("leads", [True, False])
def test_heal_counts_that_are_too_old_are_not_known_and_all_else_is(leads: bool) -> None:
    snapshot = shown(with_old_counts(120), leads)
    assert snapshot.health.code == 2
    assert "the last count is more than 90 s old" in snapshot.health.message
    assert "the pool" not in snapshot.health.message
    assert not any(heals(snapshot))
    assert all(brick.online for volume in snapshot.pool.volumes or () for brick in volume.bricks)
    assert all(volume.capacity is not None for volume in snapshot.pool.volumes or ())


REPAIRS = AutoRepairs(
    (RepairTry("gv0", START_BRICK, "why", 1.0, SUCCEEDED),), {("gv0", START_BRICK, SUCCEEDED): 1}
)


@pytest.mark.parametrize(
    ("record", "expected"),
    [(report_to_json(REPAIRS), REPAIRS), (None, None), ({"last": [[]]}, None), ([], None)],
)
def test_automatic_repairs_are_those_of_the_poller(record: Any, expected: Any) -> None:
    handed = SpooledCapture(read("healthy"), CycleRecord(boottime(), 0.1, auto_repairs=record))
    assert from_view(SpoolView(handed), LIMITS, NOW).pool.auto_repairs == expected


def test_a_follower_repairs_nothing() -> None:
    record = CycleRecord(boottime(), 0.1, leads=False, auto_repairs=report_to_json(REPAIRS))
    mine, theirs = SpooledCapture(own(), record), LeaderCapture(read("healthy"), boottime())
    view = SpoolView(mine, theirs, NODE2, leader=False)
    assert from_view(view, LIMITS, NOW).pool.auto_repairs is None


@pytest.mark.parametrize("leads", [True, False])
def test_the_messages_in_logs_are_those_of_this_node(leads: bool) -> None:
    report = LogReport({("brick", "error"): 3}, {"brick": 0}, 4096)
    mine = SpooledCapture(own(), CycleRecord(boottime(), 0.1, leads=leads, logs=logs_to_json(report)))
    followed = None if leads else LeaderCapture(read("healthy"), boottime())
    snapshot = from_view(SpoolView(mine, followed, NODE2, leader=leads), LIMITS, NOW)
    assert snapshot.pool.logs == report
    broken = replace(mine, cycle=replace(mine.cycle, logs={"counts": 3}))
    assert from_view(SpoolView(broken, followed, NODE2, leader=leads), LIMITS, NOW).pool.logs is None


@pytest.mark.parametrize("stepped", [-3600, 3600])
def test_a_clock_that_is_stepped_makes_no_report_of_lvs_older_or_younger(stepped: int) -> None:
    taken = read("healthy")
    capture = replace(taken, lvm=LvmReport(taken.recorded_at - 100 * SECOND))
    now = NOW + stepped * SECOND
    moved = spool_view._taken_at(capture, now)
    assert moved.lvm is not None
    assert moved.recorded_at - moved.lvm.taken_at == 100 * SECOND


@pytest.mark.parametrize("stepped", [-3600, 3600])
def test_a_clock_that_is_stepped_makes_no_stats_dump_older_or_younger(stepped: int) -> None:
    taken = read("healthy")
    dump = StatsDump("/export/b1/gv0", taken.recorded_at - 7 * SECOND)
    moved = spool_view._taken_at(replace(taken, stats_dumps=(dump,)), NOW + stepped * SECOND)
    assert moved.recorded_at - moved.stats_dumps[0].written_at == 7 * SECOND


def with_dump(capture: Capture, written: int) -> Capture:
    """*capture* of a pool in which the bricks of gv0 write their statistics to files; one of them was read."""
    option = b"<option><name>diagnostics.stats-dump-interval</name><value>10</value></option></options>"

    def changed(answer: Answer) -> Answer:
        before, name, after = answer.output.partition(b"<name>gv0</name>")
        return replace(answer, output=before + name + after.replace(b"</options>", option, 1))

    answers = (changed(answer) if answer.query == query.VOLUME_INFO else answer for answer in capture.answers)
    dump = StatsDump("/export/b1/gv0", capture.recorded_at - SECOND, written=written)
    return replace(capture, answers=tuple(answers), stats_dumps=(dump,))


@pytest.mark.parametrize(("age", "known"), [(0, True), (60, False)])
def test_stats_dumps_are_those_of_this_nodes_bricks(age: float, known: bool) -> None:
    record = CycleRecord(boottime() - round(age * SECOND), 0.1, leads=False)
    followed = LeaderCapture(with_dump(read("healthy"), 1), boottime())
    view = SpoolView(SpooledCapture(with_dump(own(), 2), record), followed, NODE2, leader=False)
    (gv0,) = [volume for volume in from_view(view, LIMITS, NOW).pool.volumes or () if volume.name == "gv0"]
    found = [(profile.host, profile.path, profile.written) for profile in gv0.profile or ()]
    assert found == ([("node2.lab.test", "/export/b1/gv0", 2)] if known else [])
