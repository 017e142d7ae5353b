"""The volumes: status, bricks, space, heal backlog, tasks."""

from __future__ import annotations

from typing import Iterator, List

from prometheus_client.core import Metric

from ganeti_gluster_mon.gluster.model import Volume
from ganeti_gluster_mon.health import STATUSES
from ganeti_gluster_mon.metrics.families import AnyFamily, Families, LabelledRow, Scrape

_VOLUME = ("volume",)


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
    yield make.gauge(
        "gluster_volume_bricks",
        "Bricks that the volume is made of.",
        _VOLUME,
        [((volume.name,), len(volume.bricks)) for volume in volumes],
    )
    yield make.gauge(
        "gluster_volume_bricks_online",
        "Bricks of the volume that are online; absent while the state of one is not known.",
        _VOLUME,
        [((volume.name,), volume.up) for volume in volumes],
    )
    spaces = [((volume.name,), volume.capacity) for volume in volumes if volume.capacity is not None]
    yield make.gauge(
        "gluster_volume_size_bytes",
        "Size of the volume in bytes, as a client sees it.",
        _VOLUME,
        [(name, space.size) for name, space in spaces],
    )
    yield make.gauge(
        "gluster_volume_used_bytes",
        "Bytes of the volume that are used, with what storage.reserve keeps back.",
        _VOLUME,
        [(name, space.used) for name, space in spaces],
    )
    yield make.gauge(
        "gluster_volume_available_bytes",
        "Bytes that an ordinary program may still write to the volume.",
        _VOLUME,
        [(name, space.available) for name, space in spaces],
    )
    inodes = [((volume.name,), volume.inodes) for volume in volumes if volume.inodes is not None]
    yield make.gauge(
        "gluster_volume_files",
        "Files (inodes) the volume has room for, used ones included.",
        _VOLUME,
        [(name, files.total) for name, files in inodes],
    )
    yield make.gauge(
        "gluster_volume_files_free",
        "Files (inodes) that the volume may still take.",
        _VOLUME,
        [(name, files.free) for name, files in inodes],
    )


def heal_families(scrape: Scrape, make: Families) -> Iterator[Metric]:
    """The heal backlog of each started volume."""
    started = started_volumes(scrape)
    yield make.gauge(
        "gluster_volume_heal_pending_entries",
        "Entries of the volume that wait to be healed: the largest count in each subvolume, added up.",
        _VOLUME,
        [((volume.name,), volume.heal.pending) for volume in started if volume.heal is not None],
    )
    yield make.gauge(
        "gluster_volume_heal_counted_timestamp_seconds",
        "When the entries that wait to be healed were counted, in seconds since 1970.",
        _VOLUME,
        [
            ((volume.name,), volume.heal.taken_at // 10**9)
            for volume in started
            if volume.heal is not None and volume.heal.taken_at is not None
        ],
    )
    yield make.gauge(
        "gluster_volume_heal_split_brain_entries",
        "Entries of the volume in split-brain: the largest count in each subvolume, added up.",
        _VOLUME,
        [((volume.name,), volume.heal.split_brain) for volume in started if volume.heal is not None],
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
