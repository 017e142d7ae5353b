"""The snapshots of started volumes."""

from __future__ import annotations

from typing import Iterator

from prometheus_client.core import Metric

from ganeti_gluster_mon.metrics.families import Families, Scrape
from ganeti_gluster_mon.metrics.volume_metrics import started_volumes


def families(scrape: Scrape, make: Families) -> Iterator[Metric]:
    """How many there are, how many of them are activated, how many more there may be, and how old the oldest is."""
    known = [
        ((volume.name,), volume.snapshots)
        for volume in started_volumes(scrape)
        if volume.snapshots is not None
    ]
    yield make.gauge(
        "gluster_volume_snapshots",
        "Snapshots of the volume.",
        ("volume",),
        [(labels, len(snapshots)) for labels, snapshots in known],
    )
    yield make.gauge(
        "gluster_volume_snapshots_activated",
        "Snapshots of the volume that are activated.",
        ("volume",),
        [
            (labels, sum(each.activated is True for each in snapshots))
            for labels, snapshots in known
            if all(each.activated is not None for each in snapshots)
        ],
    )
    yield make.gauge(
        "gluster_volume_snapshots_remaining",
        "Snapshots that the volume may still have.",
        ("volume",),
        [(labels, each.remaining) for labels, snapshots in known for each in snapshots],
    )
    yield make.gauge(
        "gluster_volume_snapshot_oldest_timestamp_seconds",
        "When the oldest snapshot of the volume was taken, in seconds since 1970.",
        ("volume",),
        [(labels, each.created_at) for labels, snapshots in known for each in snapshots],
    )
