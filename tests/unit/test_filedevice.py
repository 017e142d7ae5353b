"""A file as a disk: nothing leads out of its directory, and whatever is cut short leaves no half of a disk."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List

import pytest

from ganeti_gluster_mon.backend import filedevice
from ganeti_gluster_mon.backend.directory import Directory, open_directory
from ganeti_gluster_mon.backend.filedevice import MEBIBYTE, DiskError, FileDeviceHelper

NAME = "ganeti/0a1b.0"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Directory]:
    directory = tmp_path / "disks"
    directory.mkdir()
    with open_directory(str(directory)) as opened:
        yield opened


def create(root: Directory, name: str = NAME, size: int = 3) -> FileDeviceHelper:
    return FileDeviceHelper.CreateFile(root, name, size, create_folders=True)


def everything(root: Directory) -> List[str]:
    return sorted(
        os.path.relpath(os.path.join(at, name), root) for at, _, names in os.walk(root) for name in names
    )


def test_a_disk_has_its_size_and_takes_no_space(root: Directory) -> None:
    disk = create(root, size=1024)
    assert disk.Size() == 1024 * MEBIBYTE
    assert disk.path == f"{root}/{NAME}"
    assert os.stat(disk.path).st_blocks < 100
    assert os.stat(disk.path).st_mode & 0o777 == 0o600
    assert everything(root) == [NAME]
    assert disk.Exists()


def test_another_disk_is_not_overwritten(root: Directory) -> None:
    disk = create(root)
    Path(disk.path).write_bytes(b"precious")
    with pytest.raises(DiskError, match="there is such a disk already"):
        create(root)
    assert Path(disk.path).read_bytes() == b"precious"
    assert everything(root) == [NAME]


def test_a_folder_is_made_only_when_asked_for(root: Directory) -> None:
    with pytest.raises(DiskError, match="No such file"):
        FileDeviceHelper.CreateFile(root, NAME, 1)


def test_it_grows_by_what_is_asked(root: Directory) -> None:
    disk = create(root)
    Path(disk.path).write_bytes(b"x" * 5 * MEBIBYTE)
    disk.Grow(2, dryrun=True, backingstore=True)
    disk.Grow(2, dryrun=False, backingstore=False)
    assert disk.Size() == 5 * MEBIBYTE
    disk.Grow(2, dryrun=False, backingstore=True)
    assert disk.Size() == 7 * MEBIBYTE
    assert Path(disk.path).read_bytes() == b"x" * 5 * MEBIBYTE + bytes(2 * MEBIBYTE)
    with pytest.raises(DiskError, match="cannot grow by -1"):
        disk.Grow(-1, dryrun=True, backingstore=True)


def test_what_is_not_there(root: Directory) -> None:
    disk = FileDeviceHelper(root, NAME)
    assert not disk.Exists()
    assert not disk.Remove()
    disk.Exists(assert_exists=False)
    for act in (
        lambda: disk.Exists(assert_exists=True),
        disk.Size,
        lambda: disk.Grow(1, dryrun=True, backingstore=True),
        lambda: disk.Move("other"),
    ):
        with pytest.raises(DiskError, match="there is no such disk"):
            act()
    create(root)
    with pytest.raises(DiskError, match="already"):
        disk.Exists(assert_exists=False)
    assert disk.Remove()
    assert everything(root) == []


def test_it_moves_and_takes_nobodys_place(root: Directory) -> None:
    disk, other = create(root), create(root, "ganeti/other")
    with pytest.raises(DiskError, match="already"):
        disk.Move("ganeti/other")
    assert (disk.name, other.Exists()) == (NAME, True)
    disk.Move("ganeti/new")
    assert disk.path == f"{root}/ganeti/new"
    assert everything(root) == ["ganeti/new", "ganeti/other"]


def test_a_move_that_was_cut_short_is_brought_to_its_end(root: Directory) -> None:
    disk = create(root)
    os.link(disk.path, f"{root}/ganeti/new")
    disk.Move("ganeti/new")
    assert everything(root) == ["ganeti/new"]


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "..", "../x", "a/../../x", "a//b", "a/", "./a", "a\0b", "x" * 256]
)
def test_a_path_that_leads_out_or_is_none(root: Directory, name: str) -> None:
    with pytest.raises(DiskError):
        FileDeviceHelper(root, name)
    with pytest.raises(DiskError):
        create(root).Move(name)


@pytest.mark.parametrize("name", ["a b", "$(reboot)", "ö", "-rf", "x" * 255, "\n", "'\"`", "\udcff"])
def test_strange_names_are_names(root: Directory, name: str) -> None:
    disk = create(root, f"ganeti/{name}")
    disk.Grow(1, dryrun=False, backingstore=True)
    assert disk.Size() == 4 * MEBIBYTE
    assert disk.Remove()


def test_a_symlink_is_no_disk_and_no_way(root: Directory, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    os.mkdir(f"{root}/ganeti")
    os.symlink(victim, f"{root}/{NAME}")
    disk = FileDeviceHelper(root, NAME)
    for act in (disk.Exists, disk.Size, disk.Remove, lambda: disk.Grow(1, dryrun=False, backingstore=True)):
        with pytest.raises(DiskError, match="is a symlink"):
            act()
    with pytest.raises(DiskError):
        create(root)
    os.symlink(tmp_path, f"{root}/way")
    for name in ("way/victim", "way/new"):
        with pytest.raises(DiskError):
            FileDeviceHelper(root, name).Size()
        with pytest.raises(DiskError):
            create(root, name)
    assert victim.read_bytes() == b"precious"
    assert not (tmp_path / "new").exists()


#: ends the process, as SIGKILL would, at the Nth call of a function of os that changes something
KILLED = """
import os, sys
from ganeti_gluster_mon.backend.directory import open_directory
from ganeti_gluster_mon.backend.filedevice import FileDeviceHelper
opened = open_directory(sys.argv[1])
root = opened.__enter__()
left = int(sys.argv[2])
def fatal(function):
    def called(*words, **more):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        result = function(*words, **more)
        left -= 1
        if left < 0:
            os._exit(9)
        return result
    return called
for name in ("mkdir", "open", "ftruncate", "fsync", "link", "unlink"):
    setattr(os, name, fatal(getattr(os, name)))
disk = FileDeviceHelper(root, "ganeti/a.0")
{act}
"""


def killed(root: Directory, act: str, moment: int) -> bool:
    """Do *act* in a process that ends at the given *moment*; whether it did end there."""
    script = KILLED.format(act=act)
    return subprocess.run([sys.executable, "-c", script, root.path, str(moment)], check=False).returncode == 9


def test_a_create_that_is_killed_leaves_no_half_of_a_disk(root: Directory) -> None:
    moments = 0
    while killed(root, 'FileDeviceHelper.CreateFile(root, "ganeti/a.0", 5, create_folders=True)', moments):
        moments += 1
        disk = FileDeviceHelper(root, "ganeti/a.0")
        if disk.Exists():
            assert disk.Size() == 5 * MEBIBYTE
            disk.Remove()
        FileDeviceHelper.CreateFile(root, "ganeti/a.0", 2, create_folders=True)
        assert everything(root) == ["ganeti/a.0"], "what was left is gone"
        disk.Remove()
    assert moments > 10


def test_a_grow_and_a_move_that_are_killed(root: Directory) -> None:
    moments = 0
    create(root, "ganeti/a.0", 1)
    disk = FileDeviceHelper(root, "ganeti/a.0")
    while killed(root, "disk.Grow(1, False, True)", moments):
        moments += 1
        assert disk.Size() % MEBIBYTE == 0
    assert moments > 5
    Path(disk.path).write_bytes(b"precious")
    moments = 0
    while killed(root, 'disk.Move("ganeti/b.0")', moments):
        moments += 1
        names = everything(root)
        assert names
        assert all(Path(root, name).read_bytes() == b"precious" for name in names)
        if names == ["ganeti/b.0"]:
            FileDeviceHelper(root, "ganeti/b.0").Move("ganeti/a.0")
    assert everything(root) == ["ganeti/b.0"]
    assert moments > 5


def test_of_two_that_create_one_disk_one_does(root: Directory) -> None:
    script = KILLED.format(act='FileDeviceHelper.CreateFile(root, "ganeti/a.0", 5, create_folders=True)')
    argv = [sys.executable, "-c", script, root.path, "1000"]
    both = [subprocess.Popen(argv, stderr=subprocess.DEVNULL) for _ in range(6)]
    assert sorted(each.wait(60) for each in both) == [0, 1, 1, 1, 1, 1]
    assert everything(root) == ["ganeti/a.0"]


def test_it_grows_to_an_exact_size_and_never_shrinks(root: Directory) -> None:
    disk = create(root, size=3)
    os.truncate(disk.path, 3 * MEBIBYTE + 5)
    disk.GrowTo(4)
    assert disk.Size() == 4 * MEBIBYTE
    disk.GrowTo(4)
    with pytest.raises(DiskError, match="cannot shrink to 3 MiB"):
        disk.GrowTo(3)
    assert disk.Size() == 4 * MEBIBYTE


def test_it_is_opened_but_not_what_a_symlink_leads_to(root: Directory) -> None:
    disk = create(root)
    with disk.opened(os.O_RDWR) as descriptor:
        assert os.pread(descriptor, 3, 0) == b"\0\0\0"
    os.rename(disk.path, f"{root}/elsewhere")
    with pytest.raises(DiskError, match="there is no such disk"), disk.opened(os.O_RDWR):
        pass
    os.symlink(f"{root}/elsewhere", disk.path)
    with pytest.raises(DiskError, match="symlink"), disk.opened(os.O_RDWR):
        pass


def test_all_operations_stay_in_the_directory_that_was_opened(root: Directory) -> None:
    """Another directory at its path is not touched: a mount that disappeared leaves such a one."""
    disk = create(root)
    os.rename(root.path, f"{root}.opened")
    os.mkdir(root.path)
    other = create(root, "ganeti/other")
    disk.Grow(1, dryrun=False, backingstore=True)
    disk.Move("ganeti/moved")
    assert os.listdir(root.path) == []
    assert sorted(os.listdir(f"{root}.opened/ganeti")) == ["moved", "other"]
    assert (disk.Size(), other.Exists(), other.Remove()) == (4 * MEBIBYTE, True, True)


def test_a_directory_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, why in (("none", "No such file"), ("file", "Not a directory")):
        refused = pytest.raises(DiskError, match=f"cannot open the directory of disks: {why}")
        with refused, open_directory(str(tmp_path / path)):
            pass
    with pytest.raises(DiskError, match="absolute path"), open_directory("disks"):
        pass


def test_space_is_reserved_where_that_is_wanted(root: Directory) -> None:
    disk = FileDeviceHelper.CreateFile(root, NAME, 2, create_folders=True, reserve=True)
    assert (disk.Size(), os.stat(disk.path).st_blocks) == (2 * MEBIBYTE, 2 * MEBIBYTE // 512)
    disk.Grow(1, dryrun=False, backingstore=True, reserve=True)
    assert (disk.Size(), os.stat(disk.path).st_blocks) == (3 * MEBIBYTE, 3 * MEBIBYTE // 512)
    disk.Grow(1, dryrun=False, backingstore=True)
    assert (disk.Size(), os.stat(disk.path).st_blocks) == (4 * MEBIBYTE, 3 * MEBIBYTE // 512)
    assert Path(disk.path).read_bytes() == bytes(4 * MEBIBYTE)


def refuse(monkeypatch: pytest.MonkeyPatch, number: int, *modes: int) -> None:
    """Have the filesystem say *number* to whoever wants space in one of these *modes*, or in any."""
    can = filedevice._fallocate

    def cannot(descriptor: int, mode: int, offset: int, length: int) -> None:
        if not modes or mode in modes:
            raise OSError(number, os.strerror(number))
        can(descriptor, mode, offset, length)

    monkeypatch.setattr(filedevice, "_fallocate", cannot)


def test_where_space_cannot_be_reserved_the_disk_is_thin(
    root: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, errno.EOPNOTSUPP)
    disk = FileDeviceHelper.CreateFile(root, NAME, 2, create_folders=True, reserve=True)
    disk.Grow(1, dryrun=False, backingstore=True, reserve=True)
    assert (disk.Size(), os.stat(disk.path).st_blocks) == (3 * MEBIBYTE, 0)


def test_where_space_beyond_the_end_cannot_be_reserved(
    root: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a volume with shards."""
    refuse(monkeypatch, errno.EOPNOTSUPP, 1)
    disk = FileDeviceHelper.CreateFile(root, NAME, 2, create_folders=True, reserve=True)
    disk.Grow(1, dryrun=False, backingstore=True, reserve=True)
    assert (disk.Size(), os.stat(disk.path).st_blocks) == (3 * MEBIBYTE, 3 * MEBIBYTE // 512)


def test_where_there_is_no_space_nothing_is_left(root: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = create(root, size=1)
    refuse(monkeypatch, errno.ENOSPC)
    with pytest.raises(DiskError, match="other: cannot create it: no space is left on the volume"):
        FileDeviceHelper.CreateFile(root, "ganeti/other", 2, reserve=True)
    with pytest.raises(DiskError, match="cannot grow it: no space is left on the volume"):
        disk.Grow(1, dryrun=False, backingstore=True, reserve=True)
    assert everything(root) == [NAME]
    assert disk.Size() == MEBIBYTE


def test_a_grow_that_reserves_and_is_killed(root: Directory) -> None:
    create(root, "ganeti/a.0", 1)
    disk = FileDeviceHelper(root, "ganeti/a.0")
    moments = 0
    while killed(root, "disk.Grow(1, False, True, reserve=True)", moments):
        moments += 1
        assert disk.Size() % MEBIBYTE == 0
    assert moments > 5
