"""`gluster-bricks`: every brick of every volume."""

from __future__ import annotations

from typing import Any, Dict

from ganeti_gluster_mon.collectors import PERFORMANCE, register
from ganeti_gluster_mon.gluster.model import Brick, Pool
from ganeti_gluster_mon.health import Health


@register
class GlusterBricks:
    """The bricks of all volumes in one list, to be joined with mond's diskstats by ``name``."""

    name = "gluster-bricks"
    category = "storage"
    kind = PERFORMANCE
    format_version = 1
    summary = "every brick: where it is, whether it is online, its space and device, what it has to heal"

    def collect(self, pool: Pool, health: Health, now: int) -> Dict[str, Any]:
        """``bricks``; null when it is not known which volumes there are."""
        if pool.volumes is None:
            return {"bricks": None}
        return {"bricks": [brick_data(brick) for volume in pool.volumes for brick in volume.bricks]}


def brick_data(brick: Brick) -> Dict[str, Any]:
    """A brick as reports show it; sizes in bytes, null where not known."""
    return {
        "volume": brick.volume,
        "host": brick.host,
        "path": brick.path,
        "uuid": brick.uuid,
        "arbiter": brick.arbiter,
        "online": brick.online,
        "hangs": brick.hangs,
        "unreachable": brick.unreachable,
        "pid": brick.pid,
        "port": brick.port,
        "size": brick.size,
        "free": brick.free,
        "inodes_total": brick.inodes_total,
        "inodes_free": brick.inodes_free,
        "device": brick.device,
        "filesystem": brick.filesystem,
        "name": brick.name,
        "mount": brick.mount,
        "filesystem_errors": brick.filesystem_errors,
        "client_count": brick.client_count,
        "heal_pending": brick.heal_pending,
        "split_brain": brick.split_brain,
    }
