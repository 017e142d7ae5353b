"""The volumes: status, bricks, space, heal backlog, tasks."""

from __future__ import annotations

from typing import Iterator, List, Optional, Tuple

from prometheus_client.core import Metric

from ganeti_gluster_mon.gluster.model import Capacity, Volume
from ganeti_gluster_mon.health import STATUSES
from ganeti_gluster_mon.metrics.families import AnyFamily, Families, LabelledRow, MetricGroup, Scrape

_VOLUME = ("volume",)

_GAUGES = (
    ("gluster_volume_bricks", "Bricks that the volume is made of."),
    (
        "gluster_volume_bricks_online",
        "Bricks of the volume that are online; absent while the state of one is not known.",
    ),
    ("gluster_volume_size_bytes", "Size of the volume in bytes, as a client sees it."),
    (
        "gluster_volume_used_bytes",
        "Bytes of the volume that are used, with what storage.reserve keeps back.",
    ),
    ("gluster_volume_available_bytes", "Bytes that an ordinary program may still write to the volume."),
    ("gluster_volume_files", "Files (inodes) the volume has room for, used ones included."),
    ("gluster_volume_files_free", "Files (inodes) that the volume may still take."),
)
_HEAL_GAUGES = (
    (
        "gluster_volume_heal_pending_entries",
        "Entries of the volume that wait to be healed: the largest count in each subvolume, added up.",
    ),
    (
        "gluster_volume_heal_counted_timestamp_seconds",
        "When the entries that wait to be healed were counted, in seconds since 1970.",
    ),
    (
        "gluster_volume_heal_split_brain_entries",
        "Entries of the volume in split-brain: the largest count in each subvolume, added up.",
    ),
)


def families(scrape: Scrape, make: Families) -> Iterator[AnyFamily]:
    """Status, bricks and space of each volume."""
    volumes = scrape.pool.volumes or ()
    yield make.each(
        "gluster_volume_status",
        "1 for the status that the volume has and 0 for the others. faulty: its bricks are well and something "
        "else needs an administrator; degraded: a brick is missing, every subvolume works; partial: a "
        "subvolume does not; down: none does.",
        _VOLUME,
        "status",
        STATUSES,
        _statuses(scrape),
    )
    yield make.group(
        _VOLUME,
        _GAUGES,
        [
            (
                (volume.name,),
                (len(volume.bricks), volume.up, *space_figures(volume.capacity), *_files(volume)),
            )
            for volume in volumes
        ],
    )


def heal_families(scrape: Scrape, make: Families) -> Iterator[MetricGroup]:
    """The heal backlog of each started volume."""
    yield make.group(
        _VOLUME,
        _HEAL_GAUGES,
        [
            (
                (volume.name,),
                (
                    volume.heal.pending,
                    None if volume.heal.taken_at is None else volume.heal.taken_at // 10**9,
                    volume.heal.split_brain,
                ),
            )
            for volume in started_volumes(scrape)
            if volume.heal is not None
        ],
    )


def task_families(scrape: Scrape, make: Families) -> Iterator[Metric]:
    """The last rebalance or remove-brick of each started volume."""
    yield make.gauge(
        "gluster_volume_task",
        "1 for the last rebalance or remove-brick of the volume and the status it has, in Gluster's words.",
        ("volume", "task", "status"),
        [
            ((volume.name, volume.rebalance.type, volume.rebalance.status), 1)
            for volume in started_volumes(scrape)
            if volume.rebalance is not None
        ],
    )


def started_volumes(scrape: Scrape) -> List[Volume]:
    """The volumes that are started: what keeps data safe is exported for these only."""
    return [volume for volume in scrape.pool.volumes or () if volume.state == "started"]


def _statuses(scrape: Scrape) -> Iterator[LabelledRow]:
    for volume in scrape.pool.volumes or ():
        volume_health = scrape.health.volumes.get(volume.name)
        holds = volume_health.status if volume_health else "unknown"
        yield (volume.name,), [status == holds for status in STATUSES]


def space_figures(space: Optional[Capacity]) -> Tuple[Optional[int], ...]:
    """Bytes: size, used, available."""
    return (None, None, None) if space is None else (space.size, space.used, space.available)


def _files(volume: Volume) -> Tuple[Optional[int], ...]:
    files = volume.inodes
    return (None, None) if files is None else (files.total, files.free)
