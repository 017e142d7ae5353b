"""Whether all copies of a disk are there and the same.

A file is on all bricks of one subvolume.  Which one, is plain where there is only one, or where this node has a brick
with the file; a sharded file is on all of them.  Else the worst one counts.  A brick without copies that is away takes
what it holds with it, which is no better than a missing copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional

from ganeti_gluster_mon.backend.local_bricks import holds
from ganeti_gluster_mon.backend.status_file import STATUS_FILE, volume_status
from ganeti_gluster_mon.backend.volume import GlusterVolume


@dataclass(frozen=True)
class Redundancy:
    """The redundancy of a disk.  What is not known counts as fine: a disk without a report is not degraded."""

    #: a copy is missing, or not yet the same as the others
    degraded: bool = False
    #: percent of what was to be healed; None while nothing is being healed
    percent: Optional[float] = None


def redundancy(volume: GlusterVolume, path: str, source: str = STATUS_FILE) -> Redundancy:
    """The redundancy of the disk *path* of *volume*, by the collector's last report."""
    known = volume_status(volume.server_addr, volume.volume, source)
    if known is None:
        return Redundancy()
    try:
        return _judged(known, path)
    except (KeyError, TypeError, AttributeError, ValueError):
        return Redundancy()


def _judged(known: Dict[str, Any], path: str) -> Redundancy:
    subvolumes = known["subvolumes"]
    if len(subvolumes) > 1 and not known["sharded"]:
        subvolumes = [each for each in subvolumes if _has(each["bricks"], path)] or subvolumes
    missing = any(each["missing"] is True for each in subvolumes)
    pending = any(each["healing"] is True for each in subvolumes)
    healed = known["healed"]
    # While a brick is missing, nothing is healed, whatever is pending.
    parsed = type(healed) in (int, float) and 0 <= healed <= 100
    percent = float(healed) if pending and not missing and parsed else None
    return Redundancy(degraded=missing or pending, percent=percent)


def _has(bricks: List[Dict[str, Any]], path: str) -> bool:
    """Whether a brick of this node holds the file itself."""
    return any(brick["local"] is True and holds(brick["path"], path) for brick in bricks)
