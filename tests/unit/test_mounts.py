"""Which volumes are mounted here, by the kernel's table; and what statvfs says of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ganeti_gluster_mon.gluster import mounts
from ganeti_gluster_mon.gluster.model import Mount

#: as seen on hosts of the lab, and a few forms that mount.glusterfs takes besides
MOUNTINFO = r"""
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw
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
        Mount("gv0", "/mnt/a", ("node1.lab.test",)),
        Mount("gv0", "/mnt/b", ("node2",)),
        Mount("gv0", "/mnt/c d\\e\tf", ("node1", "node2"), "/sub/dir"),
        Mount("gv1", "/mnt/ü", ("fd99::1",)),
        Mount("gv1", "/mnt/six", ("fd99::1",)),
        Mount("above", "/mnt/over", ("node1",)),
    )


def test_our_own_table_can_be_read() -> None:
    assert mounts.fuse_mounts(Path("/proc/self/mountinfo").read_text(errors="surrogateescape")) is not None


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(mounts, "LOCKS", str(tmp_path / "locks"))
    return tmp_path / "locks"


@pytest.mark.usefixtures("locks")
def test_figures_are_those_of_statvfs(tmp_path: Path) -> None:
    hostile = tmp_path / "-a b\n$(c)"
    hostile.mkdir()
    for path in ("/proc", "/dev", str(hostile)):
        (seen,) = mounts.statvfs([Mount("v", path)], 5)
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


@pytest.mark.usefixtures("locks")
def test_a_mount_that_fails_says_why_and_harms_no_other() -> None:
    broken, whole = mounts.statvfs([Mount("v", "/no/such"), Mount("v", "/")], 5)
    assert broken.failure == "statvfs failed: No such file or directory"
    assert whole.answered


def test_no_second_worker_while_one_is_stuck(locks: Path) -> None:
    held = mounts._lock("/mnt/hung")
    try:
        (seen,) = mounts.statvfs([Mount("v", "/mnt/hung")], 5)
        assert seen.failure == "statvfs has been stuck since an earlier cycle"
        assert not seen.answered
    finally:
        os.close(held)
    assert len(list(locks.iterdir())) == 1


def test_locks_of_hostile_paths_stay_in_their_directory(locks: Path) -> None:
    for path in ("/../../etc/x", "/" + "a" * 4000, "/ü\n"):
        os.close(mounts._lock(path))
    assert len(list(locks.iterdir())) == 3
