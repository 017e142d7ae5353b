"""Waiting for hours: what is reported meanwhile, and how seldom Gluster is queried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List

import pytest
from freezegun import freeze_time

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.deploy.step import Step
from ganeti_gluster_mon.deploy.wait import Wait

HOUR = 3600


@dataclass(frozen=True)
class Slow(Step):
    """What takes its time."""

    @property
    def description(self) -> str:
        return "gv0 healed"

    @property
    def effect_timeout(self) -> float:
        return 2.0 * HOUR


def test_what_changes_is_reported_now_and_then_and_at_the_end() -> None:
    with freeze_time() as clock:
        reply: List[str] = []
        wait = Wait(Slow("node1"), reply.append)
        for number in range(200, 0, -1):
            wait.report(f"{number} entries", done=False)
            clock.tick(0.5)
        assert reply == [f"    {number} entries" for number in range(200, 0, -10)]
        wait.report("0 entries", done=True)
        assert reply[-1] == "    0 entries"


def test_what_does_not_change_is_reported_each_minute_and_given_up_at_last() -> None:
    with freeze_time() as clock:
        reply: List[str] = []
        wait = Wait(Slow("node1"), reply.append)
        for _ in range(2 * HOUR):
            wait.report("1 entries", done=False)
            clock.tick(1)
        with pytest.raises(CommandError, match=r"^node1: gv0 healed: not done after 7200 s \(1 entries\)$"):
            wait.report("1 entries", done=False)
        assert reply[:3] == ["    1 entries", "    1 entries, for 1 min now", "    1 entries, for 2 min now"]
        assert len(reply) == 1 + 120


def test_whatever_changes_it_is_not_given_up() -> None:
    with freeze_time() as clock:
        wait = Wait(Slow("node1"), lambda line: None)
        for number in range(10):
            wait.report(f"{number}", done=False)
            clock.tick(1.9 * HOUR)
        wait.report("", done=True)


def test_what_says_nothing_of_itself_is_waited_for_in_silence() -> None:
    with freeze_time() as clock:
        reply: List[str] = []
        wait = Wait(Slow("node1"), reply.append)
        clock.tick(HOUR)
        wait.report("", done=False)
        clock.tick(HOUR)
        with pytest.raises(CommandError, match=r"not done after 7200 s$"):
            wait.report("", done=False)
        assert reply == []


def test_it_is_helped_on_less_and_less_often_until_it_comes_on() -> None:
    with freeze_time() as clock:
        wait = Wait(Slow("node1"), lambda line: None)

        def urged(seconds: int) -> List[int]:
            """Seconds from now at which it is helped on."""
            found = []
            for second in range(seconds):
                if wait.kick_due():
                    found.append(second)
                clock.tick(1)
            return found

        wait.report("2 entries", done=False)
        assert urged(2 * HOUR)[:10] == [3, 9, 21, 45, 93, 189, 381, 765, 1365, 1965]
        wait.report("1 entries", done=False)
        assert urged(20) == [3, 9]


def test_it_is_looked_at_less_often_the_longer_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    with freeze_time() as clock:
        slept: List[float] = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            clock.tick(seconds)

        monkeypatch.setattr("time.sleep", sleep)
        wait = Wait(Slow("node1"), lambda line: None)
        while sum(slept) < HOUR:
            wait.pause()
        assert slept == sorted(slept)
        assert slept[:20] == [0.5] * 20
        assert slept[-1] == 5.0
        assert len(slept) < HOUR / 4


def test_what_blocks_it_for_two_minutes_ends_it_though_something_changes() -> None:
    with freeze_time() as clock:
        wait = Wait(Slow("node1"), lambda line: None)

        def waited(seconds: int, reason: str) -> None:
            for number in range(seconds):
                wait.report(f"{number} entries", done=False)
                wait.report_blocked(reason)
                clock.tick(1)

        waited(119, "node2:/b is not online any more")
        waited(1, "")  # it was started
        waited(120, "node2:/b is not online any more")
        with pytest.raises(CommandError, match=r"^node1: gv0 healed: node2:/b is not online any more$"):
            wait.report_blocked("node2:/b is not online any more")
