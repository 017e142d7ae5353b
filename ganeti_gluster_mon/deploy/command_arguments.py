"""Layouts, nodes and places from the arguments of a command.  Pure: no node is queried."""

from __future__ import annotations

import argparse
from typing import List, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy import layout as layouts
from ganeti_gluster_mon.deploy.layout import BrickAddress, Layout
from ganeti_gluster_mon.deploy.plan import BrickPlace
from ganeti_gluster_mon.ganeti.ssconf import Cluster
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.text import some


class UsageError(Exception):
    """The arguments contradict each other, or the cluster; one line."""


def requested_layout(arguments: argparse.Namespace) -> Layout:
    if arguments.redundancy is not None and arguments.disperse is None:
        raise UsageError("--redundancy belongs to --disperse")
    if arguments.arbiter and (arguments.distribute or arguments.disperse is not None):
        raise UsageError("--arbiter belongs to --replica 3")
    if arguments.distribute:
        return layouts.distribute()
    if arguments.disperse is not None:
        return layouts.disperse(
            arguments.disperse, 1 if arguments.redundancy is None else arguments.redundancy
        )
    return layouts.replica(3 if arguments.replica is None else arguments.replica, arguments.arbiter)


def nodes_by_name(cluster: Cluster, names: Sequence[str]) -> Tuple[str, ...]:
    """The full names of nodes of the cluster.  Raises UsageError for any other."""
    found = []
    for name in names:
        node = cluster.node_of_host(name)
        if node is None:
            known = some([one.name for one in cluster.nodes], 9)
            raise UsageError(f"{name!r} is no node of {cluster.name}: these are {known}")
        if node.offline:
            raise UsageError(f"{node.name} is offline: gnt-node modify --offline=no {node.name}")
        found.append(node.name)
    return tuple(dict.fromkeys(found))


def brick_by_name(cluster: Cluster, volume: VolumeInfo, brick: BrickAddress) -> BrickAddress:
    """The brick of *volume* that is meant: its host may be named as Gluster or Ganeti has it, by address, or cut short.

    What names no brick, or several, is returned as it is.
    """
    known = cluster.node_of_host(brick.node)
    names = {brick.node} if known is None else {brick.node, known.name, known.primary_ip, known.secondary_ip}
    found = {
        BrickAddress(one.host, one.path)
        for one in volume.bricks
        if one.path == brick.path and (one.host in names or one.host.startswith(f"{brick.node}."))
    }
    return found.pop() if len(found) == 1 else brick


def nodes_online(cluster: Cluster, layout: Layout) -> Tuple[str, ...]:
    """All nodes that are online; for a layout with arbiters those that run no instances come last."""
    nodes = [node for node in cluster.nodes if not node.offline]
    if layout.arbiter:
        nodes.sort(key=lambda node: not node.vm_capable)
    return tuple(node.name for node in nodes)


def requested_places(
    cluster: Cluster, nodes: Sequence[str], arguments: argparse.Namespace
) -> Tuple[BrickPlace, ...]:
    """Where the bricks are to be, node by node."""
    if not arguments.device and not arguments.directory:
        raise UsageError("name the disks for the bricks with --device, or directories with --directory")
    for option in (arguments.device, arguments.directory, arguments.wipe, arguments.discard_kept):
        for name, _ in option:
            if name is not None and nodes_by_name(cluster, [name])[0] not in nodes:
                raise UsageError(f"{name} is not among the nodes: {some(nodes, 6)}")

    def of(node: str, option: Sequence[Tuple[Optional[str], str]]) -> List[str]:
        named = [
            path for name, path in option if name is not None and nodes_by_name(cluster, [name])[0] == node
        ]
        return list(dict.fromkeys(named or [path for name, path in option if name is None]))

    if len(nodes) > 1:
        for name, path in arguments.wipe:
            if name is None:
                raise UsageError(f"--wipe {path}: name the node, too: {nodes[0]}:{path}")
    wiped = {node: of(node, arguments.wipe) for node in nodes}
    kept = {node: of(node, arguments.discard_kept) for node in nodes}
    places = []
    for node in nodes:
        devices = of(node, arguments.device)
        places += [
            BrickPlace(node, device=device, wipe=device in wiped[node], discard_kept=device in kept[node])
            for device in devices
        ]
        directories = of(node, arguments.directory)
        places += [BrickPlace(node, directory=path, wipe=path in wiped[node]) for path in directories]
        for path in wiped[node]:
            if path not in (*devices, *directories):
                raise UsageError(
                    f"--wipe {node}:{path}: it is not among the devices and directories of {node}"
                )
        for path in kept[node]:
            if path not in devices or path not in wiped[node]:
                raise UsageError(
                    f"--discard-kept {node}:{path}: name that device in --device and --wipe, too"
                )
    return tuple(places)


def warnings(arguments: argparse.Namespace, layout: Layout) -> List[str]:
    """What cannot be undone, or will be regretted."""
    notes = [_of_shards(arguments)]
    if layout.kind == layouts.REPLICATE and layout.size == 2:
        notes.append(
            "two copies split their brain when each node has taken writes that the other lacks: take a third node, "
            "a small one, and --replica 3 --arbiter"
        )
    return notes


def _of_shards(arguments: argparse.Namespace) -> str:
    if arguments.no_shard:
        return f"{arguments.volume} keeps each file whole (no sharding): that can never be changed once there are disks"
    return (
        f"{arguments.volume} keeps files in shards of 64 MiB, as is good for disks of guests: that can "
        f"never be changed once there are disks (--no-shard for none)"
    )
