"""Puts what was written to a loop device onto the bricks, and finds out who could still write to it.

Data that a process writes to a block device passes three places before it is on a brick:

1. the page cache of the block device.  The last close writes it out, but only the last one, and any process that has
   the device open delays that.
2. the loop device, which writes to the file on the volume's mount past the page cache (direct I/O).
3. Gluster's client, the process behind the mount.  Its translator write-behind acknowledges a write before the bricks
   have it.  The close of a file waits for them, but the end of a loop device is no close, and an unmount drops what is
   not yet written.

fsync(2) on the block device passes all of them: it writes out the pages, and the loop device hands the flush on as an
fsync of the file, which write-behind and the bricks answer when the data is there.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import time
from contextlib import suppress
from typing import Iterator, List

from ganeti_gluster_mon.backend.disk_error import DiskError
from ganeti_gluster_mon.backend.file_device import FileDeviceHelper

_PROC = "/proc"
_SYSFS = "/sys/block"
#: linux/fs.h: write out what is cached of a block device, and drop it
_BLKFLSBUF = 0x1261
#: in /proc/PID/fdinfo/N: the flags of open(2), octal
_FLAGS = re.compile(r"^flags:\s*([0-7]+)$", re.MULTILINE)
#: Ganeti's program that copies a disk from or to another node or file, however it is started
_COPIER = b"import-export"
#: seconds for a process to close a device after the request to do so, and between two looks
_CLOSING, _PAUSE = 3.0, 0.05
#: the field of /sys/block/NAME/stat with the sectors written: Documentation/block/stat.rst
_SECTORS_WRITTEN = 6


class FlushError(DiskError):
    """Data may not be on the bricks, or may still change; str() is one line: of which disk, and why."""


def flush(descriptor: int, device: str) -> None:
    """Have all data that was written to the open *device* on the bricks, and no page of it cached on this node.

    It takes as long as the bricks need.  Raises FlushError where they did not take all data.
    """
    try:
        os.fsync(descriptor)
        fcntl.ioctl(descriptor, _BLKFLSBUF, 0)
    except OSError as err:
        raise FlushError(
            f"{device}: data that was written to it is not on the bricks: {err.strerror}; the disk may be incomplete"
        ) from err


def flush_device(device: str) -> None:
    """As `flush`; a *device* that does not exist any more has nothing to flush.  Raises FlushError."""
    try:
        descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as err:
        if err.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
            return
        raise FlushError(f"{device}: cannot open it to flush it: {err.strerror}") from err
    try:
        flush(descriptor, device)
    finally:
        os.close(descriptor)


def flush_file(descriptor: int, path: str) -> None:
    """Have all data that was written to the open file on the bricks; *path* is for the message.  Raises FlushError."""
    try:
        os.fsync(descriptor)
    except OSError as err:
        raise FlushError(
            f"{path}: data that was written to it is not on the bricks: {err.strerror}; the disk may be incomplete"
        ) from err


def flush_file_for_guest(file: FileDeviceHelper) -> None:
    """Have all data of a disk that is written to as a file on the bricks, for QEMU to open it by its URI.

    Raises FlushError where that fails, and where a process or a loop device can still write to the file.
    """
    refuse_writers(file.path)
    with file.opened(os.O_RDONLY) as descriptor:
        flush_file(descriptor, file.path)


def sectors_written(devices: List[str]) -> int:
    """How much was written to *devices* so far: it grows as long as a flush makes progress.  Nothing here can hang."""
    total = 0
    for device in devices:
        path = f"{_SYSFS}/{os.path.basename(device)}/stat"
        with suppress(OSError, ValueError, IndexError), open(path, encoding="ascii") as file:  # it is gone
            total += int(file.read().split()[_SECTORS_WRITTEN])
    return total


def refuse_writers(device: str) -> None:
    """Raise FlushError where a process, a mount or another device can still write to *device*, or a file's path.

    Ganeti's own copies of disks are no reason: it opens all disks of an instance again for the copy of each.
    """
    until = time.monotonic() + _CLOSING
    while True:
        found = writers(device)
        if not found or _copied_by_ganeti(device):
            return
        if time.monotonic() > until:
            raise FlushError(
                f"{device} is in use by {', '.join(found)}: a guest that is started now would be overwritten by it; "
                "end that use first"
            )
        time.sleep(_PAUSE)


def writers(device: str) -> List[str]:
    """The processes that have *device* open for writing, for an administrator; without this process."""
    found = [*_processes(device), *devices_named(device)]
    if not found and device.startswith("/dev/") and _is_claimed(device):
        found.append("a mounted filesystem or the device mapper (`lsblk` shows which)")
    return found


def _processes(device: str) -> Iterator[str]:
    """The processes of this host that have *device* open for writing: NAME (PID)."""
    for pid in filter(str.isdecimal, os.listdir(_PROC)):
        if int(pid) == os.getpid():
            continue
        with suppress(OSError):  # it ended meanwhile
            directory = f"{_PROC}/{pid}"
            if any(
                _leads_to(f"{directory}/fd/{each}", device) and _may_write(f"{directory}/fdinfo/{each}")
                for each in os.listdir(f"{directory}/fd")
            ):
                with open(f"{directory}/comm", encoding="utf-8", errors="replace") as file:
                    yield f"{file.read().rstrip()} ({pid})"


def _leads_to(link: str, device: str) -> bool:
    with suppress(OSError):
        # By name alone: a stat of what a process has open could hang.
        return os.readlink(link) == device
    return False


def _may_write(fdinfo: str) -> bool:
    with suppress(OSError), open(fdinfo, encoding="ascii", errors="replace") as file:
        flags = _FLAGS.search(file.read())
        return flags is not None and int(flags.group(1), 8) & os.O_ACCMODE != os.O_RDONLY
    return False


def devices_named(path: str) -> List[str]:
    """The loop devices of this machine whose file has the path *path*; in a container another file may have it, too.

    The kernel keeps the path of a loop device's file: nothing here can hang.  A loop device that was made on *path*, a
    loop device itself, is found as well: partitions are reached so.
    """
    found = []
    for entry in os.listdir(_SYSFS):
        if entry.startswith("loop"):
            with suppress(OSError), open(f"{_SYSFS}/{entry}/loop/backing_file", "rb") as file:
                if file.read().rstrip(b"\n") in (os.fsencode(path), os.fsencode(path) + b" (deleted)"):
                    found.append(f"/dev/{entry}")
    return found


def _is_claimed(device: str) -> bool:
    """Whether the kernel has *device* for itself: mounted, in whatever mount namespace, or mapped."""
    try:
        os.close(os.open(device, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
    except OSError as err:
        return err.errno == errno.EBUSY
    return False


def _copied_by_ganeti(device: str) -> bool:
    """Whether an export or import of Ganeti's runs that has *device* among its disks."""
    word = re.compile(re.escape(device.encode()) + rb"(?![0-9])")
    for pid in filter(str.isdecimal, os.listdir(_PROC)):
        with suppress(OSError):  # it ended meanwhile
            with open(f"{_PROC}/{pid}/cmdline", "rb") as file:
                command = file.read()
            if any(os.path.basename(each) == _COPIER for each in command.split(b"\0")[:2]):
                with open(f"{_PROC}/{pid}/environ", "rb") as file:
                    if word.search(command) or word.search(file.read()):
                        return True
    return False
