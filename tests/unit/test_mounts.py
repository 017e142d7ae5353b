"""Which volumes are mounted here, by the kernel's table; and what statvfs says of them."""

from __future__ import annotations

import fcntl
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import List

import pytest

from ganeti_gluster_mon.gluster import mounts
from ganeti_gluster_mon.gluster.model import Mount

#: as seen on hosts of the lab, and a few forms that mount.glusterfs takes besides
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
        (seen,) = mounts.statvfs([on(path)], 5, locks)
        kernel = os.statvfs(path)
        assert seen.failure is None
        assert (seen.f_frsize, seen.f_blocks, seen.f_files) == (
            kernel.f_frsize,
            kernel.f_blocks,
            kernel.f_files,
        )
        assert seen.f_bfree == pytest.approx(kernel.f_bfree, abs=100_000)
        assert seen.f_bavail == pytest.approx(kernel.f_bavail, abs=100_000)
        assert seen.f_ffree == pytest.approx(kernel.f_ffree, abs=1000)


def test_what_is_under_a_mount_point_is_not_taken_for_the_mount(locks: str) -> None:
    """Unmounted since the table was read: the figures would be those of a tmpfs, say."""
    (seen,) = mounts.statvfs([on("/proc")], 5, locks)
    assert (seen.failure, seen.answered) == ("not mounted any more", False)


def test_a_mount_that_fails_says_why_and_harms_no_other(locks: str) -> None:
    broken, other = mounts.statvfs([on("/no/such", 1), on("/proc", 2)], 5, locks)
    assert broken.failure == "statvfs failed: No such file or directory"
    assert other.failure == "not mounted any more"


def test_no_second_worker_while_one_is_stuck(locks: str) -> None:
    os.mkdir(locks)
    with open(os.path.join(locks, "statvfs-0:1"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.utime(lock.fileno(), (0, 0))
        began = time.monotonic()
        (seen,) = mounts.statvfs([on("/proc")], 5, locks)
        assert time.monotonic() - began < 4  # it would wait for five
        assert seen.failure is not None
        assert seen.failure.startswith("statvfs hangs: no answer for ")


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
    assert [seen.failure for seen in both] == ["not mounted any more"] * 8


def test_without_a_lock_nothing_is_asked(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (seen,) = mounts.statvfs([on("/proc")], 5, str(tmp_path / "file" / "locks"))
    assert seen.failure is not None
    assert seen.failure.startswith("statvfs not tried: ")


def test_numbers_of_filesystems_that_are_none_name_no_file(locks: str) -> None:
    (seen,) = mounts.statvfs([Mount("v", "/proc", device_number="../../x")], 5, locks)
    assert not seen.answered
    assert not os.path.exists(locks)
