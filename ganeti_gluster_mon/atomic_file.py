"""Writes a file so that readers see the old content or the new content, never a part of it.

The content goes to a temporary file in the same directory, which then replaces the file by one rename.  A symlink in
place of the file is replaced, not followed.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Optional


def write(
    path: str,
    content: bytes,
    *,
    durable: bool = False,
    mode: int = 0o644,
    user: int = -1,
    group: int = -1,
    directory: Optional[int] = None,
) -> None:
    """Replace the file at *path*.  Raises OSError; then the file is as it was.

    *durable*: the new content survives a power failure.  *mode*, *user* and *group* of the new file do not depend on
    the umask; -1: this process's.  *directory*: the descriptor of the directory that *path* is relative to.
    """
    folder, name = os.path.split(path)
    # A name that begins with a dot: node_exporter's textfile collector, for example, ignores it.
    temporary = os.path.join(folder, f".{name}.{os.getpid()}")
    # A killed process with this id may have left one.
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=directory)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    # No other process can open the file before it has its owner and mode.
    descriptor = os.open(temporary, flags, 0o600, dir_fd=directory)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if user != -1 or group != -1:
                os.fchown(descriptor, user, group)
            os.fchmod(descriptor, mode)
            if durable:
                os.fsync(descriptor)
        os.replace(temporary, path, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        raise
