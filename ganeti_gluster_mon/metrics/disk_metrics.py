"""The disks of Ganeti's instances: status, copies, space."""

from __future__ import annotations

from typing import Iterator

from ganeti_gluster_mon.health import DISK_STATUSES, evaluate_disk
from ganeti_gluster_mon.metrics.families import AnyFamily, Families, Scrape

_DISK = ("instance", "disk", "volume")
_GAUGES = (
    (
        "gluster_disk_at_risk",
        "Whether fewer copies than configured hold the instance's disk now; absent while that is not known.",
    ),
    (
        "gluster_disk_size_bytes",
        "Bytes that the instance's disk may grow to, by Ganeti's configuration.",
    ),
    (
        "gluster_disk_allocated_bytes",
        "Bytes that the instance's disk takes now, copies not counted.",
    ),
    (
        "gluster_disk_heal_pending_entries",
        "Entries of the instance's disk, its file and shards, that are known to wait to be healed; absent where no "
        "heal index was read.",
    ),
)


def families(scrape: Scrape, make: Families) -> Iterator[AnyFamily]:
    """Each disk of an instance; none while it is not known which there are."""
    volumes = {volume.name: volume for volume in scrape.pool.volumes or ()}
    disks = [
        ((disk.instance, disk.name, disk.volume), disk, evaluate_disk(disk, scrape.pool, volumes))
        for disk in scrape.pool.disks or ()
    ]
    yield make.each(
        "gluster_disk_status",
        "1 for the status that the instance's disk has and 0 for the others. healing: a copy may lack what was "
        "written last; degraded: a copy is missing; down: it cannot be read or written; stopped: its volume is.",
        _DISK,
        "status",
        DISK_STATUSES,
        [
            (labels, [status == disk_health.status for status in DISK_STATUSES])
            for labels, _, disk_health in disks
        ],
    )
    yield make.group(
        _DISK,
        _GAUGES,
        [
            (labels, (disk_health.at_risk, disk.size, disk.allocated, disk.to_heal))
            for labels, disk, disk_health in disks
        ],
    )
