"""Space and inodes: of volumes, of their subvolumes, of arbiters and of quota limits.

Gluster places a file on one subvolume, so a volume with space may refuse writes.  Free is counted as df(1) does: of
what clients may use, less storage.reserve.
"""

from __future__ import annotations

from typing import Iterator, List, Optional, Sequence

from ganeti_gluster_mon.gluster import capacity
from ganeti_gluster_mon.gluster.model import Brick, Capacity, Inodes, Subvolume, Volume
from ganeti_gluster_mon.gluster.placement import is_sharded
from ganeti_gluster_mon.gluster.quota import QuotaLimit
from ganeti_gluster_mon.health.bricks import set_name
from ganeti_gluster_mon.health.problem import CRITICAL, OK, Limits, Problem
from ganeti_gluster_mon.text import short_size, some

#: bricks that one text names
_MOST_BRICKS = 4
#: percent of the size, or of the inodes, by which a mount and the bricks may differ
_SIZE_TOLERANCE = 5.0
_INODES_TOLERANCE = 10.0


def space_problems(volume: Volume, limits: Limits) -> Iterator[Problem]:
    """Space and inodes of *volume* that run short."""
    yield from _of_the_volume(volume, limits)
    for number, subvolume in enumerate(volume.subvolumes, 1):
        name = set_name(subvolume, number, len(volume.subvolumes))
        yield from _of_a_subvolume(volume, subvolume, name, limits)
        yield from _inodes_of_bricks(volume, subvolume, limits)
    for brick in volume.bricks:
        if brick.arbiter and brick.online:
            yield from _of_an_arbiter(volume, brick, limits)
    for limit in volume.quota or ():
        yield from _of_a_limit(volume, limit)
    yield from _of_mounts(volume)


def severity_of(free: Optional[float], limits: Limits) -> Optional[int]:
    """The severity of *free* percent: CRITICAL, OK (a warning), or None where there is enough or it is not known."""
    if free is None:
        return None
    if free <= limits.critical_free:
        return CRITICAL
    return OK if free <= limits.warning_free else None


def free_space(space: Optional[Capacity]) -> Optional[float]:
    """Percent of what clients may use that is free; None where it is not known."""
    if space is None:
        return None
    usable = space.used + space.available
    return 100 * space.available / usable if usable else 0.0


def free_inodes(inodes: Optional[Inodes]) -> Optional[float]:
    """Percent of the inodes that are free; None where it is not known, or the filesystem counts none."""
    return 100 * inodes.free / inodes.total if inodes is not None and inodes.total else None


def _of_the_volume(volume: Volume, limits: Limits) -> Iterator[Problem]:
    free = free_space(volume.capacity)
    severity = severity_of(free, limits)
    if severity == CRITICAL:
        words = "full, no space is free" if not free else f"nearly full, {free:.1f} % of its space free"
        yield Problem("VOLUME_FULL", CRITICAL, f"{volume.name}: {words}", volume.name)
    elif severity == OK:
        text = f"{volume.name}: {free:.1f} % of its space free"
        yield Problem("VOLUME_NEARLY_FULL", OK, text, volume.name)
    free = free_inodes(volume.inodes)
    severity = severity_of(free, limits)
    if severity is not None:
        words = "nearly full, " if severity == CRITICAL else ""
        text = f"{volume.name}: {words}{free:.1f} % of its inodes free"
        yield Problem("INODES_SHORT", severity, text, volume.name)


def _of_a_subvolume(volume: Volume, subvolume: Subvolume, name: str, limits: Limits) -> Iterator[Problem]:
    """What the sum over the volume hides: a subvolume, or some bricks of it, with less space than the rest."""
    free, inodes = free_space(subvolume.capacity), free_inodes(subvolume.inodes)
    severity, of_inodes = severity_of(free, limits), severity_of(inodes, limits)
    several = len(volume.subvolumes) > 1
    least = capacity.min_free_disk(subvolume.capacity, volume.options) if several else None
    below = severity is None and free is not None and least is not None and free < least
    if severity is None and of_inodes is None and not below:
        return
    short = [brick for brick in subvolume.bricks if _is_short(brick, volume, limits)]
    serving = [brick for brick in subvolume.bricks if brick.online and not brick.arbiter]
    if not several and len(short) in (0, len(serving)):
        return
    if severity is not None:
        text = f"{volume.name}: {name} has {free:.1f} % of its space free"
        if subvolume.capacity is not None and not subvolume.capacity.available:
            text += f": {_what_fails(volume)}"
        code = "SUBVOLUME_FULL" if severity == CRITICAL else "SUBVOLUME_NEARLY_FULL"
        yield Problem(code, severity, f"{text} ({_named(short or serving)})", volume.name, name)
    elif below:
        text = (
            f"{volume.name}: {name} has {free:.1f} % of its space free, less than cluster.min-free-disk: "
            f"new files go to other subvolumes ({_named(serving)})"
        )
        yield Problem("SUBVOLUME_NEARLY_FULL", OK, text, volume.name, name)
    if of_inodes is not None:
        text = f"{volume.name}: {name} has {inodes:.1f} % of its inodes free ({_named(serving)})"
        yield Problem("INODES_SHORT", of_inodes, text, volume.name, name)


def _inodes_of_bricks(volume: Volume, subvolume: Subvolume, limits: Limits) -> Iterator[Problem]:
    """Bricks with fewer inodes than the rest of their subvolume: clients get the inodes of one brick only."""
    serving = [brick for brick in subvolume.bricks if brick.online and not brick.arbiter]
    found = []
    for brick in serving:
        free = free_inodes_of(brick)
        severity = severity_of(free, limits)
        if severity is not None:
            found.append((brick, free, severity))
    if len(found) == len(serving):
        return  # reported for the subvolume or the volume
    for brick, free, severity in found:
        text = f"{volume.name}: brick {brick.label} has {free:.1f} % of its inodes free"
        yield Problem("INODES_SHORT", severity, text, volume.name, brick.label)


def free_inodes_of(brick: Brick) -> Optional[float]:
    """Percent of the inodes under *brick* that are free; None where it is not known, or none are counted."""
    if not brick.inodes_total or brick.inodes_free is None:
        return None
    return 100 * brick.inodes_free / brick.inodes_total


def _is_short(brick: Brick, volume: Volume, limits: Limits) -> bool:
    if not brick.online or brick.arbiter:
        return False
    space = capacity.of_brick(brick, volume.options)
    return space is not None and severity_of(free_space(space[0]), limits) is not None


def _what_fails(volume: Volume) -> str:
    if is_sharded(volume.options):
        return "writes fail as soon as a shard has to go there"
    return "writes to the files on it fail"


def _named(bricks: Sequence[Brick]) -> str:
    return some([f"brick {brick.label}" for brick in bricks], _MOST_BRICKS)


def _of_an_arbiter(volume: Volume, brick: Brick, limits: Limits) -> Iterator[Problem]:
    """An arbiter takes no data and an inode for each file; without either, no file can be created."""
    space = capacity.of_brick(brick, volume.options)
    shares = [
        ("space", free_space(space[0]) if space is not None else None),
        ("inodes", free_inodes_of(brick)),
    ]
    found = [(what, free, severity_of(free, limits)) for what, free in shares]
    short = [(what, free, severity) for what, free, severity in found if severity is not None]
    if short:
        words = " and ".join(f"{free:.1f} % of its {what}" for what, free, _ in short)
        text = f"{volume.name}: arbiter brick {brick.label} has {words} free"
        severity = max(severity for _, _, severity in short)
        yield Problem("ARBITER_FULL", severity, text, volume.name, brick.label)


def _of_a_limit(volume: Volume, limit: QuotaLimit) -> Iterator[Problem]:
    used, hard, soft = limit.used, limit.hard_limit, limit.soft_limit
    figures = "" if used is None or hard is None else f" ({short_size(used)} of {short_size(hard)} used)"
    if limit.exceeded or (used is not None and hard is not None and used >= hard):
        text = f"{volume.name}: the quota limit of {limit.path} is used up: writes fail{figures}"
        yield Problem("QUOTA_EXCEEDED", CRITICAL, text, volume.name, limit.path)
    elif limit.soft_exceeded or (used is not None and soft is not None and used > soft):
        text = f"{volume.name}: {limit.path} is above the soft limit of its quota{figures}"
        yield Problem("QUOTA_SOFT_EXCEEDED", OK, text, volume.name, limit.path)


def _of_mounts(volume: Volume) -> Iterator[Problem]:
    for mount in volume.mounts:
        if not mount.answered:
            text = f"{volume.name}: the mount {mount.path} does not answer"
            why = f" ({mount.failure})" if mount.failure else ""
            yield Problem("MOUNT_HANGS", CRITICAL, text + why, volume.name, mount.path)
        elif mount.writable is False:
            why = f" ({mount.write_failure})" if mount.write_failure else ""
            text = f"{volume.name}: no file can be written to the mount {mount.path}{why}"
            yield Problem("MOUNT_NOT_WRITABLE", CRITICAL, text, volume.name, mount.path)
    differs = list(_differences(volume))
    if differs:
        path = next((mount.path for mount in volume.mounts if mount.answered and not mount.subdirectory), "")
        text = f"{volume.name}: the mount {path} contradicts the bricks: {', '.join(differs)}"
        yield Problem("MOUNT_CONTRADICTS_BRICKS", CRITICAL, text, volume.name, path)


def _differences(volume: Volume) -> Iterator[str]:
    """In what a mount and the bricks differ, where all bricks serve and report the same moment."""
    by_mount, by_bricks = volume.capacity, volume.bricks_capacity
    if by_mount is None or by_bricks is None or any(not brick.online for brick in volume.bricks):
        return
    if abs(by_mount.size - by_bricks.size) * 100 > _SIZE_TOLERANCE * by_bricks.size:
        yield f"it has {short_size(by_mount.size)}, they have {short_size(by_bricks.size)}"
    figures: List[Optional[float]] = [free_inodes(volume.inodes), free_inodes(volume.bricks_inodes)]
    if None not in figures:
        mount, bricks = (figure or 0.0 for figure in figures)
        if abs(mount - bricks) > _INODES_TOLERANCE:
            yield f"{mount:.1f} % of its inodes are free, {bricks:.1f} % of theirs"
