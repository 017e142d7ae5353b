"""What each command that changes something is to come to, from what is asked for and what is there."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon import etc_default
from ganeti_gluster_mon.deploy import layout as layouts
from ganeti_gluster_mon.deploy import plan, survey
from ganeti_gluster_mon.deploy.apply import Refused, ask_all
from ganeti_gluster_mon.deploy.brick_directory import MakeBrick
from ganeti_gluster_mon.deploy.brick_state import is_waiting, waiting_question
from ganeti_gluster_mon.deploy.ganeti_steps import CONFIGURATION, AllowDirectory, configuration
from ganeti_gluster_mon.deploy.gluster_said import asked, heal, heal_counts, volume_status
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
from ganeti_gluster_mon.deploy.layout import Brick
from ganeti_gluster_mon.deploy.plan import Place
from ganeti_gluster_mon.deploy.pool_steps import (
    AddBricks,
    DeleteVolume,
    LeavePool,
    ReplaceBrick,
    StartVolume,
    bricks_on,
    has_bricks,
    offline,
)
from ganeti_gluster_mon.deploy.request import (
    Usage,
    layout_asked,
    nodes_named,
    nodes_online,
    places_asked,
    warnings,
)
from ganeti_gluster_mon.deploy.step import NotSo, Question, Step
from ganeti_gluster_mon.deploy.survey import Seen
from ganeti_gluster_mon.deploy.task_steps import Healed, Rebalanced, StartRebalance
from ganeti_gluster_mon.deploy.task_steps import rebalance as rebalance_told
from ganeti_gluster_mon.deploy.work import Asked, World
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.gluster.question import rebalance_status
from ganeti_gluster_mon.words import some


@dataclass(frozen=True)
class NewVolume:
    """A volume that is not there yet, as it is asked for: where it is to lie, and the steps to it."""

    nodes: Tuple[str, ...]
    speaks: Seen
    bricks: Tuple[Brick, ...]
    steps: Tuple[Step, ...]
    notes: Tuple[str, ...]
    places: Tuple[Place, ...]


def _new_volume(world: World, arguments: argparse.Namespace) -> NewVolume:
    layout = layout_asked(arguments)
    nodes = nodes_named(world.cluster, arguments.nodes) or nodes_online(world.cluster, layout)
    places = places_asked(world.cluster, nodes, arguments)
    seen = _look(world, nodes, places)
    speaks = _speaker(world, nodes, seen)
    made = plan.make_bricks(world.cluster, arguments.volume, places, seen, speaks.name)
    steps = plan.create(arguments.volume, layout, made, speaks, not arguments.no_shard)
    return NewVolume(nodes, speaks, made.bricks, steps, tuple(warnings(arguments, layout)), places)


def deploy(world: World, arguments: argparse.Namespace) -> Asked:
    """From empty disks to a volume that Ganeti uses."""
    new = _new_volume(world, arguments)
    peers = [*new.nodes, *(peer.hostname for peer in new.speaks.peers), new.speaks.name]
    side = plan.ganeti_side(world.cluster, arguments.volume, new.bricks, peers, arguments.access)
    notes = list(new.notes)
    outside = plan.outsiders(world.cluster, peers)
    if outside:
        notes.append(
            f"{some(outside, 4)} may run instances and is not in the pool: guests there begin with "
            f"{new.bricks[0].node}, and do not start while that is down; gnt-gluster add-node, then deploy again"
        )
    return _asked((*new.steps, *side), notes, new.places)


def create_volume(world: World, arguments: argparse.Namespace) -> Asked:
    """A volume of which Ganeti is told nothing."""
    new = _new_volume(world, arguments)
    return _asked(new.steps, new.notes, new.places)


def expand_volume(world: World, arguments: argparse.Namespace) -> Asked:
    """More sets of bricks in a volume, and its files spread over all of them."""
    nodes = nodes_named(world.cluster, arguments.nodes)
    places = places_asked(world.cluster, nodes, arguments)
    volume, speaks, seen = _volume(world, arguments.volume, nodes, places)
    made = plan.make_bricks(world.cluster, volume.name, places, seen, speaks.name)
    before = _last_rebalance(world, speaks.name, volume.name)
    bricks = layouts.arrange(plan.layout_of(volume), made.bricks)
    after: List[Step] = [StartRebalance(speaks.name, volume.name, arguments.no_rebalance, before)]
    if not arguments.no_rebalance:
        after.append(Rebalanced(speaks.name, volume.name, before))
    return _asked(
        (
            *plan.join(nodes, speaks),
            *made.steps,
            AddBricks(speaks.name, volume.name, bricks),
            StartVolume(speaks.name, volume.name, bricks),
            *after,
        ),
        [],
        places,
    )


def rebalance(world: World, arguments: argparse.Namespace) -> Asked:
    """The files of a volume spread over all its bricks."""
    volume, speaks, _ = _volume(world, arguments.volume)
    if len(volume.bricks) <= plan.layout_of(volume).size:
        raise NotSo(
            f"{volume.name} is one set of bricks, which all hold the same: there is nothing to spread"
        )
    before = _last_rebalance(world, speaks.name, volume.name)
    return Asked(
        (
            StartRebalance(speaks.name, volume.name, before=before),
            Rebalanced(speaks.name, volume.name, before),
        )
    )


def replace_brick(world: World, arguments: argparse.Namespace) -> Asked:
    """Another brick in the place of one, with all that belongs on it."""
    nodes = nodes_named(world.cluster, arguments.nodes)
    places = places_asked(world.cluster, nodes, arguments)
    if len(places) != 1:
        raise Usage("one brick takes the place of one: name one --device or one --directory")
    volume, speaks, seen = _volume(world, arguments.volume, nodes, places)
    old: Brick = arguments.brick
    made = plan.make_bricks(world.cluster, volume.name, places, seen, speaks.name)
    (new,) = made.bricks
    others = [brick for brick in plan.set_of(volume, old) if brick != old]
    question = ""
    if plan.set_of(volume, new):
        # it has been done, and is only to be seen to its end
        others = [brick for brick in plan.set_of(volume, new) if brick != new]
    elif not plan.set_of(volume, old):
        held = plan.described([Brick(brick.host, brick.path) for brick in volume.bricks])
        raise NotSo(f"{old.label} is no brick of {volume.name}: these are {held}")
    else:
        if not others:
            raise NotSo(
                f"{volume.name} has no copy of what is on {old.label}, and replacing it would lose that: expand "
                f"the volume, then gluster volume remove-brick {volume.name} {old.label} start"
            )
        if any(brick.node == new.node for brick in others):
            raise NotSo(f"{new.node} has a brick of the same set already: two copies on one host are one")
        question = _risk(world, speaks.name, volume, old, others)
    steps = (
        *plan.join(nodes, speaks),
        *made.steps,
        ReplaceBrick(speaks.name, volume.name, old, new),
        StartVolume(speaks.name, volume.name, (new,)),
        Healed(speaks.name, volume.name, (*others, new)),
    )
    asked_for = _asked(steps, [], places)
    return Asked(steps, asked_for.notes, question or asked_for.question)


def add_node(world: World, arguments: argparse.Namespace) -> Asked:
    """Peers without bricks; with --join, each as the hook would have it."""
    nodes = nodes_named(world.cluster, arguments.nodes)
    if arguments.join:
        told = described(world.cluster.tags, etc_default.text())
        if told is None:
            raise NotSo(
                f"what nodes bring along is not described: in {etc_default.PATH}, or by a tag {TAG}VOLUME:/dev/DISK"
            )
        if len(nodes) > 1:
            raise Usage("--join takes one node after the other")
        steps, grown = join_node(world, nodes[0], told)
        return Asked(steps, (f"in the end {became(nodes[0], told.volume, grown)}",))
    seen = _look(world, nodes, ())
    return Asked(plan.join(nodes, _speaker(world, nodes, seen)))


def join_node(world: World, node: str, told: Described) -> Tuple[Tuple[Step, ...], Growth]:
    """The storage of *node* as bricks of a volume, together with those of others that wait.

    What does not make a whole set waits.  Raises CannotDo.
    """
    places = [
        *(Place(node, device=device) for device in told.devices),
        *(Place(node, directory=directory) for directory in told.directories),
    ]
    others = _pool(world, [node])
    volume, speaks, seen = _volume(world, told.volume, [node], places, others)
    made = plan.make_bricks(world.cluster, volume.name, places, seen, speaks.name)
    marked: Dict[str, List[str]] = {}
    for brick in (*_marked(world, told, speaks, (*seen.values(), *others)), *made.bricks):
        if brick.path not in marked.setdefault(brick.node, []):
            marked[brick.node].append(brick.path)
    grown = growth(plan.layout_of(volume), waiting(volume, marked))
    steps = [
        *plan.join([node], speaks),
        *made.steps,
        AllowDirectory(node, plan.storage_directory(world.cluster)),
    ]
    if grown.joins:
        # those of other nodes have waited, and may have been used for something else since
        steps += [
            MakeBrick(brick.node, brick.path, volume.name, speaks.name)
            for brick in grown.joins
            if brick not in made.bricks
        ]
        before = _last_rebalance(world, speaks.name, volume.name)
        steps += [
            AddBricks(speaks.name, volume.name, grown.joins),
            StartVolume(speaks.name, volume.name, grown.joins),
            StartRebalance(speaks.name, volume.name, True, before),
        ]
    return tuple(steps), grown


def _marked(world: World, told: Described, speaks: Seen, seen: Sequence[Seen]) -> Tuple[Brick, ...]:
    """Directories marked for a volume, on those nodes that were *seen* and are in the pool of *speaks*."""
    members = {peer.uuid for peer in speaks.peers}
    nodes = [one for one in seen if one.fault is None and one.uuid in members]
    questions = {
        Brick(one.name, path): Question(one.name, waiting_question(path))
        for one in nodes
        for path in candidates(one.fstab, told)
    }
    answers = ask_all(world.host, questions.values())
    return tuple(
        brick for brick, asks in questions.items() if is_waiting(brick.path, answers[asks], told.volume)
    )


def remove_node(world: World, arguments: argparse.Namespace) -> Asked:
    """A peer less."""
    (name,) = arguments.nodes
    known = world.cluster.node(name)
    name = known.name if known is not None else name
    seen = [one for one in _pool(world) if one.name != name]
    speaks = plan.speaker(seen)
    if name not in [peer.hostname for peer in speaks.peers]:
        raise NotSo(f"{name} is no peer of the pool that {speaks.name} is in: gluster pool list names them")
    held = bricks_on(speaks.volumes, name, None)
    if held:
        raise NotSo(has_bricks(name, held))
    return Asked((LeavePool(name, speaks.name),))


def destroy_volume(world: World, arguments: argparse.Namespace) -> Asked:
    """A volume less, which no instance uses."""
    volume, speaks, _ = _volume(world, arguments.volume)
    question = Question(world.cluster.master, CONFIGURATION)
    said = ask_all(world.host, (question,))[question]
    disks = configuration(said).disks
    users = list(dict.fromkeys(disk.instance for disk in disks if disk.volume == volume.name))
    if users:
        raise NotSo(f"{volume.name} has disks of {some(users, 4)}: remove or move those instances first")
    return Asked(
        (DeleteVolume(speaks.name, volume.name),),
        (f"{volume.name}: {plan.layout_of(volume).title} on {len(volume.bricks)} bricks, {volume.state}",),
        f"Delete volume {volume.name}?",
    )


# --- what they have in common ---------------------------------------------------------------------------


def _look(
    world: World, nodes: Sequence[str], places: Sequence[Place], names: Sequence[str] = ()
) -> Dict[str, Seen]:
    """Look at *nodes* and their devices, and whether they know each other and *names*.

    Raises Refused, a line for each thing that is in the way.
    """
    wanted = {
        node: [place.device for place in places if place.node == node and place.device is not None]
        for node in nodes
    }
    seen = survey.look(world.host, nodes, wanted, tuple(dict.fromkeys((*nodes, *names))))
    faults = survey.faults(seen, world.cluster)
    if faults:
        raise Refused("\n".join(faults))
    return {one.name: one for one in seen}


def _pool(world: World, besides: Sequence[str] = ()) -> Tuple[Seen, ...]:
    """The nodes of the cluster as members of pools, our own first; *besides* those that were seen already."""
    names = [world.own, *(node.name for node in world.cluster.nodes if not node.offline)]
    return survey.look(world.host, [name for name in dict.fromkeys(names) if name not in besides], {}, ())


def _speaker(world: World, nodes: Sequence[str], seen: Mapping[str, Seen]) -> Seen:
    """Whose pool is joined: that of one of *nodes*, or that of the cluster, or the first of *nodes*."""
    among = plan.speaker(list(seen.values()))
    if among.in_pool:
        strangers = plan.strangers(among, world.cluster)
        if strangers and {one.uuid for one in seen.values()} - {peer.uuid for peer in among.peers}:
            raise NotSo(
                f"{among.name} is in another pool, with {some(strangers, 3)}, no node of {world.cluster.name}: "
                f"leave it out, or take it out of that one: gluster peer detach {among.name}"
            )
        return among
    rest = [one for one in _pool(world, nodes) if one.fault is None and one.in_pool]
    return rest[0] if rest else among


def _volume(
    world: World,
    name: str,
    nodes: Sequence[str] = (),
    places: Sequence[Place] = (),
    others: Optional[Sequence[Seen]] = None,
) -> Tuple[VolumeInfo, Seen, Dict[str, Seen]]:
    """A volume, a node that knows it, and *nodes* as they were seen.  Raises NotSo where there is none.

    *others* are the other nodes of the cluster, where they were looked at already.
    """
    online = [node.name for node in world.cluster.nodes if not node.offline]
    seen = _look(world, nodes, places, online) if nodes else {}
    everybody = (*seen.values(), *(_pool(world, nodes) if others is None else others))
    for one in everybody:
        for volume in one.volumes:
            if volume.name == name:
                return volume, one, seen
    faults = [one.fault for one in everybody if one.fault is not None]
    known = sorted({volume.name for one in everybody for volume in one.volumes})
    raise NotSo(
        f"there is no volume {name}: "
        + (f"these are {some(known, 6)}" if known else "there is none at all")
        + (f" (not known: {faults[0]})" if faults else "")
    )


def _last_rebalance(world: World, speaks: str, volume: str) -> Optional[str]:
    """The id of the rebalance that was last, and is not running."""
    question = Question(speaks, asked(rebalance_status(volume)))
    state = rebalance_told(ask_all(world.host, [question])[question])
    return None if state is None or state.status == "in progress" else state.id


def _risk(world: World, speaks: str, volume: VolumeInfo, old: Brick, others: Sequence[Brick]) -> str:
    """What is to be asked before *old* goes.  Raises NotSo where the *others* of its set do not have it all."""
    state = Question(speaks, volume_status(volume.name))
    healing = Question(speaks, heal(volume.name))
    told = ask_all(world.host, (state, healing))
    missing = offline(volume, told[state])
    if missing is None:
        raise NotSo(
            f"it is not known which bricks of {volume.name} are online: gluster volume status {volume.name}"
        )
    away = [brick.label for brick in others if brick.label in missing]
    if away:
        raise NotSo(
            f"{some(away, 3)} is offline, and {old.label} may have what only it has: bring that back first"
        )
    if old.label in missing:
        return f"{old.label} is offline; what only it has is lost. Replace it?"
    counts = heal_counts(told[healing])
    if counts is None or any(count.pending is None for count in counts):
        raise NotSo(
            f"it is not known whether {volume.name} is healed: gluster volume heal {volume.name} info summary"
        )
    pending = max(count.pending or 0 for count in counts)
    if pending:
        raise NotSo(
            f"{pending} entries of {volume.name} are to be healed, and {old.label} may have the only good copy: "
            f"wait until gluster volume heal {volume.name} info summary says 0"
        )
    return ""


def _asked(steps: Sequence[Step], notes: Sequence[str], places: Sequence[Place]) -> Asked:
    """*steps*, with a question where devices or directories are to be wiped."""
    wiped = [f"{place.node}:{place.device or place.directory}" for place in places if place.wipe]
    question = f"Lose for good what is on {some(wiped, 9)}?" if wiped else ""
    return Asked(tuple(steps), tuple(notes), question)
