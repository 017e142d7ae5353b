"""The records of disks that may have data which is not on the bricks."""

from __future__ import annotations

import os
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ganeti_gluster_mon.backend import dead_mount, unsynced

DISK = "ganeti/a.0"
CALLERS, TIMES = 8, 100


def _record(place: str, barrier: Any) -> None:
    for _ in range(TIMES):
        barrier.wait(30)
        unsynced.mark(place, DISK)
        dead_mount.note_use(place, DISK)
        if barrier.wait(30) == 0:
            for name in os.listdir(place):
                os.unlink(os.path.join(place, name))
        barrier.wait(30)


def test_callers_at_once_record_the_same_disk(tmp_path: Path) -> None:
    """Ganeti may attach a disk several times at once."""
    context = get_context("fork")
    barrier = context.Barrier(CALLERS)
    callers = [context.Process(target=_record, args=(str(tmp_path), barrier)) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert [caller.exitcode for caller in callers] == [0] * CALLERS
