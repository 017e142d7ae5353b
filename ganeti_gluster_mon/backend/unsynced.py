"""The disks of a mount that may have data in Gluster's client which is not on the bricks.

Gluster's client acknowledges a write before the bricks have it (performance.write-behind), and drops what it has not
written when the volume is unmounted.  The end of a loop device does not wait for it.  So the files that may be written
to are recorded beforehand, and synced before an unmount, whatever has become of the process that wrote.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from contextlib import suppress
from typing import List

from ganeti_gluster_mon.backend import disk_records, loop
from ganeti_gluster_mon.backend.time_limit import run_limited

_KIND = "unsynced-"
#: exit statuses of the child process that syncs
_SYNCED, _IN_USE, _FAILED = 0, 3, 4
#: the disk was removed, and there may be something else now; the client's process died, and its data with it
_NOTHING_TO_SYNC = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENOTCONN)


def mark(place: str, path: str) -> None:
    """Record in the directory *place* that the file *path* of the volume may be written to.  Raises DiskError."""
    if not is_marked(place, path):
        disk_records.write(place, _KIND, path)


def is_marked(place: str, path: str) -> bool:
    """Whether *path* may have been written to since the volume was mounted."""
    return os.path.exists(disk_records.file_of(place, _KIND, path))


def sync(place: str, mount_point: str, timeout: float) -> bool:
    """Have the data of all recorded files on the bricks, and forget the records; whether that is so.

    The caller sees to it that no process of this program uses the mount.  It takes at most *timeout* seconds.
    """
    records = disk_records.disks(place, _KIND)
    if not records:
        return True
    status, _, complaint = run_limited(lambda: _sync(mount_point, list(records.values())), timeout)
    if status == _SYNCED:
        for record in records:
            with suppress(FileNotFoundError):
                os.unlink(record)
        return True
    if status != _IN_USE:
        why = complaint.strip() or (
            f"no answer within {timeout:g} s" if status is None else f"status {status}"
        )
        logging.warning("%s stays mounted: its data is not on the bricks: %s", mount_point, why)
    return False


def _sync(mount_point: str, paths: List[str]) -> int:
    """The exit status of the child process."""
    number = os.stat(mount_point).st_dev
    filesystem = f"{os.major(number)}:{os.minor(number)}"
    for path in paths:
        file = os.path.join(mount_point, path)
        if loop.on(loop.Backing(file, filesystem)):
            return _IN_USE
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as err:
            if err.errno not in _NOTHING_TO_SYNC:
                print(f"{file}: {err.strerror}", file=sys.stderr)
                return _FAILED
    return _SYNCED
