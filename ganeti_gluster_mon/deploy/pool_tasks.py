"""The proposal of each command that changes a pool: from the request and from what exists."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from typing import Dict, List, Sequence, Tuple

from ganeti_gluster_mon import etc_default
from ganeti_gluster_mon.deploy import discarding, plan, reducing
from ganeti_gluster_mon.deploy import layout as layouts
from ganeti_gluster_mon.deploy.apply import query_nodes
from ganeti_gluster_mon.deploy.backend_check import advice
from ganeti_gluster_mon.deploy.balance import has_layout, is_balanced
from ganeti_gluster_mon.deploy.brick_directory import MakeBrick
from ganeti_gluster_mon.deploy.brick_state import is_waiting, waiting_query
from ganeti_gluster_mon.deploy.command_arguments import (
    UsageError,
    nodes_by_name,
    nodes_online,
    requested_layout,
    requested_places,
    warnings,
)
from ganeti_gluster_mon.deploy.context import Context, Proposal
from ganeti_gluster_mon.deploy.ganeti_steps import CONFIGURATION, configuration
from ganeti_gluster_mon.deploy.joining import (
    TAG,
    Described,
    Growth,
    became,
    candidates,
    described,
    growth,
    waiting,
)
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.plan import BrickPlace
from ganeti_gluster_mon.deploy.pool_steps import (
    AddBricks,
    DeleteVolume,
    LeavePool,
    StartVolume,
    bricks_on,
    has_bricks,
    keeps_copies,
)
from ganeti_gluster_mon.deploy.previous_rebalance import previous_rebalance
from ganeti_gluster_mon.deploy.redeploy import find, ready, redeploy
from ganeti_gluster_mon.deploy.releasing import release_disk as release_disk
from ganeti_gluster_mon.deploy.repairing import repair as repair
from ganeti_gluster_mon.deploy.replacing import replace_brick as replace_brick
from ganeti_gluster_mon.deploy.restarting import restart_brick as restart_brick
from ganeti_gluster_mon.deploy.step import NodeQuery, PreconditionFailed, Step
from ganeti_gluster_mon.deploy.survey import NodeSurvey
from ganeti_gluster_mon.deploy.task_queries import (
    coordinator_of,
    find_volume,
    look_at,
    pool_members,
    proposal,
)
from ganeti_gluster_mon.deploy.task_steps import Rebalanced, StartRebalance
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.text import one_line, some


@dataclass(frozen=True)
class NewVolume:
    """A volume that does not exist yet, as requested: its bricks, and the steps that make it."""

    nodes: Tuple[str, ...]
    coordinator: NodeSurvey
    bricks: Tuple[BrickAddress, ...]
    steps: Tuple[Step, ...]
    notes: Tuple[str, ...]
    places: Tuple[BrickPlace, ...]


def _new_volume(context: Context, arguments: argparse.Namespace) -> NewVolume:
    layout = requested_layout(arguments)
    nodes = nodes_by_name(context.cluster, arguments.nodes) or nodes_online(context.cluster, layout)
    places = requested_places(context.cluster, nodes, arguments)
    surveyed = look_at(context, nodes, places)
    coordinator = coordinator_of(context, nodes, surveyed)
    made = plan.make_bricks(context.cluster, arguments.volume, places, surveyed, coordinator.name)
    steps = plan.create(arguments.volume, layout, made, coordinator, not arguments.no_shard)
    return NewVolume(nodes, coordinator, made.bricks, steps, tuple(warnings(arguments, layout)), places)


def deploy(context: Context, arguments: argparse.Namespace) -> Proposal:
    """From empty disks to a volume that Ganeti uses; one that exists is compared and repaired."""
    members = pool_members(context)
    known = find(members, arguments.volume)
    if known is not None:
        volume, coordinator = known
        return redeploy(context, arguments, volume, coordinator, members)
    new = _new_volume(context, arguments)
    peers = [*new.nodes, *(peer.hostname for peer in new.coordinator.peers), new.coordinator.name]
    side = plan.ganeti_side(context.cluster, arguments.volume, new.bricks, peers, arguments.access)
    notes = list(new.notes)
    outside = plan.outsiders(context.cluster, peers)
    if outside:
        notes.append(
            f"{some(outside, 4)} may run instances and is not in the pool: guests there begin with "
            f"{new.bricks[0].node}, and do not start while that is down; gnt-gluster add-node, then deploy again"
        )
    request = proposal((*new.steps, *side), notes, new.places)
    layout = requested_layout(arguments)
    result = ready(arguments.volume, layout.title, len(new.bricks))
    return replace(request, result=result, advice=advice(context))


def create_volume(context: Context, arguments: argparse.Namespace) -> Proposal:
    """A volume that is not added to Ganeti's settings."""
    new = _new_volume(context, arguments)
    result = (
        f"{arguments.volume} is started, and Ganeti does not use it; guests' disks on it: gnt-group modify "
        f"--disk-parameters=gluster:volume={arguments.volume} GROUP"
    )
    return replace(proposal(new.steps, new.notes, new.places), result=result)


def expand_volume(context: Context, arguments: argparse.Namespace) -> Proposal:
    """More sets of bricks in a volume, and its files spread over all of them."""
    nodes = nodes_by_name(context.cluster, arguments.nodes)
    places = requested_places(context.cluster, nodes, arguments)
    volume, coordinator, surveyed = find_volume(context, arguments.volume, nodes, places)
    made = plan.make_bricks(context.cluster, volume.name, places, surveyed, coordinator.name)
    bricks = layouts.arrange(plan.layout_of(volume), made.bricks)
    present = {BrickAddress(one.host, one.path) for one in volume.bricks}
    repeated = present.issuperset(bricks)
    before = previous_rebalance(context, coordinator.name, volume.name, bricks_change=not repeated)
    after: List[Step] = [StartRebalance(coordinator.name, volume.name, arguments.no_rebalance, *before)]
    if not arguments.no_rebalance:
        after.append(Rebalanced(coordinator.name, volume.name, before.id))
    if repeated:  # what is spread already is not spread again
        layout = has_layout(context, volume) if arguments.no_rebalance else False
        if layout or is_balanced(context, coordinator.name, volume):
            after = []
    result = (
        f"{volume.name} has {len(present.union(bricks))} bricks, and its files are spread over all of them"
    )
    if arguments.no_rebalance:
        result = (
            f"{volume.name} has {len(present.union(bricks))} bricks, and new files go to all of them; what was there "
            f"stays where it is: gnt-gluster rebalance {volume.name} spreads it"
        )
    wished = proposal(
        (
            *plan.join(nodes, coordinator),
            *plan.allow(context.cluster, nodes),
            *made.steps,
            AddBricks(coordinator.name, volume.name, bricks),
            StartVolume(coordinator.name, volume.name, bricks),
            *after,
        ),
        [],
        places,
    )
    return replace(wished, result=result)


def rebalance(context: Context, arguments: argparse.Namespace) -> Proposal:
    """The files of a volume spread over all its bricks."""
    volume, coordinator, _ = find_volume(context, arguments.volume)
    if len(volume.bricks) <= plan.layout_of(volume).size:
        raise PreconditionFailed(
            f"{volume.name} is one set of bricks, which all hold the same: there is nothing to spread"
        )
    result = f"the files of {volume.name} are spread over all its bricks"
    if is_balanced(context, coordinator.name, volume) and not arguments.force:
        return Proposal((), result=f"{result} since its last rebalance (-f spreads them again)")
    before = previous_rebalance(context, coordinator.name, volume.name)
    return Proposal(
        (
            StartRebalance(coordinator.name, volume.name, False, *before),
            Rebalanced(coordinator.name, volume.name, before.id),
        ),
        result=result,
    )


def add_node(context: Context, arguments: argparse.Namespace) -> Proposal:
    """Peers without bricks; with --join, each as the hook would have it."""
    nodes = nodes_by_name(context.cluster, arguments.nodes)
    if arguments.join:
        parsed = described(context.cluster.tags, etc_default.text())
        if parsed is None:
            raise PreconditionFailed(
                f"what nodes bring along is not described: in {etc_default.PATH}, or by a tag {TAG}VOLUME:/dev/DISK"
            )
        if len(nodes) > 1:
            raise UsageError("--join takes one node after the other")
        steps, grown = join_node(context, nodes[0], parsed)
        return Proposal(steps, (f"in the end {became(nodes[0], parsed.volume, grown)}",))
    surveyed = look_at(context, nodes, ())
    coordinator = coordinator_of(context, nodes, surveyed)
    steps = (*plan.join(nodes, coordinator), *plan.allow(context.cluster, nodes))
    return Proposal(steps, result=_in_the_pool(nodes, coordinator))


def _in_the_pool(nodes: Sequence[str], coordinator: NodeSurvey) -> str:
    """The last line of `add-node`.  A node that was installed anew has bricks, as the pool lists them."""
    is_in = f"{some(nodes, 6)} {'is' if len(nodes) == 1 else 'are'} in the pool"
    uuids = {peer.hostname: peer.uuid for peer in coordinator.peers}
    held = [brick for node in nodes for brick in bricks_on(coordinator.volumes, node, uuids.get(node))]
    if held:
        named = one_line(some([f"{brick.label} of {volume}" for volume, brick in held], 3))
        return f"{is_in}, with {named}: gnt-gluster diagnose {' '.join(nodes)} shows what is missing there"
    return f"{is_in}, without bricks: gnt-gluster expand-volume VOLUME {' '.join(nodes)} --device DEVICE adds some"


def join_node(context: Context, node: str, parsed: Described) -> Tuple[Tuple[Step, ...], Growth]:
    """The storage of *node* as bricks of a volume, together with those of others that wait.

    What does not make a whole set waits.  Raises CommandError.
    """
    places = [
        *(BrickPlace(node, device=device) for device in parsed.devices),
        *(BrickPlace(node, directory=directory) for directory in parsed.directories),
    ]
    others = pool_members(context, [node])
    volume, coordinator, surveyed = find_volume(context, parsed.volume, [node], places, others)
    made = plan.make_bricks(context.cluster, volume.name, places, surveyed, coordinator.name)
    marked: Dict[str, List[str]] = {}
    for brick in (*_marked(context, parsed, coordinator, (*surveyed.values(), *others)), *made.bricks):
        if brick.path not in marked.setdefault(brick.node, []):
            marked[brick.node].append(brick.path)
    grown = growth(plan.layout_of(volume), waiting(volume, marked))
    steps = [
        *plan.join([node], coordinator),
        *made.steps,
        *plan.allow(context.cluster, [node]),
    ]
    if grown.joins:
        # those of other nodes have waited, and may have been used for something else since
        steps += [
            MakeBrick(brick.node, brick.path, volume.name, coordinator.name)
            for brick in grown.joins
            if brick not in made.bricks
        ]
        before = previous_rebalance(context, coordinator.name, volume.name, bricks_change=True)
        steps += [
            AddBricks(coordinator.name, volume.name, grown.joins),
            StartVolume(coordinator.name, volume.name, grown.joins),
            StartRebalance(coordinator.name, volume.name, True, *before),
        ]
    return tuple(steps), grown


def _marked(
    context: Context, parsed: Described, coordinator: NodeSurvey, surveyed: Sequence[NodeSurvey]
) -> Tuple[BrickAddress, ...]:
    """Directories marked for a volume, on those nodes that were *surveyed* and are in the pool of *coordinator*."""
    members = {peer.uuid for peer in coordinator.peers}
    nodes = [one for one in surveyed if one.fault is None and one.uuid in members]
    queries = {
        BrickAddress(one.name, path): NodeQuery(one.name, waiting_query(path))
        for one in nodes
        for path in candidates(one.fstab, parsed)
    }
    answers = query_nodes(context.host, queries.values())
    return tuple(
        brick for brick, query in queries.items() if is_waiting(brick.path, answers[query], parsed.volume)
    )


def remove_node(context: Context, arguments: argparse.Namespace) -> Proposal:
    """A peer less."""
    (name,) = arguments.nodes
    known = context.cluster.node_of_host(name)
    names = {name} if known is None else {known.name, known.primary_ip, known.secondary_ip}
    name = known.name if known is not None else name
    coordinator = plan.coordinator([one for one in pool_members(context) if one.name != name])
    peer = next(
        (one for one in coordinator.peers if one.hostname in names or one.hostname.startswith(f"{name}.")),
        None,
    )
    if peer is None and known is not None:
        # as after a command that was killed when its last step was done
        return Proposal((), result=f"{name} is not in the pool of {coordinator.name}: gnt-node remove {name}")
    if peer is None:
        raise PreconditionFailed(
            f"{name} is no peer of the pool that {coordinator.name} is in: gluster pool list names them"
        )
    held = bricks_on(coordinator.volumes, peer.hostname, peer.uuid)
    copies = {volume.name for volume in coordinator.volumes if keeps_copies(volume)}
    copied = [one for one in held if one[0] in copies]
    alone = [one for one in held if one[0] not in copies]
    for bricks, allowed in ((copied, arguments.reduce_replica), (alone, arguments.discard_data)):
        if bricks and not allowed:
            raise PreconditionFailed(has_bricks(peer.hostname, bricks, coordinator.volumes))
    reduced = reducing.reduce_replicas(context, coordinator, peer.hostname, copied)
    steps, notes = discarding.discard_bricks(context, coordinator, peer, alone)
    queries = list(reduced.queries)
    if copied:
        named = some([f"{one.path} of {name}" for name, one in copied], 6)
        queries.append(f"Keep one copy less, without {named}?")
    if alone:
        queries.append(f"Lose for good what is on {some([one.label for _, one in alone], 6)}?")
    lost = tuple(brick for _, brick in held)
    result = f"{peer.hostname} is not in the pool any more: gnt-node remove {peer.hostname}"
    return Proposal(
        (*reduced.steps, *steps, LeavePool(peer.hostname, coordinator.name, lost)),
        (*reduced.notes, *notes),
        " ".join(queries),
        result="; ".join((result, *reduced.afterwards)),
    )


def destroy_volume(context: Context, arguments: argparse.Namespace) -> Proposal:
    """A volume less, which no instance uses.  One that no node knows is deleted already."""
    members = pool_members(context)
    if find(members, arguments.volume) is None and all(one.fault is None for one in members):
        known = sorted({volume.name for one in members for volume in one.volumes})
        others = f"; there are: {some(known, 6)}" if known else ""
        return Proposal((), result=f"there is no volume {arguments.volume}{others}")
    volume, coordinator, _ = find_volume(context, arguments.volume, others=members)
    question = NodeQuery(context.cluster.master, CONFIGURATION)
    reply = query_nodes(context.host, (question,))[question]
    disks = configuration(reply).disks
    users = list(dict.fromkeys(disk.instance for disk in disks if disk.volume == volume.name))
    if users:
        raise PreconditionFailed(
            f"{volume.name} has disks of {some(users, 4)}: remove or move those instances first"
        )
    return Proposal(
        (DeleteVolume(coordinator.name, volume.name),),
        (f"{volume.name}: {plan.layout_of(volume).title} on {len(volume.bricks)} bricks, {volume.state}",),
        f"Delete volume {volume.name}?",
        result=_left_behind(volume),
    )


def _left_behind(volume: VolumeInfo) -> str:
    """What is left of a volume that was deleted, and what to do with it."""
    labels = [f"{brick.host}:{brick.path}" for brick in volume.bricks]
    return (
        f"{volume.name} is deleted, and its bricks keep their files: {some(labels, 6)}; to use a disk again: "
        f"gnt-gluster release-disk NODE:DEVICE"
    )
