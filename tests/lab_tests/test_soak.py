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
    """Of both processes: file descriptors, threads, bytes of memory that they do not share."""
    processes = [psutil.Process(daemon.child(name).pid) for name in ("poller", "web")]
    return {
        "descriptors": [process.num_fds() for process in processes],
        "threads": [process.num_threads() for process in processes],
        "memory": [process.memory_full_info().uss for process in processes],
        "children": [len(process.children(recursive=True)) for process in processes],
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
        processes = [psutil.Process(daemon.child(name).pid) for name in ("poller", "web")]
        family = [process.parent() for process in processes]
        zombies = [
            child
            for each in [*processes, *family]
            if each is not None
            for child in each.children(recursive=True)
            if child.status() == psutil.STATUS_ZOMBIE
        ]
        assert not zombies
        assert last["failures"] == {}
