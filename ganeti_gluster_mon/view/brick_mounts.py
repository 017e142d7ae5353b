"""What is wrong with the filesystems of a node's bricks, for `gnt-gluster diagnose`.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Optional, Sequence, Tuple

from ganeti_gluster_mon.text import one_line
from ganeti_gluster_mon.view.finding import Finding

#: filesystems that /etc/fstab mounts
_BY_FSTAB = ("xfs", "ext4")


@dataclass(frozen=True)
class BrickMount:
    """A brick of a started volume, as its own node sees it (node_program.py)."""

    volume: str
    path: str
    #: where the filesystem that has it, or would have it, is mounted
    point: str
    type: str
    read_only: bool
    in_fstab: bool
    #: whether it has the id of its volume; None: that cannot be read
    has_id: Optional[bool]
    #: why not
    error: Optional[str]
    #: the mount point that /etc/fstab has for it, where nothing is mounted; None: there is none
    not_mounted: Optional[str] = None


def brick_mounts(parsed: Any) -> Optional[Tuple[BrickMount, ...]]:
    """The bricks in the answer of a node; None where it has none in time."""
    if not isinstance(parsed, list):
        return None
    try:
        return tuple(
            BrickMount(
                str(one["volume"]),
                str(one["path"]),
                str(one["point"]),
                str(one["type"]),
                one["read_only"] is True,
                one["in_fstab"] is True,
                one["id"] if isinstance(one["id"], bool) else None,
                None if one["error"] is None else str(one["error"]),
                None if one.get("not_mounted") is None else str(one["not_mounted"]),
            )
            for one in parsed
        )
    except (TypeError, KeyError):
        return None


def findings(node: str, bricks: Sequence[BrickMount]) -> Iterator[Finding]:
    """What is wrong with the filesystems of the *bricks* of *node*."""
    for brick in bricks:
        label = f"brick {one_line(brick.path)} of {one_line(brick.volume)}"
        repair = f"gnt-gluster deploy --volume {brick.volume} {node}"
        anew = f"gnt-gluster replace-brick {brick.volume} {node}:{brick.path} {node} --device DEVICE"
        if brick.error is not None:
            yield Finding(
                f"{label} cannot be read: {one_line(brick.error)}",
                f"see dmesg; if its disk has failed: {anew}",
            )
        elif brick.has_id is False:
            where = (
                "nothing is mounted there"
                if brick.point == "/"
                else f"{brick.point} is mounted, and has it not"
            )
            yield Finding(
                f"{label} is not there: {where}", f"{repair} mounts it again; if its disk is gone: {anew}"
            )
        elif brick.not_mounted is not None and brick.has_id:
            yield Finding(
                f"{label} is on the filesystem of {one_line(brick.point)}, and {one_line(brick.not_mounted)} is not "
                f"mounted",
                f"mount nothing over it: gnt-gluster repair {brick.volume} names what has to be done",
            )
        elif brick.read_only:
            yield Finding(
                f"{label} is on a filesystem that is read-only: {brick.point}",
                f"see dmesg, then umount, xfs_repair and mount it; if its disk has failed: {anew}",
            )
        elif brick.point != "/" and brick.type in _BY_FSTAB and not brick.in_fstab:
            yield Finding(
                f"/etc/fstab has no line for {brick.point}, which has {label}", f"{repair} writes it again"
            )
