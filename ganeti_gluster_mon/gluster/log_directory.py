"""The size of Gluster's directory of logs."""

from __future__ import annotations

import os
from typing import List, Optional

LOG_DIRECTORY = "/var/log/glusterfs"
#: files and directories that are looked at
_MOST = 20_000


def directory_size(directory: str = LOG_DIRECTORY, most: int = _MOST) -> Optional[int]:
    """Bytes that the files below *directory* take on the disk, as du(1) counts them; each file once.

    Symlinks are not followed, nor is another filesystem entered.  None where a part cannot be read, or where there are
    more than *most* files.
    """
    size, counted = 0, 0
    files = set()
    waiting: List[str] = [directory]
    try:
        device = os.stat(directory).st_dev
        while waiting:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    counted += 1
                    if counted > most:
                        return None
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:  # rotated meanwhile
                        continue
                    key = (status.st_dev, status.st_ino)
                    if key not in files and status.st_dev == device:
                        files.add(key)
                        size += 512 * status.st_blocks
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
    except OSError:
        return None
    return size
