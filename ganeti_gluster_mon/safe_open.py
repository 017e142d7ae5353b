"""Opens files in directories that other users may write to: lock files, and plain files of bounded size.

A FIFO does not make the reader wait, a symlink is not followed, and a device is not opened for good.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Collection, List, Optional


def opener(path: str, flags: int) -> int:
    """For `open`: a symlink is refused (ELOOP), and a FIFO or a device does not make the reader wait."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)


def lock_file(path: str) -> int:
    """A descriptor of the file at *path*, for a lock; the file is created if it is missing.  Raises OSError.

    Its mode is 0600: another user who could open it could hold the lock.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def read(path: str, most: int, owners: Optional[Collection[int]] = None) -> bytes:
    """The content of the file at *path*.

    *most*: bytes that it may have.  *owners*: the user ids that it may belong to, None: any.
    Raises OSError, also for what is no plain file (EINVAL), belongs to another user (EPERM), or is larger (EFBIG).
    """
    descriptor = opener(path, os.O_RDONLY)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a plain file", path)
        if owners is not None and status.st_uid not in owners:
            raise OSError(errno.EPERM, f"it belongs to user {status.st_uid}", path)
        parts: List[bytes] = []
        size = 0
        while size <= most:
            part = os.read(descriptor, min(most + 1 - size, 1 << 20))
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
        raise OSError(errno.EFBIG, f"it is larger than {most} bytes", path)
    finally:
        os.close(descriptor)
