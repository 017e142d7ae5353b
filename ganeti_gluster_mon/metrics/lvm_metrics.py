"""Logical volumes under this node's bricks, their volume groups and pools.  Each node exports its own."""

from __future__ import annotations

from typing import Iterator, Optional

from ganeti_gluster_mon.metrics.families import AnyFamily, Families, Scrape

_GROUP = (
    ("gluster_lvm_vg_size_bytes", "Size in bytes of the volume group under a brick."),
    ("gluster_lvm_vg_free_bytes", "Bytes of the volume group under a brick that no logical volume has."),
    (
        "gluster_lvm_timestamp_seconds",
        "When lvs reported the volume group under a brick, in seconds since the epoch.",
    ),
)
_POOL = (
    ("gluster_lvm_pool_size_bytes", "Size in bytes of the thin or VDO pool under a brick."),
    ("gluster_lvm_pool_data_ratio", "Ratio, 0 to 1, of the thin or VDO pool under a brick that is used."),
    (
        "gluster_lvm_pool_metadata_ratio",
        "Ratio, 0 to 1, of the metadata of the thin pool under a brick that is used.",
    ),
)


def families(scrape: Scrape, make: Families) -> Iterator[AnyFamily]:
    """Sizes, free space, and how full the pools are, once for each volume group and pool of a host."""
    bricks = [brick for volume in scrape.pool.volumes or () for brick in volume.bricks]
    known = [(brick, brick.lvm) for brick in bricks if brick.lvm is not None]
    yield make.infos(
        "gluster_brick_lvm_info",
        "The logical volume under the brick, its volume group, and the thin or VDO pool that it is in.",
        ("volume", "host", "path", "vg", "lv", "pool"),
        [
            (brick.volume, brick.host, brick.path, lvm.volume.vg, lvm.volume.name, lvm.volume.pool)
            for brick, lvm in known
        ],
    )
    yield make.gauge(
        "gluster_lvm_lv_size_bytes",
        "Size in bytes of the logical volume under a brick.",
        ("host", "vg", "lv"),
        [((brick.host, lvm.volume.vg, lvm.volume.name), lvm.volume.size) for brick, lvm in known],
    )
    yield make.group(
        ("host", "vg"),
        _GROUP,
        [
            ((brick.host, lvm.volume.vg), (lvm.volume.vg_size, lvm.volume.vg_free, lvm.taken_at / 10**9))
            for brick, lvm in known
        ],
    )
    yield make.group(
        ("host", "vg", "pool", "type"),
        _POOL,
        [
            (
                (brick.host, pool.vg, pool.name, pool.type),
                (pool.size, _ratio(pool.data_percent), _ratio(pool.metadata_percent)),
            )
            for brick, lvm in known
            for pool in lvm.pools
        ],
    )


def _ratio(percent: Optional[float]) -> Optional[float]:
    return None if percent is None else percent / 100
