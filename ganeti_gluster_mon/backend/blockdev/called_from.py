"""Why Ganeti opens a disk, by the function of ganeti.backend that calls: Ganeti passes no reason.

Only some callers need the path of a disk with userspace access, and to mount the volume costs more than all the rest.
A test checks that the functions exist.  Any other caller gets a path.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import FrozenSet, Optional

#: they open a disk for QEMU, which has its URI
GUESTS = frozenset({"_GatherAndLinkBlockDevs"})
#: they write to a disk's path without opening it
WRITERS = frozenset({"BlockdevWipe", "BlockdevImage"})
#: the most calls between such a function and `called_from`
_DEPTH = 12


def called_from(names: FrozenSet[str]) -> bool:
    """Whether a function of ganeti.backend with one of *names* is among the callers."""
    frame: Optional[FrameType] = sys._getframe(1)
    for _ in range(_DEPTH):
        if frame is None:
            return False
        if frame.f_code.co_name in names and frame.f_globals.get("__name__") == "ganeti.backend":
            return True
        frame = frame.f_back
    return False
