"""``deploy`` for a volume that exists: it is compared with the request, and what it has lost is repaired.

The volume is known by its name and id, and its bricks by where the volume lists them: a brick may have been replaced,
and the volume may have grown, since it was deployed.  Nothing is formatted and no brick is added here.
"""

from __future__ import annotations

import argparse
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy import layout as layouts
from ganeti_gluster_mon.deploy import plan
from ganeti_gluster_mon.deploy.apply import PlanRefused, query_nodes
from ganeti_gluster_mon.deploy.backend_check import advice
from ganeti_gluster_mon.deploy.brick_steps import RunGlusterd
from ganeti_gluster_mon.deploy.command_arguments import nodes_by_name, requested_layout
from ganeti_gluster_mon.deploy.context import Context, Proposal
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.pool_steps import (
    COPIES_ONLY,
    VIRT_GROUP,
    SetForGuests,
    StartVolume,
    group_options,
)
from ganeti_gluster_mon.deploy.repair_steps import BrickMounted, RestartGlusterd
from ganeti_gluster_mon.deploy.step import NodeQuery, Step
from ganeti_gluster_mon.deploy.stopped_steps import continue_steps
from ganeti_gluster_mon.deploy.survey import NodeSurvey
from ganeti_gluster_mon.ganeti.ssconf import Cluster, Node
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.text import one_line, some

_SHARD = "features.shard"
_MOST = 6


def find(members: Sequence[NodeSurvey], name: str) -> Optional[Tuple[VolumeInfo, NodeSurvey]]:
    """The volume *name*, and a node that knows it; None where no node does."""
    for member in members:
        for volume in member.volumes:
            if volume.name == name:
                return volume, member
    return None


def redeploy(
    context: Context,
    arguments: argparse.Namespace,
    volume: VolumeInfo,
    coordinator: NodeSurvey,
    members: Sequence[NodeSurvey],
) -> Proposal:
    """Repair *volume*, which *coordinator* knows; *members* are the surveys of the nodes of the cluster.

    Where nodes are named, the others are repaired too if they can be reached, and only mentioned if not.
    Raises PlanRefused, a line for each property that differs from the request and that deploy does not change.
    """
    cluster = context.cluster
    named = nodes_by_name(cluster, arguments.nodes)
    refusals = differences(arguments, volume, named, cluster)
    hosts = _nodes_of(volume, cluster)
    having = tuple(dict.fromkeys(hosts.values()))
    faults: Dict[str, str] = {
        one.name: one.fault
        for one in members
        if one.fault is not None and not (one.no_glusterd and one.name in map(_name, having))
    }
    for node in having:
        if node.offline:
            faults[node.name] = (
                f"{node.name} has bricks of {volume.name} and is offline: gnt-node modify --offline=no {node.name}"
            )
    required = [node.name for node in having if not named or node.name in named]
    away = [faults[name] for name in required if name in faults]
    if away:
        refusals += [*away, *_without_those_away(volume.name, having, faults)]
    if refusals:
        raise PlanRefused("\n".join(dict.fromkeys(refusals)))
    hosts = {host: node for host, node in hosts.items() if node.name not in faults}
    skipped = [node.name for node in having if node.name in faults]
    question = NodeQuery(coordinator.name, ("cat", VIRT_GROUP))
    layout = plan.layout_of(volume)
    peers = [*(peer.hostname for peer in coordinator.peers if not peer.local), coordinator.name]
    wanted = plan.guest_options(layout, len(peers), volume.options.get(_SHARD) != "off")
    group = group_options(query_nodes(context.host, [question])[question])
    bricks = [BrickAddress(brick.host, brick.path) for brick in volume.bricks]
    silent = {one.name: str(one.fault) for one in members if one.no_glusterd}
    nodes = list(dict.fromkeys(node.name for node in hosts.values()))
    steps: List[Step] = [RunGlusterd(node) for node in nodes]
    steps += [RestartGlusterd(node, silent[node]) for node in nodes if node in silent]
    everywhere = [one.name for one in members if one.name not in faults]
    steps += continue_steps(context.host, everywhere, [volume.name])
    steps += [
        BrickMounted(hosts[brick.node].name, brick.path, volume.name, volume.uuid)
        for brick in bricks
        if brick.node in hosts
    ]
    if volume.state == "created":  # by a deploy that was interrupted: no guest has used it yet
        own = plan.guest_options(layout, len(peers), not arguments.no_shard)
        steps.append(SetForGuests(coordinator.name, volume.name, own, layout.kind == layouts.REPLICATE))
    reached = tuple(brick for brick in bricks if brick.node in hosts) if skipped else ()
    steps.append(StartVolume(coordinator.name, volume.name, reached))
    steps += plan.ganeti_side(cluster, volume.name, bricks, peers, arguments.access, tuple(faults))
    notes = [
        *(_options(volume, group, wanted) if volume.state != "created" else ()),
        *_without_brick(cluster, volume, _nodes_of(volume, cluster), peers, bool(named)),
        *_outside_cluster(volume, _nodes_of(volume, cluster)),
        *(f"not looked at: {one_line(fault)}" for fault in faults.values()),
    ]
    result = ready(volume.name, layout.title, len(bricks))
    if skipped:
        result = (
            f"{volume.name} is repaired on the nodes that can be reached, and not on {some(skipped, _MOST)}: "
            f"gnt-gluster diagnose {' '.join(skipped)}"
        )
    return Proposal(tuple(steps), tuple(notes), result=result, advice=advice(context))


def _name(node: Node) -> str:
    return node.name


def _without_those_away(volume: str, having: Sequence[Node], faults: Mapping[str, str]) -> List[str]:
    """The command that repairs *volume* on the nodes that can be reached, where there are such."""
    rest = [node.name for node in having if node.name not in faults]
    return (
        [f"to repair the other nodes: gnt-gluster deploy --volume {volume} {' '.join(rest)}"] if rest else []
    )


def ready(volume: str, title: str, bricks: int) -> str:
    """The line that ends a deployment."""
    return f"{volume} is ready ({title} on {bricks} bricks): gnt-instance add -t gluster --disk 0:size=20G …"


def differences(
    arguments: argparse.Namespace, volume: VolumeInfo, named: Sequence[str], cluster: Cluster
) -> List[str]:
    """What differs from an explicit request, a line each, with what can be done about it.  Pure."""
    found = []
    there = plan.layout_of(volume)
    explicit = (arguments.replica, arguments.disperse, arguments.redundancy)
    if arguments.arbiter or arguments.distribute or any(value is not None for value in explicit):
        queried = requested_layout(arguments)
        if queried != there:
            found.append(
                f"{volume.name} is {there.title} on {len(volume.bricks)} bricks, not {queried.title}: the layout of a "
                f"volume is not changed; make another volume: gnt-gluster create-volume NAME "
                f"{' '.join(_flags(queried))}{_anew(volume)}"
            )
    if arguments.no_shard and volume.state != "created" and volume.options.get(_SHARD, "off") != "off":
        found.append(
            f"{volume.name} keeps files in shards ({_SHARD} {volume.options[_SHARD]}): that is never changed once "
            f"there are disks, which would be lost; make another volume: gnt-gluster create-volume NAME --no-shard"
            f"{_anew(volume)}"
        )
    hosts = _nodes_of(volume, cluster)
    have = {node.name for node in hosts.values()}
    lacking = [name for name in named if name not in have]
    if lacking:
        held = some(list(dict.fromkeys(node.name for node in hosts.values())), _MOST)
        found.append(
            f"{some(lacking, _MOST)} {_has(lacking)} no brick of {volume.name}, which is on {held}: deploy adds no "
            f"bricks to a volume that exists; {_expand(volume, lacking, there.size)}"
        )
    return found


def _anew(volume: VolumeInfo) -> str:
    return f"; or delete this one first: gnt-gluster destroy-volume {volume.name}"


def _flags(layout: layouts.Layout) -> Tuple[str, ...]:
    """A layout as options of our own commands."""
    if layout.kind == layouts.DISTRIBUTE:
        return ("--distribute",)
    words = [f"--{word}" if not word.isdigit() else word for word in layout.words]
    return tuple(words[:-1] if layout.arbiter else words)


def _expand(volume: VolumeInfo, nodes: Sequence[str], size: int) -> str:
    """How nodes without a brick get one: only in whole sets."""
    more = -len(nodes) % size
    words = f"gnt-gluster expand-volume {volume.name} {' '.join(nodes)}{' NODE' * more} --device DEVICE"
    if not more:
        return f"to add some: {words}"
    needed = "1 more node is" if more == 1 else f"{more} more nodes are"
    return f"bricks are added in sets of {size} nodes, so {needed} needed: {words}"


def _nodes_of(volume: VolumeInfo, cluster: Cluster) -> Dict[str, Node]:
    """The cluster's node for each host that the volume's bricks name; hosts that are no node are left out."""
    found = {}
    for brick in volume.bricks:
        node = cluster.node_of_host(brick.host)
        if node is not None:
            found[brick.host] = node
    return found


def _without_brick(
    cluster: Cluster, volume: VolumeInfo, hosts: Mapping[str, Node], peers: Sequence[str], named: bool
) -> List[str]:
    """Nodes that deploy would have taken, and that have no brick; and those that are not even in the pool."""
    have = {node.name for node in hosts.values()}
    online = [node for node in cluster.nodes if not node.offline]
    lacking = [node.name for node in online if node.name not in have]
    notes = []
    if lacking and not named:
        size = plan.layout_of(volume).size
        notes.append(
            f"{some(lacking, _MOST)} {_has(lacking)} no brick of {volume.name}: {_expand(volume, lacking, size)}"
        )
    outside = plan.outsiders(cluster, peers)
    if outside:
        notes.append(
            f"{some(outside, _MOST)} may run instances and {'is' if len(outside) == 1 else 'are'} not in the pool: "
            f"guests start there only if the host that Ganeti has for {volume.name} (gluster:host) is reached from "
            f"there; gnt-gluster add-node {' '.join(outside)}"
        )
    return notes


def _outside_cluster(volume: VolumeInfo, hosts: Mapping[str, Node]) -> List[str]:
    strangers = [brick.host for brick in volume.bricks if brick.host not in hosts]
    if not strangers:
        return []
    return [
        f"{some(list(dict.fromkeys(strangers)), _MOST)} {_has(strangers)} bricks of {volume.name} and is no node of "
        f"the cluster: mounts and /etc/fstab are not checked there"
    ]


def _has(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _options(volume: VolumeInfo, group: Mapping[str, str], wanted: Sequence[Tuple[str, str]]) -> List[str]:
    """The options that are not as deploy sets them: they are the administrator's, and are named only."""
    copies = plan.layout_of(volume).kind == layouts.REPLICATE
    expected = {
        name: value for name, value in {**group, **dict(wanted)}.items() if copies or name not in COPIES_ONLY
    }
    if volume.options.get(_SHARD, "off") == "off":
        expected.pop(_SHARD, None)
    different = {name: value for name, value in expected.items() if volume.options.get(name) != value}
    if not different:
        return []
    parsed = [
        one_line(f"{name} is {volume.options.get(name, 'not set')}, not {value}", 120)
        for name, value in different.items()
    ]
    name, value = next(iter(different.items()))
    return [
        f"options of {volume.name} that are not as deploy sets them, and stay as they are: {some(parsed, _MOST)}; to "
        f"change one: gluster volume set {volume.name} {name} {value}"
    ]
