"""Since when problems exist, and how fast a backlog falls, over restarts and with whatever is in the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import List, Optional, Tuple

import pytest

from ganeti_gluster_mon import history, mutes
from ganeti_gluster_mon.gluster.model import Brick, Heal, Pool
from ganeti_gluster_mon.gluster.rebalance import Rebalance, RebalanceNode
from ganeti_gluster_mon.health import (
    CRITICAL,
    HEALING,
    Health,
    Limits,
    Problem,
    VolumeHealth,
    evaluate,
    message,
    remedy_of,
    worst,
)
from ganeti_gluster_mon.health.annotate import key_of
from ganeti_gluster_mon.history import GAP, History
from ganeti_gluster_mon.snapshot import Snapshot
from tests.unit.example_pool import POOL

OFFLINE = Problem("BRICK_OFFLINE", CRITICAL, "gv0: brick a:/b is offline", "gv0", "a:/b")
HEAL = Problem("HEAL_PENDING", HEALING, "gv0: 5 entries to be healed", "gv0")
EMPTY = Pool(taken_at=0)
NOW = 1_795_000_000.0


def health(*problems: Problem) -> Health:
    mine = tuple(each for each in problems if each.volume == "gv0")
    volumes = {"gv0": VolumeHealth("degraded" if mine else "healthy", worst(mine), mine)}
    return Health(worst(problems), message(problems), tuple(problems), volumes)


def pending(entries: int, taken_at: float) -> Pool:
    volumes = tuple(
        replace(volume, heal=Heal(entries, 0, 0, round(taken_at * 1e9))) if volume.name == "gv0" else volume
        for volume in POOL.volumes or ()
    )
    return replace(POOL, volumes=volumes)


def heal_of(pool: Pool) -> Heal:
    (volume,) = [each for each in pool.volumes or () if each.name == "gv0"]
    assert volume.heal is not None
    return volume.heal


def test_a_problem_exists_since_it_was_found_first() -> None:
    known = History().after(EMPTY, health(OFFLINE), NOW)
    known = known.after(EMPTY, health(OFFLINE, HEAL), NOW + 60)
    changed = replace(HEAL, text="gv0: 7 entries to be healed")
    known = known.after(EMPTY, health(OFFLINE, changed), NOW + 120)
    assert known.since == {key_of(OFFLINE): NOW, key_of(HEAL): NOW + 60}


@pytest.mark.parametrize(("away", "begins"), [(GAP - 1, NOW), (GAP + 1, NOW + GAP + 1)])
def test_a_short_time_without_it_is_no_end(away: float, begins: float) -> None:
    known = History().after(EMPTY, health(OFFLINE), NOW)
    for moment in range(0, int(away), 10):
        known = known.after(EMPTY, health(), NOW + moment)
    known = known.after(EMPTY, health(OFFLINE), NOW + away)
    assert known.since == {key_of(OFFLINE): begins}


def test_a_clock_that_is_set_back_makes_nothing_begin_in_the_future() -> None:
    known = History().after(EMPTY, health(OFFLINE), NOW).after(EMPTY, health(OFFLINE), NOW - 1000)
    assert known.since == {key_of(OFFLINE): NOW - 1000}


def test_how_fast_a_backlog_falls_and_when_it_is_done() -> None:
    known = History()
    for minute in range(6):
        known = known.after(pending(1000 - 100 * minute, NOW + 60 * minute), health(), NOW + 60 * minute)
    heal = heal_of(known.with_rates(pending(500, NOW + 300)))
    assert heal.rate == pytest.approx(100 / 60)
    assert heal.seconds_left == pytest.approx(300)
    known = known.after(pending(0, NOW + 360), health(), NOW + 360)
    assert known.healing == {}


def test_a_backlog_that_grows_has_no_end() -> None:
    known = History()
    for minute in range(3):
        known = known.after(pending(100 + minute, NOW + 60 * minute), health(), NOW + 60 * minute)
    heal = heal_of(known.with_rates(pending(102, NOW + 120)))
    assert heal.rate is not None and heal.rate < 0
    assert heal.seconds_left is None


def test_two_counts_of_one_moment_give_no_rate() -> None:
    known = History()
    for moment in (0, 10, 20):
        known = known.after(pending(100 - moment, NOW), health(), NOW + moment)
    assert heal_of(known.with_rates(pending(80, NOW))).rate is None


def backlog(entries: int, taken_at: float) -> Pool:
    """The pool with a heal backlog of gv0 and nothing in the way of healing."""
    pool = pending(entries, taken_at)

    def online(bricks: Tuple[Brick, ...]) -> Tuple[Brick, ...]:
        return tuple(replace(brick, online=True) for brick in bricks)

    return replace(
        pool,
        volumes=tuple(
            replace(
                volume,
                bricks=online(volume.bricks),
                subvolumes=tuple(replace(each, bricks=online(each.bricks)) for each in volume.subvolumes),
                daemons=(),
            )
            for volume in pool.volumes or ()
        ),
    )


def watched(*counts: Tuple[float, int]) -> History:
    """The history after the heal *counts* of gv0, each at so many minutes after NOW."""
    known = History()
    for minutes, entries in counts:
        moment = NOW + 60 * minutes
        known = known.after(backlog(entries, moment), health(HEAL), moment)
    return known


def shown(known: History, pool: Pool, minutes: float) -> Health:
    snapshot = Snapshot(pool, evaluate(pool, Limits(), pool.taken_at), round((NOW + 60 * minutes) * 1e9))
    return snapshot.annotated(known, mutes.NONE).health


def stuck(found: Health) -> List[Problem]:
    return [problem for problem in found.problems if problem.code == "HEAL_STUCK"]


HOUR = [(minute, 5) for minute in range(0, 61, 5)]


def test_a_backlog_that_does_not_fall_for_an_hour_is_stuck() -> None:
    known = watched(*HOUR)
    (problem,) = stuck(shown(known, backlog(5, NOW + 3600), 60))
    assert (problem.severity, problem.volume, problem.since) == (CRITICAL, "gv0", NOW)
    assert problem.text == (
        "gv0: 5 entries to be healed, and not one less for 1 h, though all bricks and self-heal daemons run"
    )
    found = shown(known, backlog(5, NOW + 3600), 60)
    assert (found.code, found.volumes["gv0"].code) == (CRITICAL, CRITICAL)
    assert problem.text in found.message
    assert stuck(shown(known, backlog(5, NOW + 3590), 59.8)) == []
    assert len(stuck(shown(watched(*HOUR, (65, 8)), backlog(8, NOW + 3900), 65))) == 1, "it grows"


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ([*HOUR[:6], (30, 4), *[(minute, 4) for minute in range(35, 61, 5)]], "it fell"),
        ([*HOUR[:6], (28, 0), *[(minute, 5) for minute in range(30, 61, 5)]], "it was done, and others came"),
        ([(0, 5), (60, 5)], "no count for an hour"),
    ],
)
def test_a_backlog_is_not_called_stuck(counts: List[Tuple[float, int]], why: str) -> None:
    last = counts[-1][1]
    assert stuck(shown(watched(*counts), backlog(last, NOW + 3600), 60)) == [], why


def test_a_backlog_that_is_being_healed_or_cannot_be_is_not_stuck() -> None:
    known = watched(*HOUR)
    now = backlog(5, NOW + 3600)
    (volume,) = [each for each in now.volumes or () if each.name == "gv0"]
    assert volume.heal is not None
    busy = replace(volume, heal=replace(volume.heal, possibly_healing=1))
    missing = replace(volume, bricks=(replace(volume.bricks[0], online=False), *volume.bricks[1:]))
    off = replace(volume, options={"cluster.self-heal-daemon": "off"})
    for changed in (missing, off):
        pool = replace(now, volumes=(changed,))
        assert stuck(shown(known, pool, 60)) == []
    for changed in (missing, off):
        pool = replace(now, volumes=(changed,))
        begun = known.after(pool, health(HEAL), NOW + 3600)
        assert begun.stuck == {}, "it begins again"
    begun = known.after(replace(now, volumes=(busy,)), health(HEAL), NOW + 3600)
    assert stuck(shown(begun, replace(now, volumes=(busy,)), 60)) == [], (
        "a large image, or a guest that writes"
    )
    for minute in range(65, 240, 5):
        begun = begun.after(backlog(5, NOW + 60 * minute), health(HEAL), NOW + 60 * minute)
        found = stuck(shown(begun, backlog(5, NOW + 60 * minute), minute))
        assert bool(found) == (minute >= 125), "an hour after the last one that was possibly healing"


def test_a_backlog_that_does_not_fall_under_writing_guests_is_stuck_after_four_hours() -> None:
    known = History()
    for minute in range(0, 250, 5):
        pool = backlog(5, NOW + 60 * minute)
        pool = replace(
            pool,
            volumes=tuple(
                replace(volume, heal=replace(volume.heal, possibly_healing=3)) if volume.heal else volume
                for volume in pool.volumes or ()
            ),
        )
        known = known.after(pool, health(HEAL), NOW + 60 * minute)
        assert bool(stuck(shown(known, pool, minute))) == (minute >= 240)


def moving(run_time: Optional[float], minutes: float, id_: str = "id1", status: str = "in progress") -> Pool:
    """The pool with a rebalance of gv0 that has run for *run_time* on node1, and has completed on node2."""
    nodes = (
        RebalanceNode("node1", status, run_time=run_time),
        RebalanceNode("node2", "completed", run_time=7.0),
    )
    task = Rebalance("rebalance", status, id_, nodes=nodes)
    volumes = tuple(
        replace(volume, rebalance=task) if volume.name == "gv0" else volume for volume in POOL.volumes or ()
    )
    return replace(POOL, taken_at=round((NOW + 60 * minutes) * 1e9), volumes=volumes)


def moved(*cycles: Pool) -> Health:
    """The health of the last of *cycles*, with what the others are known for."""
    known = History()
    for pool in cycles:
        known = known.after(pool, health(), pool.taken_at / 1e9)
    last = cycles[-1]
    snapshot = Snapshot(last, evaluate(last, Limits(), last.taken_at), last.taken_at)
    return snapshot.annotated(history.decode(history.encode(known)), mutes.NONE).health


def codes(found: Health) -> List[str]:
    of_gv0 = [problem for problem in found.problems if problem.volume == "gv0"]
    return [problem.code for problem in of_gv0 if problem.code.startswith("REBALANCE")]


def test_a_rebalance_whose_run_time_does_not_grow_has_no_process_any_more() -> None:
    still = [moving(12.0, minute / 2) for minute in range(5)]
    assert codes(moved(*still[:4])) == ["REBALANCE_RUNNING"]
    found = moved(*still)
    assert codes(found) == ["REBALANCE_FAILED"]
    (problem,) = [one for one in found.volumes["gv0"].problems if one.code.startswith("REBALANCE")]
    assert (problem.severity, problem.since, found.code) == (CRITICAL, NOW, CRITICAL)
    assert "in progress; start it again: gnt-gluster rebalance gv0" in problem.text
    assert remedy_of(problem).fix == "gnt-gluster rebalance gv0"


@pytest.mark.parametrize(
    ("cycles", "why"),
    [
        ([moving(12.0 + minute, minute) for minute in range(5)], "it grows"),
        ([moving(12.0, minute, f"id{minute // 2}") for minute in range(6)], "another one begins"),
        ([moving(12.0, 0), moving(12.0, 11)], "it was not watched"),
        ([moving(12.0, 0)] * 5, "the same answers"),
        ([moving(None, minute) for minute in range(5)], "it is not known"),
        ([*[moving(12.0, minute) for minute in range(4)], moving(None, 4)], "it is not known now"),
        ([*[moving(12.0, minute) for minute in range(4)], moving(13.0, 4)], "it goes on"),
    ],
)
def test_a_rebalance_is_in_progress(cycles: List[Pool], why: str) -> None:
    assert codes(moved(*cycles)) == ["REBALANCE_RUNNING"], why


def test_a_rebalance_that_is_over_is_not_watched() -> None:
    assert codes(moved(*[moving(12.0, minute, status="completed") for minute in range(5)])) == []


def test_what_a_daemon_kept_that_has_died_makes_nothing_stuck() -> None:
    assert stuck(shown(watched(*HOUR), backlog(5, NOW + 7200), 120)) == []


def test_a_count_that_is_missing_for_a_moment_ends_nothing() -> None:
    known = watched(*HOUR[:6])
    unknown = backlog(5, NOW + 1600)
    unknown = replace(unknown, volumes=tuple(replace(volume, heal=None) for volume in unknown.volumes or ()))
    known = known.after(unknown, health(), NOW + 1600)
    for minutes, entries in HOUR[6:]:
        known = known.after(backlog(entries, NOW + 60 * minutes), health(), NOW + 60 * minutes)
    assert len(stuck(shown(known, backlog(5, NOW + 3600), 60))) == 1


def test_it_is_bounded() -> None:
    many = [replace(OFFLINE, subject=f"a:/{number}") for number in range(history.MOST_PROBLEMS + 50)]
    known = History().after(EMPTY, health(*many), NOW)
    assert len(known.since) == history.MOST_PROBLEMS
    assert len(history.encode(known)) < history.MOST_BYTES
    for minute in range(100):
        known = known.after(pending(1000 - minute, NOW + 60 * minute), health(), NOW + 60 * minute)
    assert len(known.healing["gv0"]) == history.MOST_SAMPLES


def test_what_is_written_is_read_again() -> None:
    known = History().after(backlog(7, NOW), health(OFFLINE, HEAL), NOW)
    assert known.stuck
    assert history.decode(history.encode(known)) == known
    known = History().after(moving(3.5, 0), health(), NOW)
    assert known.rebalances["gv0"].run_time == 3.5
    assert history.decode(history.encode(known)) == known


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"format_version": 2, "problems": [], "healing": {}}',
        b'{"format_version": 1, "problems": [["A", "b", "c"]], "healing": {}}',
        b'{"format_version": 1, "problems": [["A", "b", "c", NaN]], "healing": {}}',
        b'{"format_version": 1, "problems": [["A", "b", "c", 1e300]], "healing": {}}',
        b'{"format_version": 1, "problems": [[1, "b", "c", 1]], "healing": {}}',
        b'{"format_version": 1, "problems": [], "healing": {"gv0": [[1, -1]]}}',
        b'{"format_version": 1, "problems": [], "healing": {"gv0": [[1, true]]}}',
        b'{"format_version": 1, "problems": [], "healing": []}',
        b'{"format_version": 1, "problems": [], "healing": {}, "stuck": {"gv0": [1, 2]}}',
        b'{"format_version": 1, "problems": [], "healing": {}, "stuck": {"gv0": [1, 1, 2, -1]}}',
        b'{"format_version": 1, "problems": [], "healing": {}, "stuck": 7}',
        b'{"format_version": 1, "problems": [], "healing": {}, "rebalances": {"gv0": ["id", 1, 2]}}',
        b'{"format_version": 1, "problems": [], "healing": {}, "rebalances": {"gv0": ["id", 1, 2, -1]}}',
        b'{"format_version": 1, "problems": [], "healing": {}, "rebalances": {"gv0": [1, 1, 2, 3]}}',
        b'{"format_version": 1, "problems": 5, "healing": {}}',
    ],
)
def test_a_file_that_is_nonsense_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / history.FILE
    path.write_bytes(content)
    assert history.read(str(path)) == History()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(history.encode(History().after(EMPTY, health(OFFLINE), NOW)))
    (tmp_path / history.FILE).symlink_to(tmp_path / "real")
    assert history.read(str(tmp_path / history.FILE)) == History()
