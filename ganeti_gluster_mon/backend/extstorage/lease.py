"""A disk as a block device for a while: a loop device on its file, over the mount of its volume.

Ganeti attaches a disk whenever it looks at it, and does not always report when it has finished.  So a disk is lent to
the process that attaches it: a process of ours, the holder, has the loop device open and the mount in use until that
process ends.  The kernel undoes the device when the last process closes it, so whichever process is killed, no device
is left that no process has open.  A disk that Ganeti opens stays a device until it is detached, or until a guest has
it (guest_watch.py); no process of ours has it open then, so a program that closes it writes out what it wrote.
"""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from typing import List, Optional

from ganeti_gluster_mon.backend import flush, loop
from ganeti_gluster_mon.backend.disk_error import DiskError
from ganeti_gluster_mon.backend.file_device import FileDeviceHelper
from ganeti_gluster_mon.backend.volume import GlusterVolume, UnmountResult
from ganeti_gluster_mon.gluster.model import Mount

#: what ps shows for a holder; the kernel takes 15 characters
HOLDER = "gluster-holder"
#: seconds that a disk is lent to a caller whose end cannot be observed: one outside of this container
UNOBSERVED = 60.0
#: seconds for a mount that is not in use to be recognised as such, and for a process to end after SIGTERM
SETTLED = 5.0
#: seconds that udev, or another caller that attaches the disk, may have a device open when it is to be removed
_PROBED = 2.0
#: seconds between two tries: the first pause and the longest
_PAUSE, _PAUSES = 0.02, 0.5


def lend(volume: GlusterVolume, path: str, caller: Optional[int], flushed: bool) -> str:
    """The path of a block device that is the disk *path* of *volume*, there until the process *caller* ends.

    *caller* is a pidfd; None: the process cannot be observed.  A device that exists is used; one that lasts goes on
    lasting.  With *flushed*, all data that was written by the disk's path is on the bricks.  Raises DiskError.
    """
    is_holder = False
    try:
        with volume.mounted() as root:
            with FileDeviceHelper(root, path).opened(os.O_RDWR) as file:
                volume.mark_unsynced(path, root.path)
                descriptor = _open_device(file, os.path.join(root, path))
            try:
                device = os.readlink(f"/proc/self/fd/{descriptor}")
                if flushed:
                    flush.flush(descriptor, device)
                if not loop.is_lasting(descriptor):
                    is_holder = os.fork() == 0
                if is_holder:
                    become(HOLDER)
                    wait_for_end(caller)
                    with suppress(DiskError):  # who attaches the disk next flushes it again, and reports that
                        flush.flush(descriptor, device)
            finally:
                os.close(descriptor)
        if is_holder:
            unmount_if_idle(volume)
    finally:
        if is_holder:
            os._exit(0)
    return device


def make_lasting(volume: GlusterVolume, path: str, without_writers: bool) -> None:
    """Have the disk *path* be a block device until `undo`, with all data that was written to it on the bricks.

    With *without_writers* nothing may be able to write to it that could do so before.  Raises DiskError.
    """
    with volume.mounted() as root:
        with FileDeviceHelper(root, path).opened(os.O_RDWR) as file:
            volume.mark_unsynced(path, root.path)
            descriptor = _open_device(file, os.path.join(root, path))
        try:
            device = os.readlink(f"/proc/self/fd/{descriptor}")
            if without_writers:
                flush.refuse_writers(device)
            flush.flush(descriptor, device)
            volume.hold(path)
            loop.make_lasting(descriptor)
        finally:
            os.close(descriptor)


def _open_device(file: int, path: str) -> int:
    """A descriptor, for reading, of the loop device on the open *file*, which is at *path*.  Raises DiskError."""
    device, descriptor = loop.lend(file, path)
    try:
        return os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as err:
        raise DiskError(f"{device}: cannot open it: {err.strerror}") from err
    finally:
        os.close(descriptor)


def devices(volume: GlusterVolume, path: str) -> List[str]:
    """The loop devices of the disk *path*, from whatever server its volume is mounted.  Gluster receives no request."""
    return [device for mount in volume.mounts() for device in loop.on(_backing(mount, path))]


def _backing(mount: Mount, path: str) -> loop.Backing:
    """The disk's file on *mount*, without its inode number: that needs a request to Gluster."""
    assert mount.device_number is not None  # which every mount has that the kernel lists
    return loop.Backing(os.path.join(mount.path, path), mount.device_number)


def undo(volume: GlusterVolume, path: str, flushed: bool = True) -> None:
    """Remove the devices of the disk *path*; with *flushed*, what was written to them is on the bricks then.

    Raises DiskError where a device is in use: it disappears when that use ends.
    """
    volume.remove_dead()
    until = time.monotonic() + _PROBED
    existed = False
    while True:
        if flushed:
            for device in devices(volume, path):
                flush.flush_device(device)
        found = []
        own = volume.mount_point
        for mount in volume.mounts():
            backing = _backing(mount, path)
            # The lock of another mount is not waited for without need: its volume may hang.
            if mount.path == own or loop.on(backing):
                with loop.locked(backing.filesystem, backing.path):
                    for device in loop.on(backing):
                        found.append(device)
                        _end_holders(device)
                        loop.clear(device)
        if not found:
            break
        existed = True
        if time.monotonic() > until:
            who = ", ".join(f"{name} ({pid})" for device in found for pid, name in loop.users(device))
            raise DiskError(
                f"{path}: {', '.join(found)} is in use by {who or 'a mount or another device'}; "
                "it disappears when that ends"
            )
        time.sleep(_PAUSE)
    if existed and flushed:
        # A process may have written and closed the device since it was flushed.
        with volume.mounted() as root, FileDeviceHelper(root, path).opened(os.O_RDONLY) as file:
            flush.flush_file(file, path)


def _end_holders(device: str) -> None:
    """End the holders of *device*."""
    for pid, name in loop.users(device):
        if name == HOLDER:
            end_process(pid)


def end_process(pid: int) -> None:
    """Have the process *pid* end, and wait for that for at most 5 s; one that has ended is no error."""
    with suppress(ProcessLookupError):
        process = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(process, signal.SIGTERM)
            select.select([process], [], [], SETTLED)
        finally:
            os.close(process)


def become(name: str) -> None:
    """Be a background process that ps shows as *name*: in a session of its own, with no descriptor of the caller's."""
    os.setsid()
    with open("/proc/self/comm", "w", encoding="ascii") as file:
        file.write(name)
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def wait_for_end(process: Optional[int]) -> None:
    """Wait until *process*, a pidfd, ends; None: for 60 s, as the process cannot be observed."""
    select.select([] if process is None else [process], [], [], UNOBSERVED if process is None else None)


def unmount_if_idle(volume: GlusterVolume, timeout: float = SETTLED) -> None:
    """Unmount *volume* if no process needs it, and remove idle loop devices.

    The kernel lets go of a device's file a moment after the device, so a mount that is busy is tried again, for at
    most *timeout* seconds.  A mount that another program made, at Ganeti's own directory, stays.
    """
    until, pause = time.monotonic() + timeout, _PAUSE
    while volume.unmount_if_unused() is UnmountResult.BUSY and time.monotonic() < until:
        time.sleep(pause)
        pause = min(2 * pause, _PAUSES)
    loop.sweep()
