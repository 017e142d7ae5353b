"""`gnt-gluster list-bricks`: every brick of every volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Optional, Tuple

from ganeti_gluster_mon.gluster.model import Brick, Subvolume, Volume
from ganeti_gluster_mon.view.fields import Field, Kind, Special, Value, known
from ganeti_gluster_mon.view.listing import Listing
from ganeti_gluster_mon.view.pool_view import PoolView


@dataclass(frozen=True)
class BrickRow:
    """A brick and what it belongs to."""

    brick: Brick
    volume: Volume
    #: None where Gluster's layout cannot be understood
    subvolume: Optional[Subvolume]
    #: of the subvolume, from 1, as Gluster counts them
    number: Optional[int]


def rows(view: PoolView) -> Optional[List[BrickRow]]:
    """All bricks, in Gluster's order; None where it is not known which volumes there are."""
    if view.pool.volumes is None:
        return None
    found = []
    for volume in sorted(view.pool.volumes, key=lambda volume: volume.name):
        numbered = {
            brick.label: (subvolume, number)
            for number, subvolume in enumerate(volume.subvolumes, 1)
            for brick in subvolume.bricks
        }
        for brick in volume.bricks:
            found.append(BrickRow(brick, volume, *numbered.get(brick.label, (None, None))))
    return found


def _status(row: BrickRow) -> Value:
    brick = row.brick
    if row.volume.state != "started":
        return "stopped"
    if brick.online is None:
        return None
    return "online" if brick.online else "hangs" if brick.hangs else "offline"


def _running(which: str) -> Callable[[BrickRow], Value]:
    """What only a brick that runs has."""
    return lambda row: known(
        getattr(row.brick, which), row.volume.state == "started" and row.brick.online is not False
    )


def _started(which: str) -> Callable[[BrickRow], Value]:
    """A value that only a started volume has."""
    return lambda row: known(getattr(row.brick, which), row.volume.state == "started")


def _healed(which: str) -> Callable[[BrickRow], Value]:
    return lambda row: known(getattr(row.brick, which), row.volume.state == "started" and row.volume.heals)


def _without_lvm(row: BrickRow) -> Value:
    """That there is none on a device that is not of the device mapper, as LVM's are; else it is not known."""
    name = row.brick.name
    return None if name is None or name.startswith("dm-") else Special.UNAVAILABLE


def _logical_volume(row: BrickRow) -> Value:
    lvm = row.brick.lvm
    return _without_lvm(row) if lvm is None else f"{lvm.volume.vg}/{lvm.volume.name}"


def _pool_used(row: BrickRow) -> Value:
    lvm = row.brick.lvm
    if lvm is None:
        return _without_lvm(row)
    if not lvm.pools:
        return Special.NOT_KNOWN if lvm.volume.pool is not None else Special.UNAVAILABLE
    figures = (lvm.pools[0].data_percent, lvm.pools[0].metadata_percent)
    return "/".join(f"{figure:.1f}" for figure in figures if figure is not None) or None


FIELDS: Tuple[Field[BrickRow], ...] = (
    Field(
        "volume",
        "Volume",
        Kind.TEXT,
        "Volume it is of (volume info)",
        lambda row: row.volume.name,
        names=True,
    ),
    Field("node", "Node", Kind.TEXT, "Host it is on (volume info)", lambda row: row.brick.host, names=True),
    Field("path", "Path", Kind.TEXT, "Directory on its host (volume info)", lambda row: row.brick.path),
    Field(
        "brick",
        "Brick",
        Kind.TEXT,
        "host:path, as Gluster writes it",
        lambda row: row.brick.label,
        names=True,
    ),
    Field(
        "subvolume",
        "Set",
        Kind.NUMBER,
        "Number of its subvolume, from 1: the bricks with the same number hold the same data (volume info)",
        lambda row: row.number,
    ),
    Field(
        "arbiter",
        "Arbiter",
        Kind.BOOL,
        "Whether it holds names and attributes only (volume info)",
        lambda row: row.brick.arbiter,
    ),
    Field(
        "status",
        "Status",
        Kind.TEXT,
        "online, offline, hangs (its process is there and does not answer), or stopped with its volume "
        "(volume status, and its own port)",
        _status,
    ),
    Field("pid", "PID", Kind.NUMBER, "Its process (volume status)", _running("pid")),
    Field("port", "Port", Kind.NUMBER, "Where it listens (volume status)", _running("port")),
    Field("size", "Size", Kind.SIZE, "Size of its filesystem (volume status detail)", _started("size")),
    Field(
        "free",
        "Free",
        Kind.SIZE,
        "What is free in its filesystem, to root; - where the brick does not run (volume status detail)",
        _running("free"),
    ),
    Field(
        "files",
        "Files",
        Kind.NUMBER,
        "Inodes of its filesystem (volume status detail)",
        _started("inodes_total"),
    ),
    Field(
        "files_free",
        "FilesFree",
        Kind.NUMBER,
        "Inodes that are free in its filesystem; - where the brick does not run (volume status detail)",
        _running("inodes_free"),
    ),
    Field(
        "device", "Device", Kind.TEXT, "Device of its filesystem (volume status detail)", _started("device")
    ),
    Field(
        "filesystem",
        "FS",
        Kind.TEXT,
        "Kind of its filesystem (volume status detail)",
        _started("filesystem"),
    ),
    Field(
        "kernel_name",
        "Disk",
        Kind.TEXT,
        "The kernel's name of the device, as in mond's diskstats; known of this node's bricks",
        _started("name"),
    ),
    Field(
        "mount",
        "Mount",
        Kind.TEXT,
        "Where its filesystem is mounted; known of this node's bricks (/proc/self/mountinfo)",
        _started("mount"),
    ),
    Field(
        "filesystem_errors",
        "FSErrors",
        Kind.NUMBER,
        "Errors of its filesystem (ext4, btrfs) that the kernel recorded; known of this node's bricks (/sys/fs)",
        _started("filesystem_errors"),
    ),
    Field(
        "lv",
        "LV",
        Kind.TEXT,
        "Logical volume of its filesystem, vg/lv; known of this node's bricks that are on LVM (lvs)",
        _logical_volume,
    ),
    Field(
        "pool_used",
        "PoolUsed",
        Kind.TEXT,
        "Percent that is used of its thin pool or VDO pool, and after a slash of the metadata of a thin pool; - "
        "where it has no pool; known of this node's bricks that are on LVM (lvs)",
        _pool_used,
    ),
    Field(
        "clients",
        "Clients",
        Kind.NUMBER,
        "Connections to it: guests, mounts, self-heal daemons (volume status clients)",
        _running("client_count"),
    ),
    Field(
        "heal",
        "Heal",
        Kind.NUMBER,
        "Entries that wait to be healed, by its own count (heal info summary)",
        _healed("heal_pending"),
    ),
    Field(
        "split_brain",
        "Split",
        Kind.NUMBER,
        "Entries in split-brain, by its own count (heal info summary)",
        _healed("split_brain"),
    ),
    Field(
        "possibly_healing",
        "Healing",
        Kind.NUMBER,
        "Entries that are being healed or just written, by its own count (heal info summary)",
        _healed("possibly_healing"),
    ),
    Field("uuid", "UUID", Kind.TEXT, "Gluster's id of its host (volume info)", lambda row: row.brick.uuid),
)

BRICKS: Listing[BrickRow] = Listing(
    name="list-bricks",
    what="brick, volume or node",
    summary="list the bricks of all volumes",
    fields=FIELDS,
    default=("volume", "node", "path", "status", "size", "free", "heal"),
    rows=rows,
    unknown=lambda view: view.health.message,
    volumes=lambda row: (row.volume.name,),
)
