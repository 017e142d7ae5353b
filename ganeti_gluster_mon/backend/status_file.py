"""The status of a volume for the backend, from a file that the daemon writes; see storage_status.py.

Gluster is not queried, so it takes a fraction of a millisecond.  Without a daemon, and with a stale file, the status is
not known.
"""

from __future__ import annotations

import json
import time
from typing import Any, Dict, List, Optional

from ganeti_gluster_mon import safe_open
from ganeti_gluster_mon.gluster.placement import is_here
from ganeti_gluster_mon.gluster.query import VOLUME_NAME

STATUS_FILE = "/run/ganeti-gluster-mon/web-state/storage.json"
#: seconds; the daemon's own limit is three of its intervals
_FRESH = 300.0
#: bytes; a pool of 12,000 bricks takes 1 MB
_MOST = 8 << 20


def volume_status(server: str, volume: str, path: str = STATUS_FILE) -> Optional[Dict[str, Any]]:
    """The status of *volume* in the file *path*; None if there is none, and if it is stale or malformed.

    Also None if *server* may be in another pool, which can have a volume of the same name.
    """
    parsed = _read_status(path)
    if not (is_here(server) or server in parsed.get("hosts", ())):
        return None
    found = parsed["volumes"].get(volume) if parsed else None
    return found if isinstance(found, dict) else None


def known_volumes(path: str = STATUS_FILE) -> List[str]:
    """The names of the volumes in the file *path*; none if it is stale or malformed."""
    return [name for name in _read_status(path).get("volumes", ()) if VOLUME_NAME.match(name)]


def _read_status(path: str) -> Dict[str, Any]:
    """The content of *path* if it is well-formed and fresh; else {}.

    The process that writes it has no privileges: its content is untrusted input.
    """
    try:
        parsed = json.loads(safe_open.read(path, _MOST))
        moment = parsed["boottime"]
        if parsed["format_version"] != 1 or isinstance(moment, bool) or not isinstance(moment, int):
            return {}
        age = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - moment
        if not 0 <= age <= _FRESH * 1e9:
            return {}
        well_formed = isinstance(parsed["volumes"], dict) and isinstance(parsed["hosts"], list)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}
    return parsed if well_formed else {}
