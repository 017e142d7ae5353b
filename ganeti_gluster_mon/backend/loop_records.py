"""What backs each loop device, as this program recorded it when it made the device.

The kernel gives the filesystem and the inode number of a device's file only after a request to that filesystem, which
may hang.  A record needs none.  It holds the kernel's sequence number of the device, ``/sys/block/loopN/diskseq``
(since Linux 5.15).  That number changes with each new backing file, so a record of an earlier file is never taken for
the present one.

A record is the file ``loopN`` in DIRECTORY, one line: sequence number, MAJOR:MINOR of the filesystem, inode number.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import Optional, Tuple

#: the records, and the locks of loop.py
DIRECTORY = "/run/ganeti-gluster-mon/loop-devices"
_SYSFS = "/sys/block"
_RECORD = re.compile(r"([0-9]+) ([0-9]+:[0-9]+) ([0-9]+)\n")


def backing_file(name: str) -> str:
    """The path that the kernel shows for the file of the device *name* (``loop7``); "" if it has none."""
    with suppress(OSError), open(f"{_SYSFS}/{name}/loop/backing_file", "rb") as file:
        return os.fsdecode(file.read().rstrip(b"\n"))
    return ""


def write(name: str, filesystem: str, inode: int) -> None:
    """Record what backs the device *name*, which is open.  Raises OSError.

    Before Linux 5.15 nothing is recorded.
    """
    sequence = _sequence(name)
    if sequence is not None:
        temporary = os.path.join(DIRECTORY, f"new-{name}")
        with open(temporary, "w", encoding="ascii") as file:
            file.write(f"{sequence} {filesystem} {inode}\n")
        os.rename(temporary, os.path.join(DIRECTORY, name))


def read(name: str) -> Optional[Tuple[str, int]]:
    """The filesystem and the inode number of the file of the device *name*; None if they are not recorded."""
    with suppress(OSError), open(os.path.join(DIRECTORY, name), encoding="ascii", errors="replace") as file:
        found = _RECORD.fullmatch(file.read(128))
        if found and found[1] == _sequence(name):
            return found[2], int(found[3])
    return None


def remove_stale() -> None:
    """Remove the records of devices that have no backing file any more.

    If a device of such a number is made at the same moment, it may be left without a record.  It is queried then.
    """
    with suppress(FileNotFoundError):  # no device has been made since the host was booted
        for name in os.listdir(DIRECTORY):
            if name.startswith("loop") and not backing_file(name):
                with suppress(FileNotFoundError):
                    os.unlink(os.path.join(DIRECTORY, name))


def _sequence(name: str) -> Optional[str]:
    """The kernel's sequence number of the device *name*."""
    with suppress(OSError), open(f"{_SYSFS}/{name}/diskseq", encoding="ascii") as file:
        return file.read().strip()
    return None
