"""Files that each record one thing of one disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ganeti_gluster_mon.backend import disk_records
from ganeti_gluster_mon.backend.disk_error import DiskError


@pytest.mark.parametrize("disk", ["ganeti/a.0", "a b/\n", "\udcff", "../../etc/passwd", "x" * 4000])
def test_a_record_holds_the_path_of_its_disk(tmp_path: Path, disk: str) -> None:
    disk_records.write(str(tmp_path), "loss-", disk)
    (path,) = disk_records.disks(str(tmp_path), "loss-")
    assert path == disk_records.file_of(str(tmp_path), "loss-", disk)
    assert disk_records.disks(str(tmp_path), "loss-") == {path: disk}
    assert os.path.dirname(path) == str(tmp_path) and len(os.path.basename(path)) < 100


def test_kinds_and_disks_do_not_mix(tmp_path: Path) -> None:
    for kind in ("loss-", "use-"):
        for disk in ("a", "b"):
            disk_records.write(str(tmp_path), kind, disk)
    assert sorted(disk_records.disks(str(tmp_path), "use-").values()) == ["a", "b"]


def test_a_record_that_is_being_written_is_none(tmp_path: Path) -> None:
    disk_records.write(str(tmp_path), "loss-", "a")
    Path(disk_records.file_of(str(tmp_path), "loss-", "b") + ".1.new").write_bytes(b"b")
    assert list(disk_records.disks(str(tmp_path), "loss-").values()) == ["a"]


def test_written_twice_it_is_one(tmp_path: Path) -> None:
    for _ in range(2):
        disk_records.write(str(tmp_path), "loss-", "a")
    assert len(os.listdir(tmp_path)) == 1


def test_no_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match=r"a: cannot write .*: No such file or directory"):
        disk_records.write(str(tmp_path / "missing"), "loss-", "a")
    with pytest.raises(FileNotFoundError):
        disk_records.disks(str(tmp_path / "missing"), "loss-")
