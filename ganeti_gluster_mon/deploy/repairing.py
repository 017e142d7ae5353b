"""The task repair: brings back what a volume has lost, where that can lose no data.

That is glusterd that does not answer, processes that a signal has stopped, the mount of a brick, the process of
a brick, and self-heal daemons.  Nothing else is done on a volume whose state is not known.  Files in split-brain are
named; which copy is given up is the choice of the administrator (``--discard-copy``).
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy import plan
from ganeti_gluster_mon.deploy.apply import PlanRefused, query_nodes
from ganeti_gluster_mon.deploy.brick_steps import RunGlusterd
from ganeti_gluster_mon.deploy.context import Context, Proposal
from ganeti_gluster_mon.deploy.daemon_steps import LOCALHOST, EndSelfHealDaemon, StartDaemon, daemon_online
from ganeti_gluster_mon.deploy.gluster_cli import volume_status
from ganeti_gluster_mon.deploy.layout import REPLICATE, BrickAddress
from ganeti_gluster_mon.deploy.misplaced_bricks import misplaced_bricks, repair_misplaced
from ganeti_gluster_mon.deploy.pool_steps import StartVolume
from ganeti_gluster_mon.deploy.problem_repair import PlannedRepair, repair_problems
from ganeti_gluster_mon.deploy.repair_steps import BrickMounted, RestartGlusterd
from ganeti_gluster_mon.deploy.split_brain import CopyChoice
from ganeti_gluster_mon.deploy.split_brain_repair import SplitBrainRepair, choices_by_name
from ganeti_gluster_mon.deploy.step import NodeQuery, PreconditionFailed, Step
from ganeti_gluster_mon.deploy.stopped_steps import continue_steps
from ganeti_gluster_mon.deploy.survey import NodeSurvey
from ganeti_gluster_mon.deploy.task_queries import pool_members, state_of_bricks
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.gluster.model import SELF_HEAL_DAEMON
from ganeti_gluster_mon.text import one_line, some

_RESULT = "what still needs attention: ganeti-gluster-mon check --query"


def repair(context: Context, arguments: argparse.Namespace) -> Proposal:
    """Volumes whose bricks and self-heal daemons run, and whose glusterds answer; chosen copies are given up."""
    choices = choices_by_name(context, arguments.volume, arguments.discard_copy)
    members = pool_members(context)
    coordinator = plan.coordinator(members)
    volumes = _volumes(coordinator, arguments.volume)
    steps: List[Step] = []
    notes: List[str] = []
    silent = {one.name: str(one.fault) for one in members if one.no_glusterd}
    for node, fault in silent.items():
        steps += [RunGlusterd(node), RestartGlusterd(node, fault)]
    reached = [one.name for one in members if one.fault is None or one.no_glusterd]
    stopped = continue_steps(context.host, reached, [volume.name for volume in volumes])
    lost = [*steps, *stopped]
    misplaced: List[str] = []
    for volume in volumes:
        found, left, labels = _of_volume(context, coordinator, volume, members)
        lost += found
        notes += left
        misplaced += labels
    if choices:
        return _give_up(context, coordinator, volumes[0], choices, lost)
    for volume in volumes:
        if not lost and _is_replicated(volume):
            notes += SplitBrainRepair(context, coordinator.name, volume).notes()
    planned = replace(
        _planned(context, volumes, lost, misplaced), nodes=frozenset(silent), hang=bool(stopped)
    )
    found, left = repair_problems(
        context, coordinator.name, volumes, arguments.volume is None, planned, coordinator.volumes
    )
    return Proposal((*lost, *found), tuple(dict.fromkeys([*notes, *left])), result=_RESULT)


def _planned(
    context: Context, volumes: Sequence[VolumeInfo], steps: Sequence[Step], misplaced: Sequence[str]
) -> PlannedRepair:
    """What *steps* mount and start, and the bricks that are *misplaced*, by their labels."""
    mounted = {(step.node, step.path) for step in steps if isinstance(step, BrickMounted)}
    bricks = set(misplaced)
    started = set()
    for volume in volumes:
        for brick in volume.bricks:
            node = context.cluster.node_of_host(brick.host)
            if node is not None and (node.name, brick.path) in mounted:
                bricks.add(BrickAddress(brick.host, brick.path).label)
                started.add(volume.name)
    return PlannedRepair(frozenset(bricks), frozenset(started))


def _give_up(
    context: Context,
    coordinator: NodeSurvey,
    volume: VolumeInfo,
    choices: Sequence[CopyChoice],
    lost: Sequence[Step],
) -> Proposal:
    """The copies in *choices* are given up; to name them is the confirmation.

    Raises PreconditionFailed while something of the volume is *lost*.
    """
    if lost:
        raise PreconditionFailed(
            f"{volume.name}: something of it does not run, so not all copies are known: gnt-gluster repair "
            f"{volume.name} starts it, then run this command again"
        )
    if not _is_replicated(volume):
        raise PreconditionFailed(f"{volume.name} is not replicated: it has no copies")
    steps, notes, kept = SplitBrainRepair(context, coordinator.name, volume).plan(choices)
    named = f"kept copies: {', '.join(kept)}" if kept else "no copy was kept: an arbiter has no data"
    return Proposal(tuple(steps), tuple(notes), result=f"{named}; {_RESULT}")


def _is_replicated(volume: VolumeInfo) -> bool:
    """Whether *volume* is replicated, so that its copies may contradict each other."""
    return plan.layout_of(volume).kind == REPLICATE


def _volumes(coordinator: NodeSurvey, name: Optional[str]) -> Tuple[VolumeInfo, ...]:
    """The volumes to repair: the started ones, or the one called *name*.  Raises PreconditionFailed."""
    if name is None:
        return tuple(one for one in coordinator.volumes if one.state == "started")
    for one in coordinator.volumes:
        if one.name == name:
            if one.state != "started":
                raise PreconditionFailed(f"{name} is not started: gluster volume start {name}")
            return (one,)
    known = some([one.name for one in coordinator.volumes], 6)
    raise PreconditionFailed(
        f"there is no volume {name}: " + (f"these are {known}" if known else "there is none")
    )


def _of_volume(
    context: Context, coordinator: NodeSurvey, volume: VolumeInfo, members: Sequence[NodeSurvey]
) -> Tuple[List[Step], List[str], List[str]]:
    """The steps for *volume*, what is left out, and the labels of bricks that run below their mount points.

    Raises PreconditionFailed and PlanRefused.
    """
    silent = {one.name for one in members if one.no_glusterd}
    away = {one.name: str(one.fault) for one in members if one.fault is not None and not one.no_glusterd}
    # a glusterd that is silent may keep `volume status` from its answer; its node is repaired first
    missing = () if silent else state_of_bricks(context, coordinator.name, volume)[0]
    mounts: List[Step] = []
    reached: List[BrickAddress] = []
    notes: List[str] = []
    for brick in volume.bricks:
        address = BrickAddress(brick.host, brick.path)
        node = context.cluster.node_of_host(brick.host)
        why = "it is no node of the cluster" if node is None else away.get(node.name)
        if node is not None and node.offline:
            why = f"it is offline: gnt-node modify --offline=no {node.name}"
        if node is None or why is not None:
            if silent or address.label in missing:
                notes.append(f"{volume.name}: {address.label} is left out: {one_line(str(why), 200)}")
            continue
        reached.append(address)
        if node.name in silent or address.label in missing:
            mounts.append(BrickMounted(node.name, brick.path, volume.name, volume.uuid))
    if not reached:
        raise PlanRefused(f"{volume.name}: no node with a brick can be reached")
    online = [] if silent else [address for address in reached if address.label not in missing]
    misplaced = misplaced_bricks(context, volume, online)
    remounted, left = repair_misplaced(volume, misplaced)
    mounts += remounted
    notes += left
    labels = [one.brick.label for one in misplaced]
    if not (missing or silent):
        return mounts, notes, labels
    ended, started = _lost_daemons(context, coordinator, volume, missing, away)
    # with bricks that cannot be reached only the others are waited for, and no daemons
    bricks = () if len(reached) == len(volume.bricks) else tuple(reached)
    return [*mounts, *ended, StartVolume(coordinator.name, volume.name, bricks), *started], notes, labels


def _lost_daemons(
    context: Context,
    coordinator: NodeSurvey,
    volume: VolumeInfo,
    missing: Sequence[str],
    away: Mapping[str, str],
) -> Tuple[List[Step], List[Step]]:
    """The steps that end self-heal daemons which run though glusterd calls them offline, and those that come after.

    One process of a node serves all volumes, so those that it served have to be started as well.
    """
    ended: List[Step] = []
    hosts: List[str] = []
    for label in missing:
        host, found, _ = label.partition(": self-heal daemon")
        node = (
            context.cluster.node_of_host(coordinator.name if host == LOCALHOST else host) if found else None
        )
        if node is not None and not node.offline and node.name not in away:
            ended.append(EndSelfHealDaemon(node.name, coordinator.name, volume.name, host))
            hosts.append(host)
    others = [one.name for one in coordinator.volumes if one.state == "started" and one.name != volume.name]
    queries = {name: NodeQuery(coordinator.name, volume_status(name)) for name in others if hosts}
    answers = query_nodes(context.host, queries.values())
    started: List[Step] = [
        StartDaemon(coordinator.name, name, SELF_HEAL_DAEMON, host)
        for name, query in queries.items()
        for host in hosts
        # a volume that has no such daemon lists none
        if daemon_online(answers[query], name, SELF_HEAL_DAEMON, host) is not None
    ]
    return ended, started
