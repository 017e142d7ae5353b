"""What Ganeti wants a disk for, which it does not say: told by the function of its that asks.

By its path only some need a disk of a guest with userspace access, and mounting a volume costs more than all the rest.
The functions are those of ganeti.backend; a test holds that they are there.  Whoever is not known here and opens a
disk gets a path.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import FrozenSet, Optional

#: they open a disk for QEMU, which has its URI
GUESTS = frozenset({"_GatherAndLinkBlockDevs"})
#: they write to a disk's path without opening it
WRITERS = frozenset({"BlockdevWipe", "BlockdevImage"})
#: functions between one of those and whoever asks here, at most
_DEPTH = 12


def asked_by(names: FrozenSet[str]) -> bool:
    """Whether a function of ganeti.backend with one of *names* is what waits for the answer."""
    frame: Optional[FrameType] = sys._getframe(1)
    for _ in range(_DEPTH):
        if frame is None:
            return False
        if frame.f_code.co_name in names and frame.f_globals.get("__name__") == "ganeti.backend":
            return True
        frame = frame.f_back
    return False
