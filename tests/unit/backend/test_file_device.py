"""A file as a disk: nothing leads out of its directory, and whatever is cut short leaves no half of a disk."""

from __future__ import annotations

import errno
import os
import signal
import time
from pathlib import Path
from typing import Callable, Iterator, List, Tuple

import pytest

from ganeti_gluster_mon.backend import file_device, temporary_file
from ganeti_gluster_mon.backend.directory import Directory, open_directory
from ganeti_gluster_mon.backend.file_device import MEBIBYTE, DiskError, FileDeviceHelper

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


def test_a_folder_is_made_only_on_request(root: Directory) -> None:
    with pytest.raises(DiskError, match="No such file"):
        FileDeviceHelper.CreateFile(root, NAME, 1)


def test_it_grows_by_the_requested_size(root: Directory) -> None:
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


def test_it_moves_and_replaces_no_other_file(root: Directory) -> None:
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


#: what changes something on the filesystem, or is between two changes
CALLS = ("mkdir", "open", "ftruncate", "fsync", "link", "unlink", "rename")


def a_disk(root: Directory) -> FileDeviceHelper:
    return FileDeviceHelper(root, "ganeti/a.0")


def create_a(root: Directory) -> None:
    create(root, "ganeti/a.0", 5)


def killed(act: Callable[[], object], moment: int) -> bool:
    """Do *act* in a process that ends, as by SIGKILL, before or after one of `CALLS`; whether it did end there."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = moment

    def fatal(function: Callable[..., object]) -> Callable[..., object]:
        def called(*words: object, **more: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(9)
            result = function(*words, **more)
            left -= 1
            if left < 0:
                os._exit(9)
            return result

        return called

    try:
        for name in CALLS:
            setattr(os, name, fatal(getattr(os, name)))
        act()
        os._exit(0)
    finally:
        os._exit(1)


def test_a_create_that_is_killed_leaves_no_half_of_a_disk(root: Directory) -> None:
    moments = 0
    while killed(lambda: create_a(root), moments):
        moments += 1
        disk = FileDeviceHelper(root, "ganeti/a.0")
        if disk.Exists():
            assert disk.Size() == 5 * MEBIBYTE
            disk.Remove()
        FileDeviceHelper.CreateFile(root, "ganeti/a.0", 2, create_folders=True)
        assert everything(root) == ["ganeti/a.0"], "what was left is gone"
        disk.Remove()
    assert moments > 10


def test_a_create_that_is_killed_leaves_nothing_that_outlives_remove(root: Directory) -> None:
    """Also not a second name, by which the data of the guest could be read after the disk is gone."""
    moments = linked = 0
    while killed(lambda: create_a(root), moments):
        moments += 1
        disk = FileDeviceHelper(root, "ganeti/a.0")
        existed = disk.Exists()
        linked += len(everything(root)) == 2
        assert disk.Remove() is existed
        assert everything(root) == []
    assert moments > 10
    assert linked > 0, "one of the moments is between link and unlink"


def test_a_move_leaves_no_other_name_behind(root: Directory) -> None:
    moments = 0
    while killed(lambda: create_a(root), moments):
        moments += 1
        disk = FileDeviceHelper(root, "ganeti/a.0")
        if disk.Exists():
            disk.Move("ganeti/b.0")
            assert everything(root) == ["ganeti/b.0"]
        disk.Remove()


def test_abandoned_temporary_files_of_other_disks_are_removed(root: Directory) -> None:
    moments = removed = 0
    while killed(lambda: create_a(root), moments):
        moments += 1
        left = [name for name in everything(root) if ".new-" in name]
        create(root, "ganeti/young")
        assert [name for name in everything(root) if ".new-" in name] == left, "its create may be running"
        for name in left:
            os.utime(os.path.join(root, name), (time.time() - 1000,) * 2)
            removed += 1
        create(root, "ganeti/other")
        assert [name for name in everything(root) if ".new-" in name] == []
        for name in ("a.0", "young", "other"):
            FileDeviceHelper(root, f"ganeti/{name}").Remove()
    assert removed > 3


def test_the_temporary_file_of_a_running_create_stays(root: Directory) -> None:
    create(root)
    folder = os.open(f"{root}/ganeti", os.O_RDONLY)
    name, descriptor = temporary_file.create(folder, "slow")
    os.utime(descriptor, (0, 0))
    create(root, "ganeti/other")
    assert f"ganeti/{name}" in everything(root)
    os.close(descriptor)
    create(root, "ganeti/another")
    assert f"ganeti/{name}" not in everything(root)
    os.close(folder)


@pytest.mark.parametrize("call", ["link", "unlink", "fsync", "ftruncate"])
@pytest.mark.parametrize("done", [False, True])
def test_a_create_that_fails_leaves_nothing(
    root: Directory, monkeypatch: pytest.MonkeyPatch, call: str, done: bool
) -> None:
    """Also where the operation was *done*, and its answer was lost."""
    create(root, "ganeti/other")
    real = getattr(os, call)
    calls = 0

    def fails(target: object, *words: object, **more: object) -> None:
        nonlocal calls
        calls += 1
        # Of fsync the last one: that of the folder.
        if calls == (2 if call == "fsync" else 1):
            if done:
                real(target, *words, **more)
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        real(target, *words, **more)

    monkeypatch.setattr(os, call, fails)
    with pytest.raises(DiskError, match="cannot create it: too few bricks"):
        create(root)
    assert calls >= 1
    assert everything(root) == ["ganeti/other"]


def test_what_cannot_be_undone_is_logged(
    root: Directory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def dead(*words: object, **more: object) -> None:
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

    monkeypatch.setattr(os, "unlink", dead)
    with pytest.raises(DiskError, match="cannot create it"):
        create(root)
    assert "cannot be removed" in caplog.text
    assert "gnt-gluster diagnose" in caplog.text


def test_a_directory_is_no_disk(root: Directory) -> None:
    """As Ganeti's own helper says."""
    os.makedirs(f"{root}/{NAME}")
    disk = FileDeviceHelper(root, NAME)
    assert disk.Exists() is False
    disk.Exists(assert_exists=False)
    with pytest.raises(DiskError, match="there is no such disk"):
        disk.Exists(assert_exists=True)
    for act in (disk.Size, disk.Remove):
        with pytest.raises(DiskError, match="it is a directory"):
            act()
    with pytest.raises(DiskError, match="already"):
        create(root)
    assert everything(root) == []


def test_the_names_of_temporary_files_are_refused(root: Directory) -> None:
    for name in (".a.new-0123456789abcdef", "ganeti/.a.0.new-0123456789abcdef"):
        with pytest.raises(DiskError, match="reserved"):
            FileDeviceHelper(root, name)
    create(root, "ganeti/.a.new-0123")
    long = "ganeti/" + "ö" * 127
    assert create(root, long).Exists()
    assert FileDeviceHelper(root, long).Remove()


def test_a_name_that_a_killed_move_reserved_can_be_taken(root: Directory) -> None:
    disk = create(root)
    file_device._reserve_name(os.open(f"{root}/ganeti", os.O_RDONLY), "new")
    disk.Move("ganeti/new")
    assert everything(root) == ["ganeti/new"]
    assert disk.Size() == 3 * MEBIBYTE


def test_a_move_that_fails_leaves_no_reservation(root: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = create(root)

    def fails(*words: object, **more: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "rename", fails)
    with pytest.raises(DiskError, match="split-brain"):
        disk.Move("ganeti/new")
    assert everything(root) == [NAME]
    assert disk.Exists()


def test_a_grow_and_a_move_that_are_killed(root: Directory) -> None:
    moments = 0
    create(root, "ganeti/a.0", 1)
    disk = FileDeviceHelper(root, "ganeti/a.0")
    while killed(lambda: disk.Grow(1, False, True), moments):
        moments += 1
        assert disk.Size() % MEBIBYTE == 0
    assert moments > 5
    Path(disk.path).write_bytes(b"precious")
    moments = 0
    while killed(lambda: a_disk(root).Move("ganeti/b.0"), moments):
        moments += 1
        contents = {name: Path(root, name).read_bytes() for name in everything(root)}
        assert sorted(contents.values(), key=len)[-1] == b"precious"
        assert list(contents.values()).count(b"precious") == 1, "the disk has one name"
        if "ganeti/a.0" in contents:
            assert disk.Remove() is True
            assert all(Path(root, name).read_bytes() == b"" for name in everything(root))
            Path(create(root, "ganeti/a.0", 1).path).write_bytes(b"precious")
        else:
            FileDeviceHelper(root, "ganeti/b.0").Move("ganeti/a.0")
    assert everything(root) == ["ganeti/b.0"]
    assert moments > 5


def test_of_two_that_create_one_disk_one_does(root: Directory) -> None:
    children = []
    for _ in range(6):
        child = os.fork()
        if not child:
            try:
                create_a(root)
                os._exit(0)
            except DiskError:
                os._exit(1)
            finally:
                os._exit(2)
        children.append(child)
    ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert sorted(ends) == [0, 1, 1, 1, 1, 1]
    assert everything(root) == ["ganeti/a.0"]


def test_it_grows_to_an_exact_size_and_never_shrinks(root: Directory) -> None:
    disk = create(root, size=3)
    os.truncate(disk.path, 3 * MEBIBYTE + 5)
    disk.GrowTo(4)
    assert disk.Size() == 4 * MEBIBYTE
    disk.GrowTo(4)
    disk.GrowTo(6, dryrun=True)
    assert disk.Size() == 4 * MEBIBYTE
    for dryrun in (False, True):
        with pytest.raises(DiskError, match=r"has 4 MiB already, .* 3 MiB; .* --absolute INSTANCE DISK 4m"):
            disk.GrowTo(3, dryrun)
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
    """Have fallocate in one of these *modes*, or in any, fail with *number*."""
    can = file_device._fallocate

    def cannot(descriptor: int, mode: int, offset: int, length: int) -> None:
        if not modes or mode in modes:
            raise OSError(number, os.strerror(number))
        can(descriptor, mode, offset, length)

    monkeypatch.setattr(file_device, "_fallocate", cannot)


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
    while killed(lambda: disk.Grow(1, False, True, reserve=True), moments):
        moments += 1
        assert disk.Size() % MEBIBYTE == 0
    assert moments > 5


def test_a_disk_has_no_negative_size_and_may_have_none(root: Directory) -> None:
    with pytest.raises(DiskError, match="cannot have -1 MiB"):
        create(root, size=-1)
    assert everything(root) == []
    disk = create(root, size=0)
    assert disk.Size() == 0
    with pytest.raises(DiskError, match="cannot grow by -1 MiB"):
        disk.Grow(-1, dryrun=False, backingstore=True)


@pytest.mark.parametrize("reserve", [False, True])
def test_a_disk_that_grows_by_nothing_stays(root: Directory, reserve: bool) -> None:
    disk = create(root)
    disk.Grow(0, dryrun=False, backingstore=True, reserve=reserve)
    assert disk.Size() == 3 * MEBIBYTE


def test_a_disk_of_the_size_already_is_not_touched(root: Directory) -> None:
    disk = create(root)
    os.utime(disk.path, (0, 0))
    disk.GrowTo(3)
    assert os.stat(disk.path).st_mtime == 0
    disk.GrowTo(4)
    assert os.stat(disk.path).st_mtime > 0


def test_looking_for_a_disk_makes_no_folder_and_a_create_makes_it_for_its_group(root: Directory) -> None:
    disk = FileDeviceHelper(root, NAME)
    assert not disk.Exists() and not disk.Remove()
    assert os.listdir(root.path) == []
    create(root)
    assert os.stat(f"{root}/ganeti").st_mode & 0o777 == 0o750


@pytest.mark.parametrize("name", ["ganeti/" + "x" * 256, "x" * 256 + "/0"])
def test_one_part_of_a_path_is_too_long(root: Directory, name: str) -> None:
    with pytest.raises(DiskError, match="longer than 255 bytes"):
        FileDeviceHelper(root, name)


def test_a_pipe_in_place_of_a_folder_is_refused_at_once(root: Directory) -> None:
    os.mkfifo(f"{root}/ganeti")
    disk = FileDeviceHelper(root, NAME)

    def hangs(_number: int, _frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(10)
    try:
        with pytest.raises(DiskError, match="a symlink, or no directory"):
            disk.Size()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_what_replaces_the_temporary_file_of_a_create_gets_no_other_name(
    root: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    made = temporary_file.create

    def replaced(folder: int, base: str) -> Tuple[str, int]:
        name, descriptor = made(folder, base)
        os.unlink(name, dir_fd=folder)
        os.symlink(victim, name, dir_fd=folder)
        return name, descriptor

    monkeypatch.setattr(temporary_file, "create", replaced)
    disk = create(root)
    assert os.stat(victim).st_nlink == 1
    with pytest.raises(DiskError, match="is a symlink"):
        disk.Exists()


def _with_mode(path: str, content: bytes, mode: int) -> None:
    Path(path).write_bytes(content)
    os.chmod(path, mode)


@pytest.mark.parametrize(("content", "mode"), [(b"precious", 0), (b"", 0o600)])
def test_only_an_empty_file_without_permissions_is_a_reserved_name(
    root: Directory, content: bytes, mode: int
) -> None:
    disk = create(root)
    _with_mode(f"{root}/ganeti/new", content, mode)
    with pytest.raises(DiskError, match="already"):
        disk.Move("ganeti/new")
    assert Path(f"{root}/ganeti/new").read_bytes() == content
    assert disk.name == NAME


def test_a_symlink_to_a_reserved_name_is_none(root: Directory) -> None:
    disk = create(root)
    _with_mode(f"{root}/reserved", b"", 0)
    os.symlink(f"{root}/reserved", f"{root}/ganeti/new")
    with pytest.raises(DiskError, match="already"):
        disk.Move("ganeti/new")
    assert os.path.islink(f"{root}/ganeti/new")


def test_space_is_taken_beyond_the_end_and_the_size_stays(root: Directory) -> None:
    disk = create(root, size=0)
    with disk.opened(os.O_RDWR) as descriptor:
        file_device._take(descriptor, 0, MEBIBYTE)
        status = os.fstat(descriptor)
        assert (status.st_size, status.st_blocks) == (0, MEBIBYTE // 512)


def test_the_error_of_fallocate_is_reported(root: Directory) -> None:
    with create(root).opened(os.O_RDONLY) as descriptor, pytest.raises(OSError, match="Bad file") as raised:
        file_device._fallocate(descriptor, 0, 0, MEBIBYTE)
    assert raised.value.errno == errno.EBADF


def test_a_reserve_that_fails_gives_back_what_it_took(
    root: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = create(root, size=1)
    can = file_device._fallocate

    def partly(descriptor: int, mode: int, offset: int, length: int) -> None:
        can(descriptor, mode, offset, length // 2)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(file_device, "_fallocate", partly)
    with pytest.raises(DiskError, match="no space is left"):
        disk.Grow(4, dryrun=False, backingstore=True, reserve=True)
    status = os.stat(disk.path)
    assert (status.st_size, status.st_blocks) == (MEBIBYTE, 0)
