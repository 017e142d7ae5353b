"""The lock of a worker process, and how long it has been running."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from ganeti_gluster_mon.gluster import mounts, worker_lock
from tests.unit.gluster.test_mounts import on


@pytest.fixture
def locks(tmp_path: Path) -> str:
    return str(tmp_path / "locks")


@pytest.mark.parametrize("line", [b"", b"1 1\n", b"4194303 77\n", b"x y\n", b"1 1", b"-1 5\n"])
def test_a_process_that_has_just_taken_the_lock_is_not_late(locks: str, line: bytes) -> None:
    """Its worker is not recorded yet: the file names the previous one, of ten minutes ago."""
    os.mkdir(locks)
    path = Path(locks, "statvfs-0:1")
    path.write_bytes(line)
    os.utime(path, (time.time() - 600,) * 2)
    lock = worker_lock.acquire(str(path))
    assert lock is not None
    threading.Timer(0.3, os.close, [lock]).start()
    (figures,) = mounts.statvfs([on("/proc")], 5, locks)
    assert figures.failure == "not mounted any more"


def test_a_worker_that_has_ended_has_no_age(locks: str) -> None:
    """Also while it is not reaped yet: the kernel has released its lock."""
    os.mkdir(locks)
    path = os.path.join(locks, "statvfs-0:1")
    lock = worker_lock.acquire(path)
    assert lock is not None
    with subprocess.Popen(["sleep", "60"]) as process:
        worker_lock.record(lock, process.pid)
        assert worker_lock.worker_age(path) is not None
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert worker_lock.worker_age(path) is None
        worker_lock.record(lock, process.pid)
        assert os.path.getsize(path) == 0
    os.close(lock)
