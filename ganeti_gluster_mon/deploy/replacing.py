"""The task replace-brick: another brick in the place of one, or a new disk under the same brick.

Nothing is replaced that has data which the other bricks of its set lack, and success is reported only for a new brick
that was verified against them.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from typing import List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy import brick_state, capacity_check, discarding, plan, self_heal
from ganeti_gluster_mon.deploy.apply import query_nodes
from ganeti_gluster_mon.deploy.brick_directory import RetireBrick
from ganeti_gluster_mon.deploy.command_arguments import (
    UsageError,
    brick_by_name,
    nodes_by_name,
    requested_places,
)
from ganeti_gluster_mon.deploy.context import Context, Proposal
from ganeti_gluster_mon.deploy.heal_steps import FullHeal, Healed, RootVersion, SameEntries
from ganeti_gluster_mon.deploy.layout import DISPERSE, REPLICATE, BrickAddress
from ganeti_gluster_mon.deploy.misplaced_bricks import SetBrickAside, misplaced_bricks
from ganeti_gluster_mon.deploy.plan import BrickPlace
from ganeti_gluster_mon.deploy.pool_steps import ReplaceBrick, StartVolume
from ganeti_gluster_mon.deploy.slot_steps import (
    ResetBrick,
    StopBrick,
    UnmountDead,
    has_volume_id,
    slot,
    slot_queries,
)
from ganeti_gluster_mon.deploy.step import NodeQuery, PreconditionFailed, Step
from ganeti_gluster_mon.deploy.survey import NodeSurvey
from ganeti_gluster_mon.deploy.task_queries import find_volume, pool_members, proposal, state_of_bricks
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.text import one_line, some

#: Gluster's words for a boolean option that is not set
_OFF = ("off", "disable", "no", "false", "0")


@dataclass(frozen=True)
class SlotState:
    """The place of a brick on its node, where the new brick is to have the same."""

    #: its mount point; None where the brick is a directory on a filesystem that is not ours
    mount_point: Optional[str]
    #: why what is mounted there cannot be read; "" where it can, or nothing is mounted
    fault: str
    #: the brick is there, on the device that was named, with the id of its volume: nothing is left to be replaced
    whole: bool


def replace_brick(context: Context, arguments: argparse.Namespace) -> Proposal:
    """Another brick in the place of one, with all that belongs on it."""
    nodes = nodes_by_name(context.cluster, arguments.nodes)
    places = requested_places(context.cluster, nodes, arguments)
    if len(places) != 1:
        raise UsageError("one brick takes the place of one: name one --device or one --directory")
    (place,) = places
    volume, coordinator, surveyed = find_volume(context, arguments.volume, nodes, places)
    old = brick_by_name(context.cluster, volume, arguments.brick)
    state = _slot_state(context, volume, old, place, surveyed[place.node])
    again = state is not None and not state.whole
    made = plan.make_bricks(
        context.cluster,
        volume.name,
        places,
        surveyed,
        coordinator.name,
        state.mount_point if again and state else None,
        again,
    )
    (new,) = made.bricks
    if arguments.discard_data and plan.set_of(volume, old) == (old,):
        if again:  # a volume without copies takes no brick where it has one already
            made = plan.make_bricks(context.cluster, volume.name, places, surveyed, coordinator.name)
            (new,) = made.bricks
        return discarding.replace_brick(
            context,
            coordinator,
            volume,
            old,
            new,
            (*plan.join(nodes, coordinator), *plan.allow(context.cluster, nodes), *made.steps),
        )
    kind = plan.layout_of(volume).kind
    replicated = kind == REPLICATE
    there = plan.set_of(volume, new)
    others = [brick for brick in there or plan.set_of(volume, old) if brick not in (old, new)]
    queries: List[str] = []
    notes: List[str] = []
    steps: List[Step] = [*plan.join(nodes, coordinator), *plan.allow(context.cluster, nodes)]
    before: Tuple[str, ...] = ()
    if there and not again:
        # it has been replaced, and only the heal has to end
        _must_be_gone(volume, old, new)
        steps += [*made.steps, StartVolume(coordinator.name, volume.name, (new,))]
    else:
        _can_be_replaced(volume, old, new, others)
        notes += _misplaced(context, volume, old, others)
        dead = state is not None and bool(state.fault)
        queries += replacement_risk(context, coordinator.name, volume, old, others, dead)
        queries += _too_small(context, volume, old, new, others, place, surveyed[place.node])
        before = _crawls(context, coordinator.name, volume.name) if replicated else ()
        if kind == DISPERSE:
            lock_timeout = float(volume.options.get("disperse.other-eager-lock-timeout", "1"))
            steps.append(RootVersion(coordinator.name, volume.name, tuple(others), lock_timeout))
        if again and state is not None:
            if dead:
                notes.append(
                    f"{old.node}: the filesystem of {old.path} is dead and is unmounted: {one_line(state.fault)}"
                )
            nodes_connected = _others_connected(context, surveyed[new.node])
            steps += _same_slot(coordinator.name, volume.name, new, place, state, made.steps, nodes_connected)
        else:
            steps += [*made.steps, ReplaceBrick(coordinator.name, volume.name, old, new)]
        steps.append(StartVolume(coordinator.name, volume.name, (new,)))
    if old != new:
        steps += _retire(context, coordinator.name, volume.name, old, surveyed, notes)
    every = (*others, new)
    steps += [FullHeal(coordinator.name, volume.name, every, before)] if replicated else []
    steps += [
        Healed(coordinator.name, volume.name, every, replicated),
        SameEntries(coordinator.name, volume.name, new, tuple(others)),
    ]
    wished = proposal(steps, notes, places)
    question = " ".join((*queries, wished.question)).strip()
    if queries and not wished.question:
        question += " Replace it?"
    result = (
        f"{new.label} was verified: it has the entries of the other bricks of its set, and nothing is pending"
        f"{_left_behind(old, new)}"
    )
    return Proposal(tuple(steps), wished.notes, question, result=result)


def _must_be_gone(volume: VolumeInfo, old: BrickAddress, new: BrickAddress) -> None:
    """Raises PreconditionFailed where both *old* and *new* are bricks of the volume: then *new* has not replaced
    *old*."""
    if old != new and plan.set_of(volume, old):
        raise PreconditionFailed(
            f"{new.label} is a brick of {volume.name} already, as is {old.label}: name another disk"
        )


def _left_behind(old: BrickAddress, new: BrickAddress) -> str:
    """What is left of the brick before, and how its disk is used again."""
    if old == new:
        return ""
    again = f"gnt-gluster release-disk {old.node}:DEVICE"
    return f"; {old.label} keeps its files, which are old; to use its disk again: {again}"


def _slot_state(
    context: Context, volume: VolumeInfo, old: BrickAddress, place: BrickPlace, node: NodeSurvey
) -> Optional[SlotState]:
    """The place of *old*, where *place* is the same or has to become the same; None where the new brick gets its own.

    A new disk takes the place of one whose filesystem cannot be read, or is not mounted, on the same node.
    """
    if old.node != place.node or not plan.set_of(volume, old):
        return None
    directory = tuple(NodeQuery(old.node, argv) for argv in brick_state.queries(old.path))
    if place.device is None:
        if place.directory != old.path:
            return None
        parsed = query_nodes(context.host, directory)
        return SlotState(None, "", has_volume_id(old, volume.uuid, [parsed[one] for one in directory]))
    point, name = os.path.split(old.path)
    if name != plan.DIRECTORY:
        return None
    mount = tuple(NodeQuery(old.node, argv) for argv in slot_queries(point))
    parsed = query_nodes(context.host, (*mount, *directory))
    found = slot([parsed[one] for one in mount])
    same = found.number == node.devices[place.device].number
    if found.source and not found.fault and not same:
        return None
    whole = same and not found.fault and has_volume_id(old, volume.uuid, [parsed[one] for one in directory])
    return SlotState(point, found.fault, whole)


def _others_connected(context: Context, node: NodeSurvey) -> Tuple[str, ...]:
    """The other nodes of the cluster that can be queried and are in the pool of *node*."""
    members = {peer.uuid for peer in node.peers}
    return tuple(
        one.name
        for one in pool_members(context, [node.name])
        if one.fault is None and one.uuid in members and one.name != node.name
    )


def _same_slot(
    coordinator: str,
    volume: str,
    brick: BrickAddress,
    place: BrickPlace,
    state: SlotState,
    made: Sequence[Step],
    others: Tuple[str, ...],
) -> Tuple[Step, ...]:
    steps: List[Step] = [StopBrick(coordinator, volume, brick)]
    if place.device is not None and state.mount_point is not None:
        steps.append(UnmountDead(place.node, place.device, state.mount_point))
        steps.append(SetBrickAside(place.node, brick.path, state.mount_point))
    return (*steps, *made, ResetBrick(coordinator, volume, brick, others))


def _can_be_replaced(
    volume: VolumeInfo, old: BrickAddress, new: BrickAddress, others: Sequence[BrickAddress]
) -> None:
    """Raises PreconditionFailed where the layout of the volume is against it."""
    plan.must_have(volume, old)
    if not others:
        raise PreconditionFailed(
            f"{volume.name} has no copy of what is on {old.label}, and replacing it would lose that: gnt-gluster "
            f"expand-volume {volume.name} {new.node} --device DEVICE, then {discarding.moves(volume.name, [old])}; if "
            f"{old.label} cannot be read any more, this command with --discard-data"
        )
    for option in ("cluster.self-heal-daemon", "cluster.disperse-self-heal-daemon"):
        if volume.options.get(option, "on") in _OFF:
            raise PreconditionFailed(
                f"{option} of {volume.name} is off, and a new brick would stay empty: "
                f"gluster volume set {volume.name} {option} on"
            )
    if any(brick.node == new.node for brick in others):
        raise PreconditionFailed(
            f"{new.node} has a brick of the same set already: two copies on one host are one"
        )


def _misplaced(
    context: Context, volume: VolumeInfo, old: BrickAddress, others: Sequence[BrickAddress]
) -> List[str]:
    """What is kept where *old* runs below its mount point.  Raises PreconditionFailed where one of *others* does.

    Such a brick lacks files, and the heal may not know that.
    """
    found = {one.brick: one for one in misplaced_bricks(context, volume, [old, *others]) if one.has_run}
    for brick in others:
        if brick in found:
            raise PreconditionFailed(
                f"{old.label} may have what only it has: {found[brick].decision(volume)}"
            )
    if old not in found:
        return []
    return [
        f"{old.label} has run on the filesystem of {found[old].below}: what it wrote there stays on {found[old].node}"
    ]


def replacement_risk(
    context: Context,
    coordinator: str,
    volume: VolumeInfo,
    old: BrickAddress,
    others: Sequence[BrickAddress],
    dead: bool,
) -> Tuple[str, ...]:
    """What has to be confirmed before *old* goes.

    Raises PreconditionFailed where the *others* of its set lack what it has.

    A brick lists in its index what other bricks lack, so *old* may go while entries are pending on others: then it is
    the one that lacks them.  The filesystem of one that is *dead* cannot be read.
    """
    missing, counts = state_of_bricks(context, coordinator, volume)
    away = [brick.label for brick in others if brick.label in missing]
    if away:
        raise PreconditionFailed(
            f"{some(away, 3)} is offline, and {old.label} may have what only it has: bring that back first"
        )
    if old.label in missing or dead:
        return (f"{old.label} is {'dead' if dead else 'offline'}; what only it has is lost.",)
    its = counts.get(old)
    if its is None or its.pending is None or any(brick not in counts for brick in others):
        raise PreconditionFailed(
            f"it is not known whether {volume.name} is healed: gluster volume heal {volume.name} info summary"
        )
    split = max(one.split_brain or 0 for one in counts.values())
    if split:
        raise PreconditionFailed(
            f"{split} entries of {volume.name} are in split-brain: choose a copy of each before a brick is replaced: "
            f"gluster volume heal {volume.name} info split-brain"
        )
    if its.pending:
        raise PreconditionFailed(
            f"{its.pending} entries of {volume.name} are to be healed, and {old.label} may have the only good copy: "
            f"wait until gluster volume heal {volume.name} info summary shows 0"
        )
    return ()


def _too_small(
    context: Context,
    volume: VolumeInfo,
    old: BrickAddress,
    new: BrickAddress,
    others: Sequence[BrickAddress],
    place: BrickPlace,
    node: NodeSurvey,
) -> Tuple[str, ...]:
    """What has to be confirmed because of the size of the new brick.

    Raises PreconditionFailed where the data has no room.
    """
    arbiters = {BrickAddress(brick.host, brick.path) for brick in volume.bricks if brick.arbiter}
    if old in arbiters:
        return ()
    data = [brick for brick in others if brick not in arbiters]
    sizes = {brick: capacity_check.size_query(brick) for brick in data}
    queried = list(sizes.values())
    room = None
    if place.directory is not None:
        room = capacity_check.directory_query(place.node, place.directory)
        queried.append(room)
    parsed = query_nodes(context.host, queried)
    if room is not None and place.directory is not None:
        space = capacity_check.directory_space(place.directory, parsed[room])
    else:
        assert place.device is not None
        space = capacity_check.device_space(node.devices[place.device].size)
    found = [capacity_check.brick_size(brick, parsed[question]) for brick, question in sizes.items()]
    question = capacity_check.check(new, space, found)
    return () if question is None else (question,)


def _crawls(context: Context, coordinator: str, volume: str) -> Tuple[str, ...]:
    """The crawls that the self-heal daemons remember now."""
    question = NodeQuery(coordinator, self_heal.statistics(volume))
    found = self_heal.crawls(query_nodes(context.host, (question,))[question])
    return () if found is None else found.ended


def _retire(
    context: Context,
    coordinator: str,
    volume: str,
    old: BrickAddress,
    surveyed: Mapping[str, NodeSurvey],
    notes: List[str],
) -> Tuple[Step, ...]:
    """The step that marks *old* as a former brick, where its node can be reached."""
    node = surveyed.get(old.node) or next(
        (one for one in pool_members(context) if one.name == old.node), None
    )
    if node is None or node.fault is not None:
        notes.append(f"{old.label} is not marked as a former brick: its node cannot be reached")
        return ()
    return (RetireBrick(old.node, old.path, volume, coordinator),)
