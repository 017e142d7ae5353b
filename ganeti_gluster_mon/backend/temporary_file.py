"""Temporary files of disks that are being created, and their removal where a create was killed.

A disk is created as the file ``.NAME.new-16HEXDIGITS``, gets its size, and is then given its own name.  Gluster has
neither O_TMPFILE nor rename with RENAME_NOREPLACE on FUSE (10.3: "Operation not supported", "Invalid argument"), so
the name is given by link(2), which never replaces another disk, and the temporary name is removed after that.  A
process that is killed in between leaves the temporary name, without or with the disk's own name.

The process that creates a disk holds a lock (flock(2), which Gluster enforces on all nodes) on the temporary file.
The kernel releases it when the process ends, and Gluster when the node does.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import stat
import time
from contextlib import suppress
from typing import Optional, Tuple

#: longest name of a file, in bytes
NAME_MAX = 255
#: seconds without a change after which the temporary file of another disk is removed: a second safeguard next to the
#: lock, which Gluster drops where the connection to the bricks is interrupted
ABANDONED_AFTER = 900.0
_INFIX = ".new-"
_PATTERN = re.compile(r"\..+\.new-[0-9a-f]{16}\Z", re.DOTALL)
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
#: O_NONBLOCK: something else than a file may have that name
_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def is_temporary(name: str) -> bool:
    """Whether *name*, without a directory, is that of a temporary file."""
    return _PATTERN.match(name) is not None


def _prefix(base: str) -> str:
    # .NAME.ANYTHING is on the same brick as NAME (cluster.rsync-hash-regex), so that it needs no pointer there.
    return f".{os.fsdecode(os.fsencode(base)[: NAME_MAX - 32])}{_INFIX}"


def create(folder: int, base: str) -> Tuple[str, int]:
    """The name and a descriptor of a new temporary file, locked, for the disk *base* in *folder*.  Raises OSError."""
    while True:
        name = f"{_prefix(base)}{secrets.token_hex(8)}"
        descriptor = os.open(name, _CREATE, 0o600, dir_fd=folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                return name, descriptor
        except BaseException:
            os.close(descriptor)
            raise
        # Another process took it for an abandoned one before it was locked.
        os.close(descriptor)


def remove_abandoned(folder: int, base: str, disk: Optional[os.stat_result] = None) -> None:
    """Remove the temporary files in *folder* whose create was killed.  Raises OSError.

    Those of the disk *base* at once, those of other disks after `ABANDONED_AFTER`.  *disk*: the status of the disk's
    file; a temporary name of the same file is removed in any case.
    """
    own = _prefix(base)
    for name in filter(is_temporary, os.listdir(folder)):
        with suppress(FileNotFoundError):  # its create has ended, or another process removed it
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if disk is not None and os.path.samestat(status, disk):
                os.unlink(name, dir_fd=folder)
            elif name.startswith(own):
                _remove_if_unlocked(folder, name)
            elif stat.S_ISREG(status.st_mode) and time.time() - status.st_mtime > ABANDONED_AFTER:
                try:
                    _remove_if_unlocked(folder, name)
                except OSError as err:  # no reason to refuse what is done to this disk
                    logging.warning("cannot remove the abandoned temporary file %s: %s", name, err.strerror)


def _remove_if_unlocked(folder: int, name: str) -> None:
    """Remove the file *name* unless the process that created it holds its lock.  Raises OSError."""
    descriptor = os.open(name, _OPEN, dir_fd=folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(name, dir_fd=folder)
    except BlockingIOError:
        pass  # that create is running; one of the two will find the name taken
    finally:
        os.close(descriptor)
