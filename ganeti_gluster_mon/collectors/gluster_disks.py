"""`gluster-disks`: Ganeti's instance disks on the volumes."""

from __future__ import annotations

from typing import Any, Dict

from ganeti_gluster_mon.collectors import PERFORMANCE, register
from ganeti_gluster_mon.gluster.model import Disk, Pool
from ganeti_gluster_mon.health import DiskHealth, Health, evaluate_disk


@register
class GlusterDisks:
    """The disks of all instances, to be joined with mond's reports by instance, with the bricks by host and path."""

    name = "gluster-disks"
    category = "storage"
    kind = PERFORMANCE
    format_version = 1
    summary = (
        "every instance's disk: its volume and file, its size, which bricks hold it, whether it is at risk"
    )

    def collect(self, pool: Pool, health: Health, now: int) -> Dict[str, Any]:
        """``disks``; null when they are not known; ``message`` is the reason then."""
        if pool.disks is None:
            return {"disks": None, "message": pool.disks_unknown or "the disks were not queried"}
        volumes = {volume.name: volume for volume in pool.volumes or ()}
        return {"disks": [_disk_data(disk, evaluate_disk(disk, pool, volumes)) for disk in pool.disks]}


def _disk_data(disk: Disk, judged: DiskHealth) -> Dict[str, Any]:
    """A disk as the report shows it; sizes in bytes, null where not known."""
    return {
        "instance": disk.instance,
        "name": disk.name,
        "node": disk.node,
        "template": disk.template,
        "volume": disk.volume,
        "path": disk.path,
        "size": disk.size,
        "allocated": disk.allocated,
        "bricks": None
        if disk.bricks is None
        else [
            {"host": brick.host, "path": brick.path, "arbiter": brick.arbiter, "online": brick.online}
            for brick in disk.bricks
        ],
        "heal_pending": disk.to_heal,
        "status": judged.status,
        "at_risk": judged.at_risk,
        "message": judged.message,
    }
