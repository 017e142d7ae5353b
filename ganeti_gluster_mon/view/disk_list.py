"""`gnt-gluster list-disks`: instances' disks, and the bricks they lie on."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import AbstractSet, List, Optional, Sequence, Tuple

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.gluster.model import Disk, Volume
from ganeti_gluster_mon.health import DiskHealth, evaluate_disk
from ganeti_gluster_mon.view.fields import Field, Kind
from ganeti_gluster_mon.view.listing import Listing
from ganeti_gluster_mon.view.pool_view import PoolView
from ganeti_gluster_mon.view.targets import targets


@dataclass(frozen=True)
class DiskRow:
    """A disk and how it is judged."""

    disk: Disk
    judged: DiskHealth


def rows(view: PoolView) -> Optional[List[DiskRow]]:
    """All disks, by instance; None where it is not known which there are."""
    if view.pool.disks is None:
        return None
    volumes = {volume.name: volume for volume in view.pool.volumes or ()}
    return [DiskRow(disk, evaluate_disk(disk, view.pool, volumes)) for disk in view.pool.disks]


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that name what the disks lie on."""
    parser.add_argument("--volume", metavar="VOLUME", help="only disks on this volume")
    for option, name in (("--brick", "BRICK"), ("--node", "NODE")):
        parser.add_argument(
            option,
            metavar=name,
            help=f"only disks that lie, or may lie, on {'this brick' if name == 'BRICK' else 'bricks of this node'}",
        )


def narrow(view: PoolView, rows: Sequence[DiskRow], arguments: argparse.Namespace) -> List[DiskRow]:
    """Those of *rows* that the options leave.  A disk whose bricks are not known may lie on each of its volume.

    Raises CommandError for a volume, a brick or a node that there is not.
    """
    left = list(rows)
    volumes = {volume.name: volume for volume in view.pool.volumes or ()}
    if arguments.volume is not None:
        if arguments.volume not in volumes:
            raise CommandError(f"no volume {arguments.volume!r}; gnt-gluster list shows which there are")
        left = [row for row in left if row.disk.volume == arguments.volume]
    for name in (arguments.brick, arguments.node):
        if name is None:
            continue
        hosts, labels = targets(view.pool, view.cluster, [name])
        left = [row for row in left if _may_lie(row.disk, volumes.get(row.disk.volume), hosts, labels)]
    return left


def _may_lie(disk: Disk, volume: Optional[Volume], hosts: AbstractSet[str], labels: AbstractSet[str]) -> bool:
    bricks = disk.bricks if disk.bricks is not None else (volume.bricks if volume is not None else ())
    return any(brick.label in labels or brick.host in hosts for brick in bricks)


FIELDS: Tuple[Field[DiskRow], ...] = (
    Field(
        "instance",
        "Instance",
        Kind.TEXT,
        "Instance it is a disk of (Ganeti's configuration)",
        lambda row: row.disk.instance,
        names=True,
    ),
    Field(
        "disk",
        "Disk",
        Kind.TEXT,
        "Which of the instance's disks it is: disk/0 (Ganeti's configuration)",
        lambda row: row.disk.name,
    ),
    Field(
        "pnode",
        "Primary_node",
        Kind.TEXT,
        "The instance's primary node (Ganeti's configuration)",
        lambda row: row.disk.node,
    ),
    Field(
        "template",
        "Disk_template",
        Kind.TEXT,
        "gluster, or ext for our ExtStorage provider (Ganeti's configuration)",
        lambda row: row.disk.template,
    ),
    Field(
        "volume",
        "Volume",
        Kind.TEXT,
        "Volume it is on (Ganeti's disk parameters)",
        lambda row: row.disk.volume,
        names=True,
    ),
    Field(
        "path",
        "Path",
        Kind.TEXT,
        "Its file on the volume (Ganeti's configuration)",
        lambda row: row.disk.path,
    ),
    Field(
        "size",
        "Size",
        Kind.SIZE,
        "What it may grow to (Ganeti's configuration)",
        lambda row: row.disk.size,
    ),
    Field(
        "allocated",
        "Allocated",
        Kind.SIZE,
        "What it takes now, copies not counted (stat on this node's brick, else by libgfapi)",
        lambda row: row.disk.allocated,
    ),
    Field(
        "bricks",
        "Bricks",
        Kind.LIST,
        "The bricks that hold it; of a sharded volume those that may hold parts of it "
        "(stat on this node's bricks, else pathinfo by libgfapi)",
        lambda row: None if row.disk.bricks is None else tuple(brick.label for brick in row.disk.bricks),
    ),
    Field(
        "nodes",
        "Nodes",
        Kind.LIST,
        "Hosts of these bricks (as bricks)",
        lambda row: (
            None if row.disk.bricks is None else tuple(dict.fromkeys(brick.host for brick in row.disk.bricks))
        ),
    ),
    Field(
        "missing",
        "Missing",
        Kind.LIST,
        "Those of these bricks that are offline (volume status)",
        lambda row: (
            None
            if row.disk.bricks is None
            else tuple(brick.label for brick in row.disk.bricks if brick.online is False)
        ),
    ),
    Field(
        "status",
        "Status",
        Kind.TEXT,
        "How it is: healthy, healing (a copy may lack what was written last), degraded (a copy is missing), "
        "down, stopped with its volume, or unknown",
        lambda row: row.judged.status,
    ),
    Field(
        "heal",
        "Heal",
        Kind.NUMBER,
        "Entries of it, its file and shards, that are known to wait to be healed "
        "(heal index of the bricks of this node and of the leader)",
        lambda row: row.disk.to_heal,
    ),
    Field(
        "at_risk",
        "AtRisk",
        Kind.BOOL,
        "Whether less holds it now than should; while heal is under way, it is known only where heal is",
        lambda row: row.judged.at_risk,
    ),
    Field("message", "Message", Kind.TEXT, "Why, in words", lambda row: row.judged.message),
)

DISKS: Listing[DiskRow] = Listing(
    name="list-disks",
    what="instance or volume",
    summary="list instances' disks, and the bricks they lie on",
    fields=FIELDS,
    default=("instance", "disk", "volume", "size", "allocated", "nodes", "status", "at_risk"),
    rows=rows,
    unknown=lambda view: view.pool.disks_unknown or "instances' disks were not looked at",
    volumes=lambda row: (row.disk.volume,),
    add_options=add_options,
    narrow=narrow,
)
