"""Bricks, and what their loss means for their subvolume."""

from __future__ import annotations

from typing import Iterator

from ganeti_gluster_mon.gluster.model import Brick, Subvolume, Volume
from ganeti_gluster_mon.health.problem import CRITICAL, UNKNOWN, Problem

#: errors of the filesystem under a brick, in the words of strerror(3)
_FILESYSTEM_ERRORS = ("Input/output error", "Read-only file system", "Structure needs cleaning")

#: All statuses of a brick.  "faulty": its process runs, and something else needs an administrator.
BRICK_STATUSES = ("online", "healing", "faulty", "hangs", "offline", "stopped", "unknown")
SUBVOLUME_STATUSES = ("healthy", "healing", "degraded", "no quorum", "stopped", "unknown")


def brick_problems(volume: Volume) -> Iterator[Problem]:
    """Bricks of *volume* that do not serve, and subvolumes that lost quorum by it."""
    for brick in volume.bricks:
        yield from _contradictions(volume, brick)
        yield from _filesystem(volume, brick)
    for number, subvolume in enumerate(volume.subvolumes, 1):
        down = [brick for brick in subvolume.bricks if brick.online is False]
        if not down:
            continue
        left = redundancy_left(subvolume)
        for brick in down:
            code = (
                "BRICK_UNREACHABLE"
                if brick.unreachable
                else "BRICK_HANGS"
                if brick.hangs
                else "BRICK_OFFLINE"
            )
            text = f"{volume.name}: {brick_state(brick)}, {left}"
            yield Problem(code, CRITICAL, text, volume.name, brick.label)
        yield from _quorum_problems(volume, subvolume, number)


def _contradictions(volume: Volume, brick: Brick) -> Iterator[Problem]:
    """Where two sources contradict each other about a brick."""
    if brick.host_in_pool is False:
        text = f"{volume.name}: {brick.host}, the host of brick {brick.label}, is not in the pool"
        yield Problem("BRICK_HOST_NOT_IN_POOL", CRITICAL, text, volume.name, brick.label)
    if brick.contradicted is not None:
        text = (
            f"{volume.name}: brick {brick.label} is offline by `volume status`, and `heal info` on "
            f"{brick.contradicted} reaches it"
        )
        yield Problem("BRICK_CONTRADICTED", CRITICAL, text, volume.name, brick.label)
    if brick.not_reached_from is not None:
        text = (
            f"{volume.name}: brick {brick.label} is online by `volume status`, and `heal info` on "
            f"{brick.not_reached_from} does not reach it (Transport endpoint is not connected)"
        )
        yield Problem("BRICK_UNREACHABLE", UNKNOWN, text, volume.name, brick.label)


def _filesystem(volume: Volume, brick: Brick) -> Iterator[Problem]:
    """A filesystem that is not mounted, takes no writes or cannot be read: its brick process may run all the same."""
    if brick.online and brick.not_mounted is not None:
        # also one that was started before its filesystem was unmounted, lazily: its next start is on the other one
        text = (
            f"{volume.name}: brick {brick.label} is online, and its filesystem is not mounted at {brick.not_mounted}: "
            f"it runs on the filesystem of {brick.mount}, or was started before that was unmounted"
        )
        yield Problem("BRICK_FILESYSTEM_NOT_MOUNTED", CRITICAL, text, volume.name, brick.label)
    if brick.read_only:
        text = f"{volume.name}: the filesystem of brick {brick.label} is read-only: writes to the brick fail"
        yield Problem("BRICK_FILESYSTEM", CRITICAL, text, volume.name, brick.label)
    elif brick.filesystem_errors:
        text = (
            f"{volume.name}: the kernel has recorded {brick.filesystem_errors} errors of the filesystem of brick "
            f"{brick.label}"
        )
        yield Problem("BRICK_FILESYSTEM", CRITICAL, text, volume.name, brick.label)
    elif brick.heal_failure in _FILESYSTEM_ERRORS:
        text = f"{volume.name}: `heal info` cannot read brick {brick.label} to its end: {brick.heal_failure}"
        yield Problem("BRICK_FILESYSTEM", CRITICAL, text, volume.name, brick.label)


def _quorum_problems(volume: Volume, subvolume: Subvolume, number: int) -> Iterator[Problem]:
    name = set_name(subvolume, number, len(volume.subvolumes))
    if subvolume.quorum is False:
        text = f"{volume.name}: {name} has lost quorum: no access to its files"
        yield Problem("SUBVOLUME_QUORUM_LOST", CRITICAL, text, volume.name, name)
    elif subvolume.quorum is None:
        text = f"{volume.name}: not known whether {name} still has quorum"
        yield Problem("NOT_KNOWN", UNKNOWN, text, volume.name, name, kind="quorum not known")


def brick_status(brick: Brick, volume: Volume) -> str:
    """The status of a brick of *volume*, one of `BRICK_STATUSES`."""
    if volume.state != "started":
        return "stopped"
    if brick.online is None:
        return "unknown"
    if not brick.online:
        return "hangs" if brick.hangs else "offline"
    faults = (*_contradictions(volume, brick), *_filesystem(volume, brick))
    if any(problem.severity == CRITICAL for problem in faults):
        return "faulty"
    if faults:
        return "unknown"
    return "healing" if brick.heal_pending or brick.split_brain else "online"


def subvolume_status(subvolume: Subvolume, volume: Volume) -> str:
    """The status of a subvolume of *volume*: the worst of its bricks', one of `SUBVOLUME_STATUSES`."""
    if volume.state != "started":
        return "stopped"
    if subvolume.quorum is False:
        return "no quorum"
    found = {brick_status(brick, volume) for brick in subvolume.bricks}
    if found & {"hangs", "offline", "faulty"}:
        return "degraded"
    if "unknown" in found:
        return "unknown"
    return "healing" if "healing" in found else "healthy"


def set_name(subvolume: Subvolume, number: int, of: int) -> str:
    """A name for a subvolume: "replica set 2"; *number* counts from 1, as Gluster does, and is shown if *of* > 1."""
    kind = {"replicate": "replica set", "disperse": "disperse set"}.get(subvolume.type, "subvolume")
    return kind if of == 1 else f"{kind} {number}"


def brick_state(brick: Brick) -> str:
    """ "brick node2:/export/b1/gv0 is offline"."""
    kind = "arbiter brick" if brick.arbiter else "brick"
    if brick.unreachable:
        state = "cannot be reached"
    else:
        state = "hangs (its process runs and does not answer)" if brick.hangs else "is offline"
    return f"{kind} {brick.label} {state}"


def redundancy_left(subvolume: Subvolume) -> str:
    """How much redundancy is left, in numbers: "2 of 3 replicas left"."""
    known_up = sum(1 for brick in subvolume.bricks if brick.online)
    unknown = sum(1 for brick in subvolume.bricks if brick.online is None)
    size = len(subvolume.bricks)
    if subvolume.type == "distribute":
        return "and no other brick has its files"
    what = "replicas" if subvolume.type == "replicate" else "bricks"
    words = f"{known_up} of {size} {what} left"
    if unknown:
        words += f" for certain, {unknown} not known"
    if subvolume.type == "disperse":
        words += f" ({size - subvolume.redundancy} needed)"
    return words
