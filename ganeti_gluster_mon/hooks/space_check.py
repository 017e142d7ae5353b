"""Whether a volume has space for a request, by its pool and health.  Pure.

Disks are thin: what they take now is less than what they will take.  So they are counted by what they may grow to.
What Ganeti's disks may take of a volume is what is free and what they take already; that, times the overcommit, is
what may be promised.
"""

from __future__ import annotations

from typing import List, Optional

from ganeti_gluster_mon.ganeti.configuration import Configuration
from ganeti_gluster_mon.gluster import capacity
from ganeti_gluster_mon.gluster.model import Pool, Volume
from ganeti_gluster_mon.gluster.placement import is_here, is_sharded
from ganeti_gluster_mon.health import Health
from ganeti_gluster_mon.hooks.space_request import SpaceRequest
from ganeti_gluster_mon.text import one_line, short_size

#: of a volume: some or all of it takes no writes
_NO_WRITES = ("partial", "down")


def refusal(
    request: SpaceRequest, configuration: Configuration, pool: Pool, health: Health, overcommit: float
) -> Optional[str]:
    """Why there is no room for *request*, in one line with what to do; None where there is, or it is not known."""
    if pool.volumes is None:
        return None
    volume = next((each for each in pool.volumes if each.name == request.volume), None)
    if volume is None and not is_here(request.server):
        return None  # of another pool, which this node cannot query
    if volume is None:
        return f"there is no volume {one_line(request.volume, 80)}; gnt-gluster list shows which there are"
    if volume.state != "started":
        return f"volume {volume.name} is not started: gluster volume start {volume.name}"
    volume_health = health.volumes[volume.name]
    if volume_health.status in _NO_WRITES:
        why = "; ".join(problem.text for problem in volume_health.problems)
        return f"volume {volume.name} is {volume_health.status}, no disk can be made or grown: {why}"
    return _too_small(request, volume, overcommit) or _too_full(
        request, configuration, pool, volume, overcommit
    )


def _too_small(request: SpaceRequest, volume: Volume, overcommit: float) -> Optional[str]:
    """A file that is not cut into shards lies on one subvolume, however large the others are."""
    if len(volume.subvolumes) < 2 or is_sharded(volume.options):
        return None
    spaces = [capacity.of_bricks([subvolume], volume.options) for subvolume in volume.subvolumes]
    if any(space is None for space in spaces):
        return None
    largest = max(space[0].size for space in spaces if space is not None)
    if request.largest <= largest * overcommit:
        return None
    return (
        f"a disk of {short_size(request.largest)} does not fit on {volume.name}: without sharding it has to lie on one "
        f"of its {len(spaces)} subvolumes, of {short_size(largest)} at most"
    )


def _too_full(
    request: SpaceRequest, configuration: Configuration, pool: Pool, volume: Volume, overcommit: float
) -> Optional[str]:
    if volume.capacity is None:
        return None
    promised = sum(disk.size or 0 for disk in configuration.disks if disk.volume == volume.name)
    room = volume.capacity.available + _taken(configuration, pool, volume)
    if request.more and not volume.capacity.available:
        return f"volume {volume.name} is full, not a byte is free"
    if volume.inodes is not None and volume.inodes.total and not volume.inodes.free:
        return f"volume {volume.name} can take no more files: it has no inode left"
    if promised + request.more <= room * overcommit:
        return None
    words = (
        f"volume {volume.name} has no room for {short_size(request.more)} more: {short_size(promised)} are promised to "
        f"disks, which may take {short_size(room)}"
    )
    if overcommit != 1:
        words += f", times {overcommit:g}"
    return f"{words}; add bricks (gnt-gluster expand-volume), or raise GLUSTER_OVERCOMMIT"


def _taken(configuration: Configuration, pool: Pool, volume: Volume) -> int:
    """Bytes that the disks take now; all that is used, where it is not known of each of them.

    A disk that was not there when the pool was looked at is new, and takes nothing yet.
    """
    assert volume.capacity is not None
    there = {(disk.volume, disk.path) for disk in configuration.disks}
    taken: List[Optional[int]] = [
        disk.allocated
        for disk in pool.disks or ()
        if disk.volume == volume.name and (disk.volume, disk.path) in there
    ]
    if pool.disks is None or None in taken:
        return volume.capacity.used
    return min(volume.capacity.used, sum(each for each in taken if each is not None))
