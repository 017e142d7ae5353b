"""What the collector last saw of a volume, for the backend: a file that the daemon keeps; see serve/digest.py.

Nothing is asked here, so it takes a fraction of a millisecond.  Without a daemon, or with one whose answers
are old, nothing is known, which is said as that.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any, Dict, Optional

SEEN = "/run/ganeti-gluster-mon/seen/storage.json"
#: seconds; the daemon's own limit is three of its intervals
_FRESH = 300.0
#: bytes; a pool of 12,000 bricks takes 1 MB
_MOST = 8 << 20


def seen(volume: str, path: str = SEEN) -> Optional[Dict[str, Any]]:
    """What *path* holds of *volume*; None if that is nothing, old, or nonsense.

    The daemon's half that writes it has no privileges: what is in it is believed to be true, not to be well-formed.
    """
    try:
        with open(path, "rb", opener=_plainly) as file:
            told = json.loads(file.read(_MOST))
        if told["format_version"] != 1:
            return None
        age = (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - int(told["boottime"])) / 1e9
        found = told["volumes"].get(volume)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return found if isinstance(found, dict) and 0 <= age <= _FRESH else None


def _plainly(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
