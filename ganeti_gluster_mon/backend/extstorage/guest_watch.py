"""Removes the block device of a disk when a guest has the disk by its URI: a process for each disk that is opened.

Ganeti opens a disk for an OS script, a copy or QEMU, and does not report which.  After the process that opened it has
ended, either a guest has the disk, and the device is removed; or none has, and the device stays for a copy of Ganeti's
or an administrator.  A disk that is added to a running guest is opened by one process and given to QEMU by a later
one, so Ganeti's files about guests are watched for a while.  A start of the guest opens the disk again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from contextlib import suppress
from typing import Optional

from ganeti_gluster_mon import safe_open
from ganeti_gluster_mon.backend import flush, qemu_processes
from ganeti_gluster_mon.backend.disk_error import DiskError
from ganeti_gluster_mon.backend.extstorage import lease
from ganeti_gluster_mon.backend.volume import GlusterVolume

#: what ps shows for it; the kernel takes 15 characters
WATCHER = "gluster-watcher"
#: where each has a file with its process number, which it keeps locked
DIRECTORY = "/run/ganeti-gluster-mon/watchers"
#: seconds in which a disk is given to a running guest after it was opened: Ganeti's timeout for a call to a node
#: (RPC_TMO_NORMAL)
HOTPLUG_TIMEOUT = 900.0


def start(volume: GlusterVolume, path: str, uri: str, caller: Optional[int]) -> None:
    """Have the devices of the disk *path* removed when the process *caller* has ended and a guest has *uri* open.

    *caller* is a pidfd; None: the process cannot be observed.  It replaces the disk's watcher, if there is one.
    """
    stop(uri)
    if os.fork() == 0:
        try:
            lease.become(WATCHER)
            lock = _lock(uri)
            if lock is not None:
                lease.wait_for_end(caller)
                _watch(volume, path, uri)
                os.unlink(_file(uri))
        finally:
            os._exit(0)


def stop(uri: str) -> None:
    """End the watcher of the disk *uri*, if there is one."""
    with suppress(FileNotFoundError):
        descriptor = os.open(_file(uri), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # It keeps its file locked as long as it lives, so the number is its own.
            pid = os.read(descriptor, 20)
            if pid:
                lease.end_process(int(pid))
        finally:
            os.close(descriptor)
        os.unlink(_file(uri))


def _watch(volume: GlusterVolume, path: str, uri: str) -> None:
    from ganeti_gluster_mon.gluster.watch import Watch

    with Watch([f"{qemu_processes.GANETI}/conf", f"{qemu_processes.GANETI}/pid"], recursive=False) as changes:
        until = time.monotonic() + HOTPLUG_TIMEOUT
        with suppress(DiskError):  # who opens the disk next flushes it again, and reports that
            for device in lease.devices(volume, path):
                flush.flush_device(device)
        while lease.devices(volume, path):
            if qemu_processes.has_open(uri):
                remove_device(volume, path)
                return
            if changes.wait(until - time.monotonic()) is None:
                return


def remove_device(volume: GlusterVolume, path: str) -> None:
    """Remove the devices of the disk *path*, and unmount *volume* if no other disk needs it.  Raises DiskError."""
    lease.undo(volume, path)
    volume.release(path)
    lease.unmount_if_idle(volume)


def _lock(uri: str) -> Optional[int]:
    """The locked file of this process, the watcher of *uri*; None if another process has become that meanwhile."""
    os.makedirs(DIRECTORY, mode=0o700, exist_ok=True)
    descriptor = safe_open.lock_file(_file(uri))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor


def _file(uri: str) -> str:
    return os.path.join(DIRECTORY, hashlib.sha256(uri.encode()).hexdigest())
