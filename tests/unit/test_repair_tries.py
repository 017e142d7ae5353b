"""How often a volume is tried, and what is kept of it."""

from __future__ import annotations

import json

import pytest

from ganeti_gluster_mon.repair_tries import (
    FAILED,
    INTERRUPTED,
    KEPT,
    PAUSE,
    PERIOD,
    SELF_HEAL,
    START_BRICK,
    SUCCEEDED,
    AutoRepairs,
    DamagedTries,
    RepairTries,
    RepairTry,
    decode,
    encode,
    report_from_json,
    report_to_json,
)

NOW = 1_795_000_000.0


def tried(*ages: float, volume: str = "gv0") -> RepairTries:
    """Tries of a volume so many seconds ago, the oldest first."""
    return RepairTries(tuple(RepairTry(volume, START_BRICK, "why", NOW - age) for age in ages))


def test_a_volume_is_tried_three_times_within_an_hour() -> None:
    assert tried(3000, 2000).why_not("gv0", NOW) == ""
    assert tried(3000, 2000, 1000).why_not("gv0", NOW) == "it was tried 3 times within an hour"
    assert tried(PERIOD - 1, 2000, 1000).why_not("gv0", NOW)
    assert tried(PERIOD, 2000, 1000).why_not("gv0", NOW) == ""
    assert tried(3000, 2000, 1000).why_not("gv1", NOW) == ""


def test_a_pause_lies_between_two_tries() -> None:
    assert tried(PAUSE - 1).why_not("gv0", NOW) == "it was tried 59 s ago"
    assert tried(PAUSE).why_not("gv0", NOW) == ""
    assert tried(PAUSE - 1).why_not("gv1", NOW) == ""


def test_tries_of_the_future_count() -> None:
    """The clock was set back."""
    assert tried(-9000, -8000, -7000).why_not("gv0", NOW) == "it was tried 3 times within an hour"
    after = tried(-9000, -8000).begun(RepairTry("gv0", START_BRICK, "why", NOW))
    assert [one.tried_at for one in after.tries] == [NOW, NOW, NOW]
    assert after.why_not("gv0", NOW + PERIOD) == ""


def test_nothing_is_tried_while_it_is_blocked() -> None:
    blocked = RepairTries(blocked_until=NOW + 1)
    assert "damaged" in blocked.why_not("gv0", NOW)
    assert blocked.why_not("gv0", NOW + 1) == ""
    far = RepairTries(blocked_until=NOW + 1e9).begun(RepairTry("gv0", START_BRICK, "why", NOW))
    assert far.blocked_until == NOW + PERIOD


def test_old_tries_are_forgotten_and_those_of_the_hour_are_not() -> None:
    many = tried(*[PERIOD] * 50, *[PERIOD - 1] * 50).begun(RepairTry("gv1", SELF_HEAL, "why", NOW))
    ages = [NOW - one.tried_at for one in many.tries]
    assert ages == [PERIOD] * KEPT + [PERIOD - 1] * 50 + [0]


def test_a_try_counts_as_interrupted_until_it_ends() -> None:
    begun = tried(2000).begun(RepairTry("gv0", START_BRICK, "why", NOW))
    assert begun.tries[-1].result == INTERRUPTED
    ended = begun.ended(SUCCEEDED)
    assert [one.result for one in ended.tries] == [INTERRUPTED, SUCCEEDED]


def test_the_file_gives_back_what_was_written() -> None:
    tries = RepairTries(
        (RepairTry("gv0", START_BRICK, "brick ö", NOW, FAILED), RepairTry("a", SELF_HEAL, "", NOW)), 5.0
    )
    assert decode(encode(tries)) == tries
    assert decode(encode(RepairTries())) == RepairTries()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100000,
        b'{"format_version": 2, "blocked_until": 0, "tries": []}',
        b'{"format_version": 1, "tries": []}',
        b'{"format_version": 1, "blocked_until": NaN, "tries": []}',
        b'{"format_version": 1, "blocked_until": true, "tries": []}',
        b'{"format_version": 1, "blocked_until": 0, "tries": [["gv0", "start-brick", "why", 1]]}',
        b'{"format_version": 1, "blocked_until": 0, "tries": [["gv0", "start-brick", "why", -1, "failed"]]}',
        b'{"format_version": 1, "blocked_until": 0, "tries": [["gv0", "format-disk", "why", 1, "failed"]]}',
        b'{"format_version": 1, "blocked_until": 0, "tries": [["gv0", "start-brick", "why", 1, "ok"]]}',
        b'{"format_version": 1, "blocked_until": 0, "tries": [[1, "start-brick", "why", 1, "failed"]]}',
        encode(tried(1))[:-3],
    ],
)
def test_a_damaged_file_is_recognized(content: bytes) -> None:
    with pytest.raises(DamagedTries):
        decode(content)


def test_the_record_of_a_cycle_has_them() -> None:
    repairs = AutoRepairs(tried(1, 2).tries, {("gv0", START_BRICK, FAILED): 2})
    assert report_from_json(json.loads(json.dumps(report_to_json(repairs)))) == repairs
