"""A file as a disk: all that is needed of one, to be used by classes of disks, not inherited.

The methods are those of Ganeti's own helper of this name (ganeti.storage.filestorage), so that it reads
as Ganeti's other storage does.  What is more: a disk is named by an open directory and a path in it, and nothing that
a name holds, nor a symlink put in the way, leads out of that directory.  A create, grow or move that is killed leaves
either the former state or the new one, and at most a temporary name (temporary_file.py) or an empty file in addition.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import stat
from contextlib import contextmanager, suppress
from typing import Iterator, Optional, Tuple

from ganeti_gluster_mon.backend import temporary_file
from ganeti_gluster_mon.backend.directory import Directory
from ganeti_gluster_mon.backend.disk_error import DiskError

__all__ = ["MEBIBYTE", "DiskError", "FileDeviceHelper", "check_path"]

MEBIBYTE = 1024 * 1024
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
#: what an error of Gluster means to an administrator
_HINTS = {
    errno.ELOOP: "a part of its path is a symlink",
    errno.ENOTDIR: "a part of its path is a symlink, or no directory",
    errno.ENOSPC: "no space is left on the volume; remove what is not needed, or add bricks",
    errno.ENOTCONN: "too few bricks of the volume can be reached; are they up?",
    errno.EROFS: "too few bricks of the volume can be reached for anything to be written; are they up?",
    errno.EIO: "input/output error; is it in split-brain?",
}
#: fallocate(2)'s flag: the size stays what it is
_KEEP_SIZE = 1


def check_path(name: str) -> None:
    """Raises DiskError where *name*, a path relative to a directory of disks, is none that a disk can have."""
    _parts(name)


class FileDeviceHelper:
    """A disk that is the file *name*, a relative path, in the open directory *root*."""

    def __init__(self, root: Directory, name: str) -> None:
        """Raises DiskError for a path that no disk can have."""
        self.root = root
        self._folders, self._base = _parts(name)
        self.name = "/".join((*self._folders, self._base))

    @property
    def path(self) -> str:
        """The absolute path."""
        return os.path.join(self.root.path, self.name)

    @classmethod
    def CreateFile(
        cls, root: Directory, name: str, size: int, create_folders: bool = False, reserve: bool = False
    ) -> FileDeviceHelper:
        """Make a disk of *size* MiB, all zeros.

        It takes no space until it is written to, or, with *reserve*, all of its space at once, where the filesystem
        can do that.  It appears under its name when it has its size, never before, and where anything fails it is
        removed again.  Raises DiskError, also when there is something of that name.
        """
        disk = cls(root, name)
        if size < 0:
            raise DiskError(f"{disk.path}: a disk cannot have {size} MiB")
        with disk._errors("create"), disk._folder(create_folders) as folder:
            temporary_file.remove_abandoned(folder, disk._base)
            name_until_then, descriptor = temporary_file.create(folder, disk._base)
            try:
                _resize(descriptor, size * MEBIBYTE, reserve)
                # Where a rename would put it over another's disk, a link fails.
                os.link(
                    name_until_then, disk._base, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False
                )
                os.unlink(name_until_then, dir_fd=folder)
                os.fsync(folder)
            except BaseException:
                for each in (disk._base, name_until_then):
                    disk._undo_create(folder, each, descriptor)
                raise
            finally:
                os.close(descriptor)
        return disk

    def _undo_create(self, folder: int, name: str, descriptor: int) -> None:
        """Remove *name* from *folder* if it is one of the open file *descriptor*, which was just created."""
        try:
            if os.path.samestat(os.stat(name, dir_fd=folder, follow_symlinks=False), os.fstat(descriptor)):
                os.unlink(name, dir_fd=folder)
        except FileNotFoundError:
            pass
        except OSError as err:
            logging.warning(
                "%s: its create failed, and %s cannot be removed: %s; `gnt-gluster diagnose` lists it afterwards",
                self.path,
                name,
                err.strerror,
            )

    def Exists(self, assert_exists: Optional[bool] = None) -> bool:
        """Whether the disk is there; a directory is no disk.

        Raises DiskError if that is not as *assert_exists* requires, and for something else of its name that is no
        plain file: a symlink could lead to another's data.
        """
        status = self._look()
        there = status is not None and not stat.S_ISDIR(status.st_mode) and self._checked(status) is not None
        if assert_exists is True and not there:
            raise DiskError(f"{self.path}: there is no such disk")
        if assert_exists is False and there:
            raise DiskError(f"{self.path}: there is such a disk already")
        return there

    def Size(self) -> int:
        """The size in bytes.  Raises DiskError."""
        status = self.Status()
        if status is None:
            raise DiskError(f"{self.path}: there is no such disk")
        return status.st_size

    def Remove(self) -> bool:
        """Remove the disk, and what a killed create left of it; False if there was none.  Raises DiskError."""
        try:
            with self._errors("remove"), self._folder() as folder:
                status = self.Status()
                # Its other names first: a process that is killed in between leaves the one that Ganeti knows.
                temporary_file.remove_abandoned(folder, self._base, status)
                if status is not None:
                    os.unlink(self._base, dir_fd=folder)
                os.fsync(folder)
        except _Missing:  # the directory, or the file, which another process has just removed
            return False
        return status is not None

    def Grow(
        self,
        amount: int,
        dryrun: bool,
        backingstore: bool,
        excl_stor: object = None,
        reserve: bool = False,
    ) -> None:
        """Grow the disk by *amount* MiB; with *dryrun* only see whether that could be done.

        *reserve* as with CreateFile, of what is added.  Without *backingstore* nothing is done: there is no other
        layer.  Raises DiskError.
        """
        self.Exists(assert_exists=True)
        if amount < 0:
            raise DiskError(f"{self.path}: it cannot grow by {amount} MiB")
        if dryrun or not backingstore:
            return
        with self.opened(os.O_RDWR) as descriptor, self._errors("grow"):
            self._grow(descriptor, os.fstat(descriptor).st_size + amount * MEBIBYTE, reserve)

    def GrowTo(self, size: int, dryrun: bool = False) -> None:
        """Grow the disk to *size* MiB exactly; with *dryrun* only see whether that can be done.

        A disk of that size already is left as it is, so that a repeated call does nothing.  Raises DiskError, also
        where it is larger.
        """
        now = self.Size()
        if now > size * MEBIBYTE:
            needed = -(-now // MEBIBYTE)
            raise DiskError(
                f"{self.path}: the file has {needed} MiB already, and cannot shrink to {size} MiB; a former grow may "
                f"have failed after the file had grown; grow the disk to {needed} MiB: "
                f"gnt-instance grow-disk --absolute INSTANCE DISK {needed}m"
            )
        if dryrun or now == size * MEBIBYTE:
            return
        with self.opened(os.O_RDWR) as descriptor, self._errors("grow"):
            self._grow(descriptor, size * MEBIBYTE, reserve=False)

    def _grow(self, descriptor: int, size: int, reserve: bool) -> None:
        """Have the open file *size* bytes.  Raises DiskError and OSError."""
        _resize(descriptor, size, reserve)
        now = os.fstat(descriptor).st_size
        if now != size:
            raise DiskError(f"{self.path}: it has {now} bytes after it was grown to {size}")

    @contextmanager
    def opened(self, flags: int) -> Iterator[int]:
        """A descriptor of the disk's file, opened with *flags* of open(2), until the end of the block.

        Raises DiskError if there is no such disk, or something else of its name.
        """
        self.Exists(assert_exists=True)
        with self._errors("open"), self._folder() as folder:
            descriptor = os.open(self._base, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def Move(self, name: str) -> None:
        """Rename the disk to *name*, a path in the same directory.  Raises DiskError, also when that is taken.

        The new name is reserved by an empty file without permissions, which rename(2) then replaces: so the disk has
        one name at any moment, and no other disk is replaced.
        """
        there = FileDeviceHelper(self.root, name)
        self.Exists(assert_exists=True)
        with self._errors("move"), self._folder() as here, there._folder() as folder:
            temporary_file.remove_abandoned(here, self._base, self.Status())
            if _same(here, self._base, folder, there._base):
                # rename(2) does nothing between two names of one file.
                os.unlink(self._base, dir_fd=here)
            else:
                _reserve_name(folder, there._base)
                try:
                    os.rename(self._base, there._base, src_dir_fd=here, dst_dir_fd=folder)
                except OSError:
                    with suppress(OSError):  # the first error is the one to report
                        if _is_reservation(folder, there._base):
                            os.unlink(there._base, dir_fd=folder)
                    raise
            os.fsync(folder)
            os.fsync(here)
        self._folders, self._base, self.name = there._folders, there._base, there.name

    def Status(self) -> Optional[os.stat_result]:
        """What stat(2) reports about the disk's file; None without one.  Raises DiskError if it is no plain file."""
        status = self._look()
        return None if status is None else self._checked(status)

    def _look(self) -> Optional[os.stat_result]:
        """What stat(2) reports about whatever has the disk's name; None if nothing has.  Raises DiskError."""
        try:
            with self._errors("look at"), self._folder() as folder:
                return os.stat(self._base, dir_fd=folder, follow_symlinks=False)
        except _Missing:
            return None

    def _checked(self, status: os.stat_result) -> os.stat_result:
        """*status*.  Raises DiskError where it is not that of a plain file."""
        if not stat.S_ISREG(status.st_mode):
            raise DiskError(f"{self.path}: it is {_kind(status.st_mode)}, not a disk's file")
        return status

    @contextmanager
    def _folder(self, create: bool = False) -> Iterator[int]:
        """A descriptor of the directory the file is in, reached step by step, never through a symlink."""
        descriptor = os.open(".", _DIRECTORY, dir_fd=self.root.descriptor)
        try:
            for folder in self._folders:
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(folder, 0o750, dir_fd=descriptor)
                below = os.open(folder, _DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as err:
            raise _Missing(f"{self.path}: cannot {what} it: {err.strerror}") from err
        except FileExistsError:
            raise DiskError(f"{self.path}: there is such a disk already") from None
        except OSError as err:
            why = _HINTS.get(err.errno or 0, err.strerror)
            raise DiskError(f"{self.path}: cannot {what} it: {why}") from err


class _Missing(DiskError):
    """There is no such file, or no such directory."""


def _parts(name: str) -> Tuple[Tuple[str, ...], str]:
    """The directories and the last part of a relative path.  Raises DiskError where one is no plain name."""
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise DiskError(f"{name!r}: a disk's path is relative, and has no empty part, no . and no ..")
    if any(len(os.fsencode(part)) > temporary_file.NAME_MAX for part in parts):
        raise DiskError(f"{name[:60]!r}…: a part of the path is longer than {temporary_file.NAME_MAX} bytes")
    if temporary_file.is_temporary(parts[-1]):
        raise DiskError(f"{name[:60]!r}: such a name is reserved for disks that are being created")
    return tuple(parts[:-1]), parts[-1]


def _resize(descriptor: int, size: int, reserve: bool) -> None:
    """Make a file bigger, up to *size* bytes, for good.  Raises OSError, and leaves it as it was."""
    before = os.fstat(descriptor).st_size
    if reserve and size > before:
        try:
            _take(descriptor, before, size - before)
        except OSError:
            # What it took before it failed stays taken, beyond the end.
            os.ftruncate(descriptor, before)
            raise
    # The size changes here, once: a process that is killed before this line has changed nothing.
    os.ftruncate(descriptor, size)
    os.fsync(descriptor)


def _take(descriptor: int, offset: int, length: int) -> None:
    """Take the space of a part of a file, where the filesystem can do that.  Raises OSError."""
    # Not by posix_fallocate: where a filesystem cannot, that would write to every block.
    for mode in (_KEEP_SIZE, 0):  # a volume with shards knows only the second
        try:
            _fallocate(descriptor, mode, offset, length)
            return
        except OSError as err:
            if err.errno not in (errno.EOPNOTSUPP, errno.ENOSYS):
                raise


def _fallocate(descriptor: int, mode: int, offset: int, length: int) -> None:
    """fallocate(2).  Raises OSError."""
    function = ctypes.CDLL(None, use_errno=True).fallocate64
    function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    while function(descriptor, mode, offset, length):
        number = ctypes.get_errno()
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))


def _same(one: int, name: str, other: int, other_name: str) -> bool:
    """Whether two names, each in a directory, are of one file; False where there is no *other_name*."""
    try:
        status = os.stat(other_name, dir_fd=other, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.stat(name, dir_fd=one, follow_symlinks=False), status)


def _reserve_name(folder: int, name: str) -> None:
    """Have an empty file without permissions as *name* in *folder*, where nothing else has that name.

    One that a killed process left is taken.  Raises OSError, FileExistsError for anything else.
    """
    try:
        os.close(
            os.open(
                name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0, dir_fd=folder
            )
        )
    except FileExistsError:
        if not _is_reservation(folder, name):
            raise


def _is_reservation(folder: int, name: str) -> bool:
    """Whether *name* in *folder* is what `_reserve_name` makes."""
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    return status.st_mode == stat.S_IFREG and status.st_size == 0


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a symlink"
    return "a directory" if stat.S_ISDIR(mode) else "something else"
