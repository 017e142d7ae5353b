"""`gluster-capacity`: the space of each volume and nothing else."""

from __future__ import annotations

from typing import Any, Dict, Optional

from ganeti_gluster_mon.collectors import PERFORMANCE, register
from ganeti_gluster_mon.gluster.model import Capacity, Inodes, Pool
from ganeti_gluster_mon.health import Health


@register
class GlusterCapacity:
    """Sizes and inodes only: short, for a program that places instances and reads it often."""

    name = "gluster-capacity"
    category = "storage"
    kind = PERFORMANCE
    format_version = 1
    summary = "the space of each volume: bytes and inodes"

    def collect(self, pool: Pool, health: Health, now: int) -> Dict[str, Any]:
        """``volumes``; null when it is not known which there are."""
        if pool.volumes is None:
            return {"volumes": None}
        return {
            "volumes": [
                {
                    "name": volume.name,
                    "capacity": capacity_data(volume.capacity),
                    "inodes": inodes_data(volume.inodes),
                }
                for volume in pool.volumes
            ]
        }


def capacity_data(capacity: Optional[Capacity]) -> Optional[Dict[str, Any]]:
    """A volume's space in bytes as reports show it; None where not known."""
    if capacity is None:
        return None
    return {
        "size": capacity.size,
        "used": capacity.used,
        "available": capacity.available,
        "source": capacity.source,
    }


def inodes_data(inodes: Optional[Inodes]) -> Optional[Dict[str, Any]]:
    """A volume's inodes as reports show them; None where not known."""
    if inodes is None:
        return None
    return {"total": inodes.total, "used": inodes.used, "free": inodes.free}
