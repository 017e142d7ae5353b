"""An open directory: every operation on a disk's file starts at its descriptor, never at a path.

A path is looked up again at each call.  Where a volume is mounted at the first call and not at the second one, the
second call works on what is below the mount point: for a volume of Ganeti's that is the memory behind /run.  A
descriptor stays in the filesystem that it was opened in.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Iterator

from ganeti_gluster_mon.backend.disk_error import DiskError

#: no request is sent to the filesystem by the open, so that it cannot hang where the filesystem does (open(2), O_PATH)
_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_FDINFO = "/proc/self/fdinfo"
_MOUNT_ID = "mnt_id:"
#: symlinks that are followed, as the kernel does
_MOST_LINKS = 40


@dataclass(frozen=True)
class Directory:
    """A directory that is open as *descriptor*; *path* is its absolute path when it was opened, for messages."""

    path: str
    descriptor: int

    def __fspath__(self) -> str:
        return self.path

    def __str__(self) -> str:
        return self.path


@contextmanager
def open_directory(path: str) -> Iterator[Directory]:
    """The directory *path*, an absolute one, open until the end of the block.  Raises DiskError."""
    if not os.path.isabs(path):
        raise DiskError(f"{path}: the directory of disks has to be an absolute path")
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as err:
        raise DiskError(f"{path}: cannot open the directory of disks: {err.strerror}") from err
    try:
        yield Directory(path, descriptor)
    finally:
        os.close(descriptor)


def mount_id(descriptor: int) -> str:
    """The kernel's number of the mount that *descriptor* was opened in, as in /proc/PID/mountinfo (proc(5)).

    The filesystem receives no request.  Raises OSError.
    """
    with open(f"{_FDINFO}/{descriptor}", encoding="ascii") as file:
        for line in file:
            if line.startswith(_MOUNT_ID):
                return line[len(_MOUNT_ID) :].strip()
    raise OSError(f"{_FDINFO}/{descriptor} has no line {_MOUNT_ID}")


def resolved(path: str) -> str:
    """*path* without symlinks, as the kernel names it; /var/run is one.

    Unlike os.path.realpath it does not query *path* itself.  That would hang while a volume that hangs is mounted
    there; readlink(2) of a directory needs no request to its filesystem.
    """
    for _ in range(_MOST_LINKS):
        parent, name = os.path.split(path)
        path = os.path.join(os.path.realpath(parent), name)
        try:
            path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
        except OSError:  # it is no symlink, or does not exist
            return path
    return path
