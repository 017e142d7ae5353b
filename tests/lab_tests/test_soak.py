"""The daemon for a long time, at its fastest: nothing grows, nothing is left."""

from __future__ import annotations

from typing import Dict, List

import psutil
import pytest

from tests.lab.pool import Pool
from tests.lab.waiting import wait_until
from tests.lab_tests.daemon import Daemon, serving

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(3 * 3600)]

CYCLES = 2000
#: cycles after which what is needed once is there
WARM = 100
#: bytes by which memory may have grown meanwhile: what the allocator has not given back
SLACK = 4 << 20


def figures(daemon: Daemon) -> Dict[str, List[int]]:
    """Of both halves: file descriptors, threads, bytes of memory that are nobody else's."""
    halves = [psutil.Process(daemon.half(name).pid) for name in ("ask", "tell")]
    return {
        "descriptors": [half.num_fds() for half in halves],
        "threads": [half.num_threads() for half in halves],
        "memory": [half.memory_full_info().uss for half in halves],
        "children": [len(half.children(recursive=True)) for half in halves],
    }


def at_rest(daemon: Daemon) -> Dict[str, List[int]]:
    """The figures between two cycles."""

    def quiet() -> Dict[str, List[int]]:
        now = figures(daemon)
        return now if now["children"] == [0, 0] else {}

    return wait_until(quiet, "no cycle to be under way", 60)


def test_two_thousand_cycles(lab_pool: Pool) -> None:
    with serving(lab_pool, 1, "--interval", "1") as daemon:
        last = daemon.cycle()
        before: Dict[str, List[int]] = {}
        for number in range(CYCLES):
            last = daemon.next_cycle(last)
            if number == WARM:
                before = at_rest(daemon)
        after = at_rest(daemon)
        print(before, after)
        assert after["descriptors"] == before["descriptors"]
        assert after["threads"] == before["threads"]
        for then, now in zip(before["memory"], after["memory"]):
            assert now - then < SLACK
        halves = [psutil.Process(daemon.half(name).pid) for name in ("ask", "tell")]
        family = [half.parent() for half in halves]
        zombies = [
            child
            for each in [*halves, *family]
            if each is not None
            for child in each.children(recursive=True)
            if child.status() == psutil.STATUS_ZOMBIE
        ]
        assert not zombies
        assert last["failures"] == {}
