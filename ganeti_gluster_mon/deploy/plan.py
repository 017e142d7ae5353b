"""Makes steps of the arguments and the survey.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy.block_devices import filesystem_uuid
from ganeti_gluster_mon.deploy.brick_directory import MakeBrick
from ganeti_gluster_mon.deploy.brick_steps import (
    BRICK_DIRECTORY,
    MakeFilesystem,
    MountFilesystem,
    RunGlusterd,
)
from ganeti_gluster_mon.deploy.ganeti_steps import AllowDirectory, EnableTemplate
from ganeti_gluster_mon.deploy.layout import DISPERSE, DISTRIBUTE, REPLICATE, BrickAddress, Layout, arrange
from ganeti_gluster_mon.deploy.pool_steps import CreateVolume, JoinPool, KnowByName, SetForGuests, StartVolume
from ganeti_gluster_mon.deploy.rejoining import Rejoin
from ganeti_gluster_mon.deploy.repair_steps import RecordMountPoint
from ganeti_gluster_mon.deploy.step import PreconditionFailed, Step
from ganeti_gluster_mon.deploy.survey import NodeSurvey
from ganeti_gluster_mon.ganeti.ssconf import Cluster
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.text import some

#: bricks on devices are mounted at this and a number, and are this directory in there
MOUNT_POINT = "/export/brick"
DIRECTORY = BRICK_DIRECTORY

PORT = 24007
#: where Ganeti 3.0 has its mounts by default
STORAGE_DIRECTORY = "/var/run/ganeti/gluster"
_ITSELF = "127.0.0.1"


@dataclass(frozen=True)
class BrickPlace:
    """Where a brick will be: a whole device, or a directory on an existing filesystem."""

    node: str
    device: Optional[str] = None
    directory: Optional[str] = None
    #: what is on the device, or the stale brick in the directory, may be lost
    wipe: bool = False
    #: copies of disks that `repair --discard-copy` kept on the device may be lost
    discard_kept: bool = False


@dataclass(frozen=True)
class Bricks:
    """Bricks, and the steps that make them."""

    bricks: Tuple[BrickAddress, ...]
    steps: Tuple[Step, ...]


def coordinator(surveyed: Sequence[NodeSurvey]) -> NodeSurvey:
    """The node whose pool the others join: the first that is in one, or the first of all.

    Raises PreconditionFailed where no node can be queried.
    """
    well = [one for one in surveyed if one.fault is None]
    if not well:
        raise PreconditionFailed("no node can be queried about the pool")
    return next((one for one in well if one.in_pool), well[0])


def strangers(member: NodeSurvey, cluster: Cluster) -> Tuple[str, ...]:
    """The peers in the pool of *member* that are no nodes of the cluster."""
    known = {word for node in cluster.nodes for word in (node.name, node.primary_ip, node.secondary_ip)}
    return tuple(peer.hostname for peer in member.peers if not peer.local and peer.hostname not in known)


def make_bricks(
    cluster: Cluster,
    volume: str,
    places: Sequence[BrickPlace],
    surveyed: Mapping[str, NodeSurvey],
    coordinator: str,
    point: Optional[str] = None,
    same_slot: bool = False,
) -> Bricks:
    """A brick of *volume* in each of *places*, of nodes that were *surveyed* to be well.

    With *same_slot* it is the place of a brick of the volume, whose disk was replaced; *point* is its mount point.
    """
    bricks: List[BrickAddress] = []
    disks: List[Step] = []
    directories: List[Step] = []
    taken: Dict[str, List[str]] = {}
    for place in places:
        if place.device is None:
            assert place.directory is not None
            bricks.append(BrickAddress(place.node, place.directory))
            directories.append(
                MakeBrick(
                    place.node, place.directory, volume, coordinator, wipe=place.wipe, same_slot=same_slot
                )
            )
            continue
        node = surveyed[place.node]
        uuid = filesystem_uuid(cluster.name, place.node, place.device, node.devices[place.device])
        where = point or mount_point(node, uuid, taken.setdefault(place.node, []))
        taken.setdefault(place.node, []).append(where)
        disks.append(
            MakeFilesystem(
                place.node,
                place.device,
                uuid,
                where,
                DIRECTORY,
                coordinator,
                place.wipe,
                same_slot,
                place.discard_kept,
            )
        )
        disks.append(RecordMountPoint(place.node, where, uuid))
        disks.append(MountFilesystem(place.node, place.device, uuid, where, same_slot))
        path = f"{where}/{DIRECTORY}"
        bricks.append(BrickAddress(place.node, path))
        named = f"{place.node}:{place.device}"
        directories.append(
            MakeBrick(
                place.node,
                path,
                volume,
                coordinator,
                where,
                wipe=place.wipe,
                same_slot=same_slot,
                device=named,
            )
        )
    return Bricks(tuple(bricks), (*disks, *directories))


def mount_point(node: NodeSurvey, uuid: str, taken: Sequence[str]) -> str:
    """Where the filesystem *uuid* is mounted, or will be: /export/brick1, or the next that is free."""
    for entry in node.fstab:
        if entry.source == f"UUID={uuid}":
            return entry.mount_point
    used = {*(entry.mount_point for entry in node.fstab), *node.mount_points, *taken}
    number = 1
    while f"{MOUNT_POINT}{number}" in used:
        number += 1
    return f"{MOUNT_POINT}{number}"


def join(nodes: Sequence[str], coordinator: NodeSurvey) -> Tuple[Step, ...]:
    """*nodes* as peers of *coordinator*, which all know by its name."""
    others = [node for node in dict.fromkeys(nodes) if node != coordinator.name]
    steps: List[Step] = [RunGlusterd(node) for node in dict.fromkeys((coordinator.name, *others))]
    # Gluster calls a reinstalled node connected until it exchanges messages with it: only the UUID differs.
    listed = {peer.hostname for peer in coordinator.peers if not peer.local}
    steps += [Rejoin(node, coordinator.name) for node in others if node in listed]
    steps += [JoinPool(node, coordinator.name) for node in others]
    if others:
        steps.append(KnowByName(others[0], coordinator.name))
    return tuple(steps)


def guest_options(layout: Layout, nodes: int, sharded: bool) -> Tuple[Tuple[str, str], ...]:
    """The options that differ from Gluster's group virt.

    Server quorum ends bricks where less than half of the nodes are left.  With copies that is right; where
    there are none, or two nodes only, it would take away what still works.
    """
    options: List[Tuple[str, str]] = []
    if not layout.keeps_copies or nodes < 3:
        options.append(("cluster.server-quorum-type", "none"))
    if not sharded:
        options.append(("features.shard", "off"))
    return tuple(options)


def create(
    volume: str, layout: Layout, made: Bricks, coordinator: NodeSurvey, sharded: bool = True
) -> Tuple[Step, ...]:
    """A started volume.  Raises NoLayout where the bricks do not make one."""
    bricks = arrange(layout, made.bricks)
    nodes = tuple(brick.node for brick in bricks)
    pool = {*nodes, *(peer.hostname for peer in coordinator.peers if not peer.local)}
    return (
        *join(nodes, coordinator),
        *made.steps,
        CreateVolume(coordinator.name, volume, layout, bricks),
        SetForGuests(
            coordinator.name, volume, guest_options(layout, len(pool), sharded), layout.kind == REPLICATE
        ),
        StartVolume(coordinator.name, volume),
    )


def ganeti_side(
    cluster: Cluster,
    volume: str,
    bricks: Sequence[BrickAddress],
    peers: Sequence[str],
    access: Optional[str],
    away: Sequence[str] = (),
) -> Tuple[Step, ...]:
    """The settings that Ganeti needs to make disks on *volume*; *peers* are the nodes of the pool.

    Nodes that are *away* cannot get them.
    """
    directory = storage_directory(cluster)
    online = [node for node in cluster.nodes if not node.offline]
    outside = [node.name for node in online if node.vm_capable and node.name not in peers]
    host = bricks[0].node if outside else _ITSELF
    return (
        *(AllowDirectory(node.name, directory) for node in online if node.name not in away),
        EnableTemplate(cluster.master, host, PORT, volume, access),
    )


def allow(cluster: Cluster, nodes: Sequence[str]) -> Tuple[Step, ...]:
    """Ganeti's directory for Gluster allowed on *nodes* that a volume comes to, as `deploy` does it."""
    return tuple(AllowDirectory(node, storage_directory(cluster)) for node in nodes)


def storage_directory(cluster: Cluster) -> str:
    """Where Ganeti has its mounts."""
    return cluster.gluster_storage_dir or STORAGE_DIRECTORY


def outsiders(cluster: Cluster, peers: Sequence[str]) -> Tuple[str, ...]:
    """Nodes that may run instances and are not in the pool."""
    return tuple(
        node.name for node in cluster.nodes if node.vm_capable and not node.offline and node.name not in peers
    )


def layout_of(volume: VolumeInfo) -> Layout:
    """How a volume that exists keeps its data.  Raises PreconditionFailed for a kind that is not made here."""
    kind = volume.type.rpartition("distributed-")[2]
    if kind == REPLICATE:
        return Layout(REPLICATE, volume.replica_count, arbiter=volume.arbiter_count > 0)
    if kind == DISPERSE:
        return Layout(DISPERSE, volume.disperse_count, redundancy=volume.redundancy_count)
    if kind == DISTRIBUTE:
        return Layout(DISTRIBUTE)
    raise PreconditionFailed(f"{volume.name} is of the type {volume.type}, which is not known here")


def set_of(volume: VolumeInfo, brick: BrickAddress) -> Tuple[BrickAddress, ...]:
    """The bricks of the set of *volume* that *brick* is in, itself among them; empty where it is in none."""
    layout = layout_of(volume)
    bricks = [BrickAddress(one.host, one.path) for one in volume.bricks]
    if brick not in bricks:
        return ()
    at = bricks.index(brick) // layout.size * layout.size
    return tuple(bricks[at : at + layout.size])


def must_have(volume: VolumeInfo, brick: BrickAddress) -> None:
    """Raises PreconditionFailed where *brick* is none of *volume*."""
    if not set_of(volume, brick):
        held = described([BrickAddress(one.host, one.path) for one in volume.bricks])
        raise PreconditionFailed(f"{brick.label} is no brick of {volume.name}: these are {held}")


def described(bricks: Sequence[BrickAddress]) -> str:
    """Some of the bricks, for a line."""
    return some([brick.label for brick in bricks], 6)
