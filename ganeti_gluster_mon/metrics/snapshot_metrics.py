"""The snapshots of started volumes."""

from __future__ import annotations

from typing import Iterator, Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster.snapshots import VolumeSnapshot
from ganeti_gluster_mon.metrics.families import Families, MetricGroup, Scrape
from ganeti_gluster_mon.metrics.volume_metrics import started_volumes

_GAUGES = (
    ("gluster_volume_snapshots", "Snapshots of the volume."),
    ("gluster_volume_snapshots_activated", "Snapshots of the volume that are activated."),
    ("gluster_volume_snapshots_remaining", "Snapshots that the volume may still have."),
    (
        "gluster_volume_snapshot_oldest_timestamp_seconds",
        "When the oldest snapshot of the volume was taken, in seconds since 1970.",
    ),
)


def families(scrape: Scrape, make: Families) -> Iterator[MetricGroup]:
    """How many there are, how many of them are activated, how many more there may be, and how old the oldest is."""
    yield make.group(
        ("volume",),
        _GAUGES,
        [
            ((volume.name,), _figures(volume.snapshots))
            for volume in started_volumes(scrape)
            if volume.snapshots is not None
        ],
    )


def _figures(snapshots: Sequence[VolumeSnapshot]) -> Tuple[Optional[float], ...]:
    states = [each.activated for each in snapshots]
    return (
        len(snapshots),
        None if None in states else sum(state is True for state in states),
        min((each.remaining for each in snapshots if each.remaining is not None), default=None),
        min((each.created_at for each in snapshots if each.created_at is not None), default=None),
    )
