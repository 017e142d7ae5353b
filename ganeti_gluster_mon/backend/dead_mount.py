"""Removes a mount whose client has ended: the process glusterfs that served it was killed, or ended by itself.

Every request to such a mount fails with ENOTCONN, for ever, and no data can reach a brick by it any more.  A client
that runs and reaches no brick fails with ENOTCONN, too, until a brick is back; that mount has to stay, for its
users go on with it then.  So the processes of this node are searched for the client.

A guest, an OS script or a loop device may still have files of the mount open.  Then it is unmounted lazily, and its
loop devices are undone: each disappears when its last user closes it.  The next user of the disk gets another mount
and another device.

What was written to such a device, or to a file of the mount, and not flushed may be lost, in the device's page cache or
in the client.  A guest expects that of a disk whose power fails.  An OS script, a wipe or an import has reported
success, so it is recorded for the next open or detach of the disk (`take_loss`).  A use of a disk's file is noted
beforehand.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import List

from ganeti_gluster_mon.backend import disk_records, loop, qemu_processes
from ganeti_gluster_mon.backend.flush import FlushError

_PROC = "/proc"
#: what a FUSE client reads requests from
_DEVICE = "/dev/fuse"
_LOST, _USED = "lost-", "path-"


def has_client(path: str) -> bool:
    """Whether a process of this node serves the mount at *path*; no filesystem receives a request.

    It has /dev/fuse open, and the mount point in its command line, by whatever name for the directory above.
    """
    name = os.fsencode(os.path.basename(path))
    for pid in filter(str.isdecimal, os.listdir(_PROC)):
        with suppress(OSError):  # it ended meanwhile
            with open(f"{_PROC}/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            if any(os.path.basename(word) == name for word in words) and _serves(f"{_PROC}/{pid}/fd"):
                return True
    return False


def _serves(directory: str) -> bool:
    for each in os.listdir(directory):
        with suppress(OSError):  # it was closed meanwhile
            if os.readlink(os.path.join(directory, each)) == _DEVICE:
                return True
    return False


def undo_devices(filesystem: str, path: str, records: str) -> None:
    """Undo the loop devices of ours on the dead filesystem *filesystem* (MAJOR:MINOR), mounted at *path*.

    *records*: the directory that has the files about the mount's users.  Raises DiskError.
    """
    for disk in _uses(records):
        if not qemu_processes.has_device(os.path.join(path, disk)):
            disk_records.write(records, _LOST, disk)
        forget_use(records, disk)
    for device, file in loop.recorded_on(filesystem):
        disk = os.path.relpath(file, path)
        if not qemu_processes.has_device(device):
            # First: if this process is killed, the loss is recorded twice, and not never.
            disk_records.write(records, _LOST, disk)
        loop.clear(device)


def take_loss(records: str, disk: str) -> None:
    """Raise FlushError, once, where data that was written to *disk* may be lost: its mount was removed here."""
    try:
        os.unlink(disk_records.file_of(records, _LOST, disk))
    except FileNotFoundError:
        return
    raise FlushError(
        f"{disk}: the client of its mount (glusterfs) ended while the disk was in use by its path: data that was "
        "written to it and not flushed may be lost; if an OS script, a wipe or an import has written to it, repeat "
        "that; else repeat this command"
    )


def note_use(records: str, disk: str) -> None:
    """Note that the file of *disk* may be written to by its path from now on.  Raises DiskError."""
    disk_records.write(records, _USED, disk)


def forget_use(records: str, disk: str) -> None:
    """The file of *disk* is not used by its path any more, or all data is on the bricks."""
    _forget(records, _USED, disk)


def forget_uses(records: str) -> None:
    """No disk is used by a path, and all data is on the bricks."""
    for disk in _uses(records):
        forget_use(records, disk)


def forget(records: str, disk: str) -> None:
    """*disk* does not exist any more; that nothing was recorded is no error."""
    _forget(records, _LOST, disk)
    _forget(records, _USED, disk)


def _uses(records: str) -> List[str]:
    """The disks whose use was noted."""
    with suppress(FileNotFoundError):
        return list(disk_records.disks(records, _USED).values())
    return []


def _forget(records: str, kind: str, disk: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(disk_records.file_of(records, kind, disk))
