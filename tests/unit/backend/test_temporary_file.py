"""Temporary files of disks that are being created."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Iterator, List

import pytest

from ganeti_gluster_mon.backend import temporary_file
from ganeti_gluster_mon.backend.temporary_file import ABANDONED_AFTER, NAME_MAX


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def created(folder: int, base: str = "disk0", age: float = 0.0) -> str:
    """A temporary file whose create was killed *age* seconds ago."""
    name, descriptor = temporary_file.create(folder, base)
    os.close(descriptor)
    os.utime(name, (time.time() - age,) * 2, dir_fd=folder)
    return name


def names(folder: int) -> List[str]:
    return sorted(os.listdir(folder))


@pytest.mark.parametrize("base", ["disk0", "a.b.new-", "x" * NAME_MAX, "ä" * 120, "\udcff" * 250])
def test_a_name_is_recognised_and_fits(folder: int, base: str) -> None:
    name, descriptor = temporary_file.create(folder, base)
    os.close(descriptor)
    assert temporary_file.is_temporary(name) and len(os.fsencode(name)) <= NAME_MAX


@pytest.mark.parametrize(
    "name",
    [
        "disk0",
        ".disk0",
        ".disk0.new-",
        ".disk0.new-0123456789abcde",
        ".disk0.new-0123456789ABCDEF",
        ".disk0.new-0123456789abcdef0",
        "disk0.new-0123456789abcdef",
        ".disk0.new-0123456789abcdef\n",
        ".new-0123456789abcdef",
    ],
)
def test_other_names_are_not_taken_for_one(name: str) -> None:
    assert not temporary_file.is_temporary(name)


def test_a_new_one_is_empty_locked_and_for_its_owner(folder: int) -> None:
    name, descriptor = temporary_file.create(folder, "disk0")
    try:
        status = os.fstat(descriptor)
        assert (status.st_size, status.st_mode & 0o777) == (0, 0o600)
        other = os.open(name, os.O_RDWR, dir_fd=folder)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)
    finally:
        os.close(descriptor)


def test_those_of_the_disk_are_removed_at_once_unless_they_are_locked(folder: int) -> None:
    created(folder)
    locked, descriptor = temporary_file.create(folder, "disk0")
    temporary_file.remove_abandoned(folder, "disk0")
    assert names(folder) == [locked]
    os.close(descriptor)
    temporary_file.remove_abandoned(folder, "disk0")
    assert names(folder) == []


@pytest.mark.parametrize(
    ("age", "removed"), [(0.0, False), (ABANDONED_AFTER - 60, False), (ABANDONED_AFTER + 60, True)]
)
def test_those_of_other_disks_are_removed_when_they_are_old(folder: int, age: float, removed: bool) -> None:
    name = created(folder, "disk1", age)
    temporary_file.remove_abandoned(folder, "disk0")
    assert names(folder) == ([] if removed else [name])


def test_an_old_one_of_another_disk_that_is_locked_stays(folder: int) -> None:
    name, descriptor = temporary_file.create(folder, "disk1")
    os.utime(name, (0, 0), dir_fd=folder)
    temporary_file.remove_abandoned(folder, "disk0")
    assert names(folder) == [name]
    os.close(descriptor)


def test_another_name_of_the_disks_file_is_removed_in_any_case(folder: int) -> None:
    name, descriptor = temporary_file.create(folder, "disk1")
    os.link(name, "disk1", src_dir_fd=folder, dst_dir_fd=folder)
    temporary_file.remove_abandoned(folder, "disk0", os.fstat(descriptor))
    assert names(folder) == ["disk1"]
    os.close(descriptor)


def test_what_is_no_temporary_file_is_never_removed(folder: int) -> None:
    for name in ("disk0", ".disk0", "disk0.new-0123456789abcdef"):
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=folder))
        os.utime(name, (0, 0), dir_fd=folder)
    before = names(folder)
    temporary_file.remove_abandoned(folder, "disk0")
    assert names(folder) == before


def test_a_link_in_place_of_one_of_another_disk_stays_and_its_target_too(folder: int, tmp_path: Path) -> None:
    (tmp_path / "disk9").write_bytes(b"data")
    os.symlink("disk9", ".disk1.new-0123456789abcdef", dir_fd=folder)
    temporary_file.remove_abandoned(folder, "disk0")
    assert (tmp_path / "disk9").read_bytes() == b"data"
