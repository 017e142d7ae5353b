"""`gluster-bricks`: every brick of every volume."""

from __future__ import annotations

from typing import Any, Dict

from ganeti_gluster_mon.collectors import PERFORMANCE, register
from ganeti_gluster_mon.gluster.lvm import BrickLvm
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
        return {"bricks": [brick_data(brick, now) for volume in pool.volumes for brick in volume.bricks]}


def brick_data(brick: Brick, now: int) -> Dict[str, Any]:
    """A brick as reports show it at *now*, ns since the epoch; sizes in bytes, null where not known."""
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
        "lvm": None if brick.lvm is None else _lvm_data(brick.lvm, now),
        "client_count": brick.client_count,
        "heal_pending": brick.heal_pending,
        "split_brain": brick.split_brain,
    }


def _lvm_data(lvm: BrickLvm, now: int) -> Dict[str, Any]:
    return {
        "vg": lvm.volume.vg,
        "lv": lvm.volume.name,
        "size": lvm.volume.size,
        "vg_size": lvm.volume.vg_size,
        "vg_free": lvm.volume.vg_free,
        "pools": [
            {
                "name": pool.name,
                "type": pool.type,
                "size": pool.size,
                "data_percent": pool.data_percent,
                "metadata_percent": pool.metadata_percent,
                "fault": pool.fault,
            }
            for pool in lvm.pools
        ],
        "age": round(max(0, now - lvm.taken_at) / 1e9, 3),
    }
