"""`gnt-gluster list`: the volumes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Optional, Tuple

from ganeti_gluster_mon.gluster.model import Disk, Volume
from ganeti_gluster_mon.gluster.placement import is_sharded
from ganeti_gluster_mon.health import VolumeHealth
from ganeti_gluster_mon.view.fields import Field, Kind, Special, Value, counted, known
from ganeti_gluster_mon.view.listing import Listing
from ganeti_gluster_mon.view.pool_view import PoolView


@dataclass(frozen=True)
class VolumeRow:
    """A volume, how it is judged, and the disks on it (None: not known)."""

    volume: Volume
    judged: VolumeHealth
    disks: Optional[Tuple[Disk, ...]]


def rows(view: PoolView) -> Optional[List[VolumeRow]]:
    """All volumes; None where it is not known which there are."""
    if view.pool.volumes is None:
        return None
    disks = view.pool.disks
    return [
        VolumeRow(
            volume,
            view.health.volumes[volume.name],
            None if disks is None else tuple(disk for disk in disks if disk.volume == volume.name),
        )
        for volume in sorted(view.pool.volumes, key=lambda volume: volume.name)
    ]


def _space(which: str) -> Callable[[VolumeRow], Value]:
    """A part of the space, where there is one: a volume that is not started has none."""
    return lambda row: known(
        None if row.volume.capacity is None else getattr(row.volume.capacity, which),
        row.volume.state == "started",
    )


def _inodes(which: str) -> Callable[[VolumeRow], Value]:
    return lambda row: known(
        None if row.volume.inodes is None else getattr(row.volume.inodes, which),
        row.volume.state == "started",
    )


def _heal(which: str) -> Callable[[VolumeRow], Value]:
    return lambda row: known(
        None if row.volume.heal is None else getattr(row.volume.heal, which),
        row.volume.heals and row.volume.state == "started",
    )


def _promised(row: VolumeRow) -> Value:
    if row.disks is None:
        return None
    sizes = [disk.size for disk in row.disks]
    return sum(size for size in sizes if size is not None) if None not in sizes else None


def _layout(row: VolumeRow) -> Value:
    """In Gluster's own manner of counting: "2 x 3", "1 x (2 + 1)"."""
    subvolumes = row.volume.subvolumes
    if not subvolumes:
        return None
    first = subvolumes[0]
    if first.type == "distribute":
        return str(len(subvolumes))
    size = len(first.bricks)
    special = first.redundancy or sum(brick.arbiter for brick in first.bricks)
    each = f"({size - special} + {special})" if special else str(size)
    return f"{len(subvolumes)} x {each}"


def _online(row: VolumeRow) -> Value:
    if row.volume.state != "started":
        return Special.UNAVAILABLE
    return counted([brick.online for brick in row.volume.bricks])


FIELDS: Tuple[Field[VolumeRow], ...] = (
    Field("name", "Volume", Kind.TEXT, "Volume name (volume info)", lambda row: row.volume.name, names=True),
    Field("uuid", "UUID", Kind.TEXT, "Gluster's id of the volume (volume info)", lambda row: row.volume.uuid),
    Field(
        "type", "Type", Kind.TEXT, "Kind of volume, Gluster's word (volume info)", lambda row: row.volume.type
    ),
    Field(
        "layout",
        "Layout",
        Kind.TEXT,
        "Subvolumes x bricks of each; in brackets (data + arbiter or redundancy) (volume info)",
        _layout,
    ),
    Field(
        "state",
        "State",
        Kind.TEXT,
        "Whether it is meant to run: created, started or stopped (volume info)",
        lambda row: row.volume.state,
    ),
    Field(
        "status",
        "Status",
        Kind.TEXT,
        "How it is: healthy, healing, faulty (its bricks are well, and space, quota, a daemon, a task or a mount needs "
        "attention), degraded (a brick is missing, all data is there), partial (a subvolume is down), down, stopped or "
        "unknown",
        lambda row: row.judged.status,
    ),
    Field(
        "message",
        "Message",
        Kind.TEXT,
        "All that is wrong with it, worst first; empty where nothing is",
        lambda row: "; ".join(problem.text for problem in row.judged.problems),
    ),
    Field(
        "size",
        "Size",
        Kind.SIZE,
        "Space of the volume as a client sees it, copies not counted (statvfs of a mount, else reckoned from the "
        "bricks)",
        _space("size"),
    ),
    Field(
        "used",
        "Used",
        Kind.SIZE,
        "Size less what is free, the reserve counted as used (as size)",
        _space("used"),
    ),
    Field(
        "free",
        "Free",
        Kind.SIZE,
        "What may still be written (as size)",
        _space("available"),
    ),
    Field(
        "space_source",
        "SpaceFrom",
        Kind.TEXT,
        "Where size, used and free come from: mount or bricks",
        _space("source"),
    ),
    Field("files", "Files", Kind.NUMBER, "Files it may hold, inodes (as size)", _inodes("total")),
    Field(
        "files_free", "FilesFree", Kind.NUMBER, "Files it may still take, inodes (as size)", _inodes("free")
    ),
    Field("bricks", "Bricks", Kind.NUMBER, "Bricks it has (volume info)", lambda row: len(row.volume.bricks)),
    Field(
        "online",
        "Online",
        Kind.NUMBER,
        "Bricks that run and answer; at least how many, where some are not known (volume status, and each brick's own "
        "port)",
        _online,
    ),
    Field(
        "snapshots",
        "Snapshots",
        Kind.NUMBER,
        "Snapshots it has (volume info, snapshot info)",
        lambda row: None if row.volume.snapshots is None else len(row.volume.snapshots),
    ),
    Field(
        "nodes",
        "Nodes",
        Kind.LIST,
        "Hosts that have bricks of it (volume info)",
        lambda row: tuple(dict.fromkeys(brick.host for brick in row.volume.bricks)),
    ),
    Field(
        "heal",
        "Heal",
        Kind.NUMBER,
        "Entries that wait to be healed, each counted once (heal info summary)",
        _heal("pending"),
    ),
    Field(
        "split_brain",
        "Split",
        Kind.NUMBER,
        "Entries in split-brain: a person has to choose a copy (heal info summary)",
        _heal("split_brain"),
    ),
    Field(
        "rebalance",
        "Rebalance",
        Kind.TEXT,
        "Latest task that moves data, and how it is (tasks of volume status)",
        lambda row: (
            Special.UNAVAILABLE
            if row.volume.rebalance is None
            else f"{row.volume.rebalance.type} {row.volume.rebalance.status}"
        ),
    ),
    Field(
        "mounts",
        "Mounts",
        Kind.LIST,
        "Where it is mounted on this node (/proc/self/mountinfo)",
        lambda row: tuple(mount.path for mount in row.volume.mounts),
    ),
    Field(
        "sharded",
        "Sharded",
        Kind.BOOL,
        "Whether files are cut into parts (option features.shard)",
        lambda row: is_sharded(row.volume.options),
    ),
    Field("transport", "Transport", Kind.TEXT, "tcp or rdma (volume info)", lambda row: row.volume.transport),
    Field(
        "disks",
        "Disks",
        Kind.NUMBER,
        "Instances' disks on it (Ganeti's configuration)",
        lambda row: None if row.disks is None else len(row.disks),
    ),
    Field(
        "promised",
        "Promised",
        Kind.SIZE,
        "What these disks may grow to, all together (Ganeti's configuration)",
        _promised,
    ),
)

VOLUMES: Listing[VolumeRow] = Listing(
    name="list",
    what="volume",
    summary="list the volumes",
    fields=FIELDS,
    default=("name", "type", "status", "size", "used", "free", "bricks", "online", "heal"),
    rows=rows,
    unknown=lambda view: view.health.message,
    volumes=lambda row: (row.volume.name,),
)
