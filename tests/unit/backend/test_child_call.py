"""A call in a child process: its result, its error, its descriptors, and its deadline."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import time
from pathlib import Path
from typing import List

import psutil
import pytest

from ganeti_gluster_mon.backend.child_call import CallTimeoutError, Result, call
from ganeti_gluster_mon.backend.disk_error import DiskError
from tests.lab.waiting import wait_until


def test_the_result_of_a_call_comes_with_its_descriptors(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def make() -> Result:
        return Result(["a", 1, None], [os.open(path, os.O_RDWR | os.O_CREAT)])

    found = call(make, 10)
    assert found.value == ["a", 1, None]
    (descriptor,) = found.descriptors
    os.write(descriptor, b"text")
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)
    assert path.read_bytes() == b"text"


@pytest.mark.parametrize(
    ("error", "number", "text"),
    [
        (OSError(errno.EBUSY, "Device or resource busy"), errno.EBUSY, "Device or resource busy"),
        (DiskError("a: no"), 0, "a: no"),
        (ValueError("x" * 100_000), 0, "ValueError: " + "x" * 488),
    ],
)
def test_an_error_of_a_call_is_raised(error: Exception, number: int, text: str) -> None:
    def fail() -> Result:
        raise error

    with pytest.raises(OSError, match=re.escape(text[:20])) as caught:
        call(fail, 10)
    assert (caught.value.errno, caught.value.strerror) == (number, text)


def test_a_child_that_is_killed_is_an_error() -> None:
    def end() -> Result:
        os.kill(os.getpid(), signal.SIGKILL)
        return Result()

    with pytest.raises(OSError, match="ended without a result"):
        call(end, 10)


def pids(directory: Path) -> List[int]:
    return [int(each.name) for each in directory.iterdir()]


def test_a_call_that_does_not_end_is_given_up(tmp_path: Path) -> None:
    def hang() -> Result:
        (tmp_path / str(os.getpid())).touch()
        signal.pause()
        return Result()

    began = time.monotonic()
    with pytest.raises(CallTimeoutError, match=r"no end within 0\.5 s"):
        call(hang, 0.5)
    assert time.monotonic() - began < 5
    (child,) = pids(tmp_path)
    assert not psutil.pid_exists(child)


def test_the_child_does_not_keep_a_lock(tmp_path: Path) -> None:
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)

    def has_lock() -> Result:
        links = [f"/proc/self/fd/{each}" for each in os.listdir("/proc/self/fd")]
        return Result(
            str(tmp_path / "lock") in [os.readlink(link) for link in links if os.path.lexists(link)]
        )

    assert call(has_lock, 10).value is True
    assert call(has_lock, 10, close=[lock]).value is False
    os.close(lock)


def test_the_child_ends_with_its_parent(tmp_path: Path) -> None:
    def hang() -> Result:
        (tmp_path / str(os.getpid())).touch()
        signal.pause()
        return Result()

    parent = os.fork()
    if parent == 0:
        try:
            call(hang, 60)
        finally:
            os._exit(1)
    wait_until(lambda: bool(pids(tmp_path)), "the child", 10)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    (child,) = pids(tmp_path)
    wait_until(lambda: ended(child), "the end of the child", 10)


def ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
