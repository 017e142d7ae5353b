"""Disks of instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Tuple

from ganeti_gluster_mon.gluster.model import Disk, Pool, Subvolume, Volume
from ganeti_gluster_mon.gluster.placement import is_here
from ganeti_gluster_mon.health.bricks import brick_state
from ganeti_gluster_mon.health.evaluate import volume_status
from ganeti_gluster_mon.text import some

#: What an instance's disk may be.  "healing": a copy may lack what was written last; "degraded": a copy is missing, or
#: all that is left; "down": it cannot be read or written; "stopped": its volume is.
DISK_STATUSES = ("healthy", "healing", "degraded", "down", "stopped", "unknown")


@dataclass(frozen=True)
class DiskHealth:
    """The health of an instance's disk."""

    #: one of `DISK_STATUSES`
    status: str
    #: whether fewer copies than configured hold it now; None: not known
    at_risk: Optional[bool]
    #: the reason; "" where there is none
    message: str = ""


@dataclass(frozen=True)
class SubvolumeRedundancy:
    """Whether the copies on a subvolume are complete.  What is not known counts as complete: no fault was found."""

    #: a brick of it does not serve
    missing: bool
    #: entries wait to be healed
    healing: bool


@dataclass(frozen=True)
class GuestStatuses:
    """The instances of a pool by the worst of their disks; names in order, each once."""

    #: a disk cannot be read or written, or its volume is stopped
    down: Tuple[str, ...] = ()
    #: fewer copies than configured hold a disk now
    at_risk: Tuple[str, ...] = ()
    #: a copy of a disk lacks what was written last, and is being healed
    lagging: Tuple[str, ...] = ()
    #: a copy of a disk may lack what was written last
    healing: Tuple[str, ...] = ()
    #: not known how a disk is
    unknown: Tuple[str, ...] = ()
    healthy: Tuple[str, ...] = ()


def subvolume_redundancy(subvolume: Subvolume) -> SubvolumeRedundancy:
    """The redundancy of what lies on *subvolume*, for Ganeti's sync status."""
    return SubvolumeRedundancy(
        missing=any(brick.online is False for brick in subvolume.bricks),
        healing=any(bool(brick.heal_pending) for brick in subvolume.bricks),
    )


def evaluate_disk(disk: Disk, pool: Pool, volumes: Optional[Mapping[str, Volume]] = None) -> DiskHealth:
    """The health of *disk*, by the bricks that hold it.  *volumes* by name saves the search in *pool*."""
    if volumes is None:
        volumes = {volume.name: volume for volume in pool.volumes or ()}
    volume = volumes.get(disk.volume)
    if volume is None:
        if pool.volumes is None:
            return DiskHealth("unknown", None, "it is not known which volumes there are")
        if not is_here(disk.server):
            return DiskHealth("unknown", None, f"volume {disk.volume} of {disk.server} is not in this pool")
        return DiskHealth("down", True, f"there is no volume {disk.volume}")
    if volume.state != "started":
        return DiskHealth("stopped", None, f"volume {volume.name} is not started")
    if disk.bricks is None:
        status = volume_status(volume)
        if status in ("healthy", "down"):  # whichever bricks hold it
            return DiskHealth(status, status == "down")
        return DiskHealth("unknown", None, "not known which bricks hold it")
    down = ", ".join(brick_state(brick) for brick in disk.bricks if brick.online is False)
    if any(subvolume.quorum is False for subvolume in disk.subvolumes):
        return DiskHealth("down", True, down)
    if down:
        return DiskHealth("degraded", True, down)
    silent = [brick.label for brick in disk.bricks if brick.online is None]
    if silent:
        return DiskHealth("unknown", None, f"not known whether {some(silent, 5)} is online")
    return _healing(disk, volume)


def _healing(disk: Disk, volume: Volume) -> DiskHealth:
    """All its bricks are online: whether its copies are the same."""
    assert disk.bricks is not None
    if not volume.heals:
        return DiskHealth("healthy", False)
    if any(brick.split_brain for brick in disk.bricks):
        return DiskHealth(
            "healing",
            True if disk.to_heal else None,
            "files on its bricks, or the disk's own, are in split-brain",
        )
    pending = any(brick.heal_pending for brick in disk.bricks)
    if pending and disk.to_heal:
        entries = "1 of its files is" if disk.to_heal == 1 else f"{disk.to_heal} of its files are"
        return DiskHealth("healing", True, f"{entries} to be healed")
    if pending:
        return DiskHealth("healing", None, "files on its bricks, or the disk's own, are to be healed")
    for subvolume in disk.subvolumes:
        if all(brick.heal_pending is None or brick.split_brain is None for brick in subvolume.bricks):
            return DiskHealth("unknown", None, "heal backlog not known")
    return DiskHealth("healthy", False)


def evaluate_guests(pool: Pool) -> Optional[GuestStatuses]:
    """The instances with disks on *pool*; None: not known which there are."""
    if pool.disks is None:
        return None
    volumes = {volume.name: volume for volume in pool.volumes or ()}
    worst: Dict[str, int] = {}
    for disk in pool.disks:
        rank = _rank(evaluate_disk(disk, pool, volumes))
        worst[disk.instance] = min(rank, worst.get(disk.instance, rank))
    groups: List[List[str]] = [[] for _ in range(6)]
    for name in sorted(worst):
        groups[worst[name]].append(name)
    return GuestStatuses(*map(tuple, groups))


def _rank(found: DiskHealth) -> int:
    """The number of the field of `GuestStatuses` that *found* belongs to."""
    if found.status in ("down", "stopped"):
        return 0
    if found.status == "healing":
        return 2 if found.at_risk else 3
    if found.at_risk:
        return 1
    return 4 if found.at_risk is None or found.status == "unknown" else 5
