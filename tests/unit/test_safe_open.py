"""Files in directories that other users may write to."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import List, Set

import pytest

from ganeti_gluster_mon import safe_open


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    return path


@pytest.mark.parametrize("most", [5, 6, 1 << 30])
def test_a_file_of_at_most_so_many_bytes_is_read(file: Path, most: int) -> None:
    assert safe_open.read(str(file), most) == b"12345"


@pytest.mark.parametrize("most", [0, 4])
def test_a_larger_file_is_refused(file: Path, most: int) -> None:
    with pytest.raises(OSError, match=f"larger than {most} bytes") as refused:
        safe_open.read(str(file), most)
    assert refused.value.errno == errno.EFBIG


def test_a_file_of_several_parts_is_read_whole(file: Path) -> None:
    file.write_bytes(os.urandom(3 << 20))
    assert safe_open.read(str(file), 3 << 20) == file.read_bytes()


def test_a_symlink_is_not_followed(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    for read in (lambda: safe_open.read(str(link), 9), lambda: safe_open.lock_file(str(link))):
        with pytest.raises(OSError) as refused:  # noqa: PT011 - the number is compared
            read()
        assert refused.value.errno == errno.ELOOP


def test_a_fifo_and_a_directory_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, Path("/dev/zero")):
        with pytest.raises(OSError, match="not a plain file"):
            safe_open.read(str(path), 9)


def test_the_owner_has_to_be_among_those_that_are_named(file: Path) -> None:
    mine = os.getuid()
    assert safe_open.read(str(file), 9, {mine, mine + 1}) == b"12345"
    others: List[Set[int]] = [{mine + 1}, set()]
    for owners in others:
        with pytest.raises(PermissionError, match=f"belongs to user {mine}"):
            safe_open.read(str(file), 9, owners)


def test_a_lock_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    before = os.umask(0)
    try:
        descriptor = safe_open.lock_file(str(path))
    finally:
        os.umask(before)
    try:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert not os.get_inheritable(descriptor)
    finally:
        os.close(descriptor)


def test_no_descriptor_is_left(file: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    safe_open.read(str(file), 9)
    with pytest.raises(OSError, match="larger"):
        safe_open.read(str(file), 1)
    assert len(os.listdir("/proc/self/fd")) == before
