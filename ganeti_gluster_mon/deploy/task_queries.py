"""What tasks query before they plan: nodes, the pool, a volume.  Each function runs commands on nodes."""

from __future__ import annotations

from typing import Dict, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy import plan, survey
from ganeti_gluster_mon.deploy.apply import PlanRefused, query_nodes
from ganeti_gluster_mon.deploy.brick_status import must_be_known
from ganeti_gluster_mon.deploy.context import Context, Proposal
from ganeti_gluster_mon.deploy.gluster_cli import heal, heal_counts, volume_status
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.plan import BrickPlace
from ganeti_gluster_mon.deploy.step import NodeQuery, PreconditionFailed, Step
from ganeti_gluster_mon.deploy.survey import NodeSurvey
from ganeti_gluster_mon.gluster.facts import HealCount, VolumeInfo
from ganeti_gluster_mon.text import some


def look_at(
    context: Context, nodes: Sequence[str], places: Sequence[BrickPlace], names: Sequence[str] = ()
) -> Dict[str, NodeSurvey]:
    """Look at *nodes* and their devices, and whether they know each other and *names*.

    Raises PlanRefused, a line for each thing that is in the way.
    """
    wanted = {
        node: [place.device for place in places if place.node == node and place.device is not None]
        for node in nodes
    }
    surveyed = survey.survey_nodes(context.host, nodes, wanted, tuple(dict.fromkeys((*nodes, *names))))
    faults = survey.faults(surveyed, context.cluster)
    if faults:
        raise PlanRefused("\n".join(faults))
    return {one.name: one for one in surveyed}


def pool_members(context: Context, except_for: Sequence[str] = ()) -> Tuple[NodeSurvey, ...]:
    """The nodes of the cluster as members of pools, our own first; *except_for* those that were queried already."""
    names = [context.own, *(node.name for node in context.cluster.nodes if not node.offline)]
    return survey.survey_nodes(
        context.host, [name for name in dict.fromkeys(names) if name not in except_for], {}, ()
    )


def coordinator_of(context: Context, nodes: Sequence[str], surveyed: Mapping[str, NodeSurvey]) -> NodeSurvey:
    """Whose pool is joined: that of one of *nodes*, or that of the cluster, or the first of *nodes*."""
    among = plan.coordinator(list(surveyed.values()))
    if among.in_pool:
        strangers = plan.strangers(among, context.cluster)
        if strangers and {one.uuid for one in surveyed.values()} - {peer.uuid for peer in among.peers}:
            raise PreconditionFailed(
                f"{among.name} is in another pool, with {some(strangers, 3)}, no node of {context.cluster.name}: "
                f"leave it out, or take it out of that one: gluster peer detach {among.name}"
            )
        return among
    rest = [one for one in pool_members(context, nodes) if one.fault is None and one.in_pool]
    return rest[0] if rest else among


def find_volume(
    context: Context,
    name: str,
    nodes: Sequence[str] = (),
    places: Sequence[BrickPlace] = (),
    others: Optional[Sequence[NodeSurvey]] = None,
) -> Tuple[VolumeInfo, NodeSurvey, Dict[str, NodeSurvey]]:
    """A volume, a node that knows it, and the survey of *nodes*.  Raises PreconditionFailed where there is none.

    *others* are the other nodes of the cluster, where they were looked at already.
    """
    online = [node.name for node in context.cluster.nodes if not node.offline]
    surveyed = look_at(context, nodes, places, online) if nodes else {}
    everybody = (*surveyed.values(), *(pool_members(context, nodes) if others is None else others))
    for one in everybody:
        for volume in one.volumes:
            if volume.name == name:
                return volume, one, surveyed
    faults = [one.fault for one in everybody if one.fault is not None]
    known = sorted({volume.name for one in everybody for volume in one.volumes})
    raise PreconditionFailed(
        f"there is no volume {name}: "
        + (f"these are {some(known, 6)}" if known else "there is none at all")
        + (f" (not known: {faults[0]})" if faults else "")
    )


def state_of_bricks(
    context: Context, coordinator: str, volume: VolumeInfo
) -> Tuple[Tuple[str, ...], Dict[BrickAddress, HealCount]]:
    """What of *volume* is offline, see `offline`, and what each brick counts to be healed, where it is known.

    Raises PreconditionFailed where it is not known which bricks are online.
    """
    state = NodeQuery(coordinator, volume_status(volume.name))
    healing = NodeQuery(coordinator, heal(volume.name), timeout=60.0)
    parsed = query_nodes(context.host, (state, healing))
    missing = must_be_known(volume, parsed[state])
    return missing, {BrickAddress(one.host, one.path): one for one in heal_counts(parsed[healing]) or ()}


def proposal(steps: Sequence[Step], notes: Sequence[str], places: Sequence[BrickPlace]) -> Proposal:
    """*steps*, with a question where devices or directories are to be wiped."""
    wiped = [f"{place.node}:{place.device or place.directory}" for place in places if place.wipe]
    question = f"Lose for good what is on {some(wiped, 9)}?" if wiped else ""
    return Proposal(tuple(steps), tuple(notes), question)
