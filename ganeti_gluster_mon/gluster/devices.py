"""The kernel's own names of block devices, which mond's diskstats uses too."""

from __future__ import annotations

import os
import stat
from typing import Optional


def kernel_name(device: str) -> Optional[str]:
    """"dm-3" for "/dev/mapper/vg-brick1", "loop1" for "/dev/loop1"; None for what is no block device.

    *device* comes from outside; nothing outside /dev is looked at.
    """
    if "\0" in device:
        return None
    path = os.path.realpath(device)
    if not device.startswith("/dev/") or not path.startswith("/dev/"):
        return None
    try:
        status = os.stat(path)
        if not stat.S_ISBLK(status.st_mode):
            return None
        number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
        return os.path.basename(os.readlink(f"/sys/dev/block/{number}"))
    except OSError:
        return None
