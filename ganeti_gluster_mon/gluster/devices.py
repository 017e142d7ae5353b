"""The kernel's name of a block device, which joins a brick to mond's and node_exporter's disk figures."""

from __future__ import annotations

import os
import stat
from typing import Dict, Iterable, Optional


def kernel_name(device: str) -> Optional[str]:
    """ "/dev/mapper/vg-b1" → "dm-3", as in /proc/diskstats; None when it is no block device of this node.

    *device* is what Gluster reports as the device of a brick's filesystem.  It names the brick's
    own node, so call this for bricks of this node only.  What is not under /dev/, or leads out of
    it, is not looked at.
    """
    if not device.startswith("/dev/"):
        return None
    try:
        path = os.path.realpath(device)
        if not path.startswith("/dev/"):
            return None
        status = os.stat(path)
        if not stat.S_ISBLK(status.st_mode):
            return None
        number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
        link = os.readlink(f"/sys/dev/block/{number}")
    except (OSError, ValueError):  # ValueError: a NUL, or what cannot be encoded, in a name
        return None
    # A "/" of the kernel's name ("cciss/c0d0") is a "!" in sysfs.
    return os.path.basename(link).replace("!", "/")


def kernel_names(named: Iterable[str]) -> Dict[str, str]:
    """By device: its kernel's name, where it has one."""
    names = {device: kernel_name(device) for device in named}
    return {device: name for device, name in names.items() if name is not None}
