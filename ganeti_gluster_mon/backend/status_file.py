"""What the collector last saw of a volume, for the backend: a file that the daemon keeps; see storage_status.py.

Nothing is asked here, so it takes a fraction of a millisecond.  Without a daemon, or with one whose answers
are old, nothing is known, which is said as that.
"""

from __future__ import annotations

import json
import time
from typing import Any, Dict, List, Optional

from ganeti_gluster_mon import safe_open
from ganeti_gluster_mon.backend.local_bricks import is_here
from ganeti_gluster_mon.gluster.query import VOLUME_NAME

SEEN = "/run/ganeti-gluster-mon/web-state/storage.json"
#: seconds; the daemon's own limit is three of its intervals
_FRESH = 300.0
#: bytes; a pool of 12,000 bricks takes 1 MB
_MOST = 8 << 20


def seen(server: str, volume: str, path: str = SEEN) -> Optional[Dict[str, Any]]:
    """What *path* holds of *volume*; None if that is nothing, old, or nonsense.

    Also where *server* may be of another pool, which can have a volume of that name, too.
    """
    told = _told(path)
    if not (is_here(server) or server in told.get("hosts", ())):
        return None
    found = told["volumes"].get(volume) if told else None
    return found if isinstance(found, dict) else None


def volumes_seen(path: str = SEEN) -> List[str]:
    """The names of the volumes that *path* tells of; none if that is old, or nonsense."""
    return [name for name in _told(path).get("volumes", ()) if VOLUME_NAME.match(name)]


def _told(path: str) -> Dict[str, Any]:
    """Well-formed and young content of *path*; {} for anything else.

    The process that writes it has no privileges: its content is untrusted input.
    """
    try:
        told = json.loads(safe_open.read(path, _MOST))
        moment = told["boottime"]
        if told["format_version"] != 1 or isinstance(moment, bool) or not isinstance(moment, int):
            return {}
        age = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - moment
        if not 0 <= age <= _FRESH * 1e9:
            return {}
        well_formed = isinstance(told["volumes"], dict) and isinstance(told["hosts"], list)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}
    return told if well_formed else {}
