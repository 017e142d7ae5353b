"""The task repair: brings back what a volume has lost, where that can lose no data.

That is glusterd that does not answer, the mount of a brick, the process of a brick, and self-heal daemons.  Nothing is
done on a volume whose state is not known.
"""

from __future__ import annotations

import argparse
from typing import List, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy import plan
from ganeti_gluster_mon.deploy.apply import PlanRefused
from ganeti_gluster_mon.deploy.brick_steps import RunGlusterd
from ganeti_gluster_mon.deploy.context import Context, Proposal
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.pool_steps import StartVolume
from ganeti_gluster_mon.deploy.repair_steps import BrickMounted, RestartGlusterd
from ganeti_gluster_mon.deploy.step import PreconditionFailed, Step
from ganeti_gluster_mon.deploy.survey import NodeSurvey
from ganeti_gluster_mon.deploy.task_queries import pool_members, state_of_bricks
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.text import one_line, some


def repair(context: Context, arguments: argparse.Namespace) -> Proposal:
    """Volumes whose bricks and self-heal daemons run, and whose glusterds answer."""
    members = pool_members(context)
    coordinator = plan.coordinator(members)
    volumes = _volumes(coordinator, arguments.volume)
    steps: List[Step] = []
    notes: List[str] = []
    silent = {one.name: str(one.fault) for one in members if one.no_glusterd}
    for node, fault in silent.items():
        steps += [RunGlusterd(node), RestartGlusterd(node, fault)]
    for volume in volumes:
        found, left = _of_volume(context, coordinator, volume, members)
        steps += found
        notes += left
    result = "what still needs attention: ganeti-gluster-mon check --query"
    return Proposal(tuple(steps), tuple(dict.fromkeys(notes)), result=result)


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
) -> Tuple[List[Step], List[str]]:
    """The steps for *volume*, and what is left out.  Raises PreconditionFailed and PlanRefused."""
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
    if not (missing or silent):
        return [], notes
    # with bricks that cannot be reached only the others are waited for, and no daemons
    bricks = () if len(reached) == len(volume.bricks) else tuple(reached)
    return [*mounts, StartVolume(coordinator.name, volume.name, bricks)], notes
