"""The disks of Ganeti's instances: status, copies, space."""

from __future__ import annotations

from typing import Iterator

from prometheus_client.core import Metric

from ganeti_gluster_mon.health import DISK_STATUSES, evaluate_disk
from ganeti_gluster_mon.metrics.families import Families, Scrape

_DISK = ("instance", "disk", "volume")


def families(scrape: Scrape, make: Families) -> Iterator[Metric]:
    """Each disk of an instance; none while it is not known which there are."""
    volumes = {volume.name: volume for volume in scrape.pool.volumes or ()}
    disks = [
        ((disk.instance, disk.name, disk.volume), disk, evaluate_disk(disk, scrape.pool, volumes))
        for disk in scrape.pool.disks or ()
    ]
    yield make.gauge(
        "gluster_disk_status",
        "1 for the status that the instance's disk has and 0 for the others. healing: a copy may lack what was "
        "written last; degraded: a copy is missing; down: it cannot be read or written; stopped: its volume is.",
        (*_DISK, "status"),
        [
            ((*labels, status), status == disk_health.status)
            for labels, _, disk_health in disks
            for status in DISK_STATUSES
        ],
    )
    yield make.gauge(
        "gluster_disk_at_risk",
        "Whether fewer copies than configured hold the instance's disk now; absent while that is not known.",
        _DISK,
        [(labels, disk_health.at_risk) for labels, _, disk_health in disks],
    )
    yield make.gauge(
        "gluster_disk_size_bytes",
        "Bytes that the instance's disk may grow to, by Ganeti's configuration.",
        _DISK,
        [(labels, disk.size) for labels, disk, _ in disks],
    )
    yield make.gauge(
        "gluster_disk_allocated_bytes",
        "Bytes that the instance's disk takes now, copies not counted.",
        _DISK,
        [(labels, disk.allocated) for labels, disk, _ in disks],
    )
    yield make.gauge(
        "gluster_disk_heal_pending_entries",
        "Entries of the instance's disk, its file and shards, that are known to wait to be healed; absent where no "
        "heal index was read.",
        _DISK,
        [(labels, disk.to_heal) for labels, disk, _ in disks],
    )
