"""Which volumes are mounted here, by the kernel's table; and what statvfs says of them."""

from __future__ import annotations

import errno
import multiprocessing
import os
import re
import subprocess
import threading
import time
from pathlib import Path
from typing import Iterator, List

import psutil
import pytest

from ganeti_gluster_mon.gluster import child, mounts, worker_lock
from ganeti_gluster_mon.gluster.model import Mount

#: as on hosts of the lab, and a few forms that mount.glusterfs takes besides
MOUNTINFO = r"""
61 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw
93 61 0:60 / /mnt/a rw,relatime - fuse.glusterfs node1.lab.test:gv0 rw,user_id=0,group_id=0
94 61 0:61 / /mnt/b rw,relatime shared:7 master:2 - fuse.glusterfs node2:/gv0 rw
95 61 0:62 / /mnt/c\040d\134e\011f rw - fuse.glusterfs node1,node2:/gv0/sub/dir rw
96 61 0:63 / /mnt/ü rw - fuse.glusterfs [fd99::1]:/gv1 rw
97 61 0:64 / /mnt/six rw - fuse.glusterfs fd99::1:/gv1 rw
98 61 0:65 / /mnt/vol rw - fuse.glusterfs /etc/glusterfs/client.vol rw
99 61 0:66 / /mnt/over rw - fuse.glusterfs node1:/below rw
100 99 0:67 / /mnt/over rw - fuse.glusterfs node1:/above rw
101 61 0:68 / /mnt/hidden rw - fuse.glusterfs node1:/gone rw
102 101 0:69 / /mnt/hidden rw - tmpfs tmpfs rw
nonsense
1 2 3 - fuse.glusterfs
"""


def test_the_table_of_the_kernel() -> None:
    assert mounts.fuse_mounts(MOUNTINFO) == (
        Mount("gv0", "/mnt/a", ("node1.lab.test",), device_number="0:60"),
        Mount("gv0", "/mnt/b", ("node2",), device_number="0:61"),
        Mount("gv0", "/mnt/c d\\e\tf", ("node1", "node2"), "sub/dir", device_number="0:62"),
        Mount("gv1", "/mnt/ü", ("fd99::1",), device_number="0:63"),
        Mount("gv1", "/mnt/six", ("fd99::1",), device_number="0:64"),
        Mount("above", "/mnt/over", ("node1",), device_number="0:67"),
    )


def test_our_own_table_can_be_read() -> None:
    assert mounts.fuse_mounts(Path("/proc/self/mountinfo").read_text(errors="surrogateescape")) is not None


def on(path: str, number: int = 1) -> Mount:
    return Mount("v", path, device_number=f"0:{number}")


@pytest.fixture
def locks(tmp_path: Path) -> str:
    return str(tmp_path / "locks")


def test_figures_are_those_of_statvfs(tmp_path: Path, locks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab compares them on real mounts; here any filesystem must do, so it is taken for FUSE."""
    hostile = tmp_path / "-a b\n$(c)"
    hostile.mkdir()
    for path in ("/proc", "/dev", str(hostile)):
        kind = subprocess.run(["stat", "-f", "-c", "%t", "--", path], check=True, capture_output=True).stdout
        monkeypatch.setattr(mounts, "_FUSE", kind.strip())
        (figures,) = mounts.statvfs([on(path)], 5, locks)
        kernel = os.statvfs(path)
        assert figures.failure is None
        assert (figures.f_frsize, figures.f_blocks, figures.f_files) == (
            kernel.f_frsize,
            kernel.f_blocks,
            kernel.f_files,
        )
        assert figures.f_bfree == pytest.approx(kernel.f_bfree, abs=100_000)
        assert figures.f_bavail == pytest.approx(kernel.f_bavail, abs=100_000)
        assert figures.f_ffree == pytest.approx(kernel.f_ffree, abs=1000)


def test_what_is_under_a_mount_point_is_not_taken_for_the_mount(locks: str) -> None:
    """Unmounted since the table was read: the figures would be those of a tmpfs, say."""
    (figures,) = mounts.statvfs([on("/proc")], 5, locks)
    assert (figures.failure, figures.answered) == ("not mounted any more", False)


def test_a_mount_that_fails_says_why_and_harms_no_other(locks: str) -> None:
    broken, other = mounts.statvfs([on("/no/such", 1), on("/proc", 2)], 5, locks)
    assert broken.failure == "statvfs failed: No such file or directory"
    assert other.failure == "not mounted any more"


@pytest.fixture
def worker(locks: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the lock of filesystem 0:1 and is recorded as its worker, like a `stat` that hangs."""
    os.mkdir(locks)
    lock = worker_lock.acquire(os.path.join(locks, "statvfs-0:1"))
    assert lock is not None
    with subprocess.Popen(["sleep", "60"], pass_fds=[lock]) as process:
        worker_lock.record(lock, process.pid)
        os.close(lock)
        yield process
        process.kill()


def older(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Have all processes appear to be *seconds* older."""
    now = time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda clock: now(clock) + seconds)


@pytest.mark.usefixtures("worker")
def test_no_second_worker_while_one_is_stuck(locks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    older(monkeypatch, 600)
    began = time.monotonic()
    (figures,) = mounts.statvfs([on("/proc")], 5, locks)
    assert time.monotonic() - began < 4  # it would wait for five
    assert re.fullmatch(r"statvfs hangs: no answer for 60\d s", figures.failure or "")


def test_a_worker_that_answers_after_a_pause_is_waited_for(
    locks: str, worker: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine was suspended, say: the worker is old and has not run."""
    older(monkeypatch, 600)
    threading.Timer(0.3, worker.kill).start()
    (figures,) = mounts.statvfs([on("/proc")], 5, locks)
    assert figures.failure == "not mounted any more"


@pytest.mark.parametrize("step", [-86400, 86400])
def test_setting_the_clock_does_not_make_a_worker_late(
    locks: str, worker: subprocess.Popen[bytes], step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + step)
    threading.Timer(0.3, worker.kill).start()
    (figures,) = mounts.statvfs([on("/proc")], 5, locks)
    assert figures.failure == "not mounted any more"


def test_without_space_for_the_record_a_mount_is_checked(locks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is enough."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    for _ in range(3):
        (figures,) = mounts.statvfs([on("/proc")], 5, locks)
        assert figures.failure == "not mounted any more"


def fake_stat(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A `stat` that does what *script* says before it answers."""
    program = directory / "bin" / "stat"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n{script}\nexec /usr/bin/stat "$@"\n')
    program.chmod(0o755)
    monkeypatch.setitem(child.ENVIRONMENT, "PATH", f"{program.parent}:/usr/bin:/bin")


@pytest.mark.slow
def test_a_pause_of_the_check_does_not_count(
    tmp_path: Path, locks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that checks is stopped for longer than the timeout; the mount answers while it is, or after it."""
    os.mkfifo(tmp_path / "began")
    fake_stat(tmp_path, monkeypatch, f"echo > {tmp_path}/began; sleep 0.2")
    for with_worker in (False, True):
        reading, writing = os.pipe()
        checker = os.fork()
        if checker == 0:
            try:
                (figures,) = mounts.statvfs([on("/proc")], 1, locks)
                os.write(writing, (figures.failure or "figures").encode())
            finally:
                os._exit(0)
        os.close(writing)
        (tmp_path / "began").read_text()
        stopped = [psutil.Process(checker), *(psutil.Process(checker).children() if with_worker else [])]
        for process in stopped:
            process.suspend()
        time.sleep(1.5)  # the pause itself: longer than the timeout
        for process in stopped:
            process.resume()
        os.waitpid(checker, 0)
        with open(reading) as answer:
            assert answer.read() == "not mounted any more"


@pytest.mark.slow
def test_no_one_of_3000_simultaneous_checks_calls_a_working_mount_hung(locks: str) -> None:
    """1,500 times two processes check a mount at once, ten minutes after its last check."""
    os.mkdir(locks)
    rounds = 1500
    for number in range(rounds):
        path = Path(locks, f"statvfs-0:{number}")
        path.write_text(f"{number + 2} 1\n")
        os.utime(path, (time.time() - 600,) * 2)
    context = multiprocessing.get_context("fork")
    barrier, wrong = context.Barrier(2), context.Queue()

    def check(delay: int) -> None:
        failures = []
        for number in range(rounds):
            mount = on("/proc", number)
            barrier.wait(60)
            for _ in range(300 * delay):
                pass
            try:
                worker = mounts._start(mount, locks)
                if worker is None:
                    mounts._check_age(mount, 50, 50, locks)
                else:
                    worker.end()
            except mounts._Hangs as hangs:
                failures.append(str(hangs))
            barrier.wait(60)
        wrong.put(failures)

    processes = [context.Process(target=check, args=(delay,)) for delay in range(2)]
    for process in processes:
        process.start()
    assert [wrong.get(timeout=120) for _ in processes] == [[], []]
    for process in processes:
        process.join()


def test_two_that_look_at_once_both_get_figures(locks: str) -> None:
    """A worker that is not late yet is waited for, not called stuck."""
    both: List[Mount] = []
    threads = [
        threading.Thread(target=lambda: both.extend(mounts.statvfs([on("/proc")], 5, locks)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [figures.failure for figures in both] == ["not mounted any more"] * 8


def test_without_a_lock_nothing_is_queried(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (figures,) = mounts.statvfs([on("/proc")], 5, str(tmp_path / "file" / "locks"))
    assert figures.failure is not None
    assert figures.failure.startswith("statvfs not tried: ")


def test_numbers_of_filesystems_that_are_none_name_no_file(locks: str) -> None:
    (figures,) = mounts.statvfs([Mount("v", "/proc", device_number="../../x")], 5, locks)
    assert not figures.answered
    assert not os.path.exists(locks)


def test_the_mount_points_of_fstab() -> None:
    table = (
        "# UUID=0 /commented xfs defaults 0 0\n\n"
        "UUID=1 / ext4 errors=remount-ro 0 1\n"
        "UUID=2 none swap sw 0 0\n"
        "UUID=3\t/export/b1/ xfs defaults,nofail\n"
        "  UUID=4 /export/with\\040blank xfs defaults 0 0\n"
        "UUID=5 /cut\n"
    )
    assert mounts.fstab_mount_points(table) == ("/export/b1", "/export/with blank")
