"""Giving up data that is lost already: ``--discard-data`` of remove-node and replace-brick.

Only bricks without copies are given up here; a brick whose set keeps copies is replaced without any loss.
"""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

from ganeti_gluster_mon.deploy.apply import query_nodes
from ganeti_gluster_mon.deploy.brick_status import must_be_known
from ganeti_gluster_mon.deploy.context import Context, Proposal
from ganeti_gluster_mon.deploy.discard_steps import DiscardBricks, Losses, losses, presence
from ganeti_gluster_mon.deploy.ganeti_steps import CONFIGURATION, configuration
from ganeti_gluster_mon.deploy.gluster_cli import volume_status
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.pool_steps import (
    AddBricks,
    StartVolume,
)
from ganeti_gluster_mon.deploy.previous_rebalance import previous_rebalance
from ganeti_gluster_mon.deploy.step import NodeQuery, PreconditionFailed, Step
from ganeti_gluster_mon.deploy.survey import NodeSurvey
from ganeti_gluster_mon.deploy.task_steps import StartRebalance
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.gluster.model import Peer
from ganeti_gluster_mon.text import some


def discard_bricks(
    context: Context, coordinator: NodeSurvey, peer: Peer, held: Sequence[Tuple[str, BrickAddress]]
) -> Tuple[Tuple[Step, ...], Tuple[str, ...]]:
    """The steps that take *held*, bricks of *peer* without copies, out of their volumes, and what is lost.

    Raises PreconditionFailed where it need not be lost.
    """
    by_volume: Dict[str, List[BrickAddress]] = {}
    for volume, brick in held:
        by_volume.setdefault(volume, []).append(brick)
    steps: List[Step] = []
    notes: List[str] = []
    for name, bricks in by_volume.items():
        volume_info = _volume(coordinator, name)
        if peer.connected:
            _must_be_offline(context, coordinator, volume_info, bricks)
        notes += _notes(volume_info, bricks, _losses(context, volume_info, bricks))
        if len(bricks) == len(volume_info.bricks):
            notes.append(f"{name} has no other brick: Gluster deletes the volume with its last host")
        else:
            steps += _without(context, coordinator.name, volume_info, bricks)
    return tuple(steps), tuple(notes)


def replace_brick(
    context: Context,
    coordinator: NodeSurvey,
    volume: VolumeInfo,
    old: BrickAddress,
    new: BrickAddress,
    made: Sequence[Step],
) -> Proposal:
    """A volume without copies gets the brick *new* and gives up the brick *old*, whose data is lost."""
    peers = {peer.uuid: peer for peer in coordinator.peers}
    host = next((one.uuid for one in volume.bricks if (one.host, one.path) == (old.node, old.path)), None)
    peer = peers.get(host or "")
    if peer is None or peer.connected:
        _must_be_offline(context, coordinator, volume, [old])
    notes = _notes(volume, [old], _losses(context, volume, [old]))
    steps = (
        *made,
        AddBricks(coordinator.name, volume.name, (new,)),
        StartVolume(coordinator.name, volume.name, (new,)),
        *_without(context, coordinator.name, volume, [old], more=1),
    )
    return Proposal(
        steps,
        tuple(notes),
        f"Lose for good what is on {old.label}?",
        result=f"{new.label} has taken the place of {old.label}, whose files are lost: gnt-gluster list-disks",
    )


def _volume(coordinator: NodeSurvey, name: str) -> VolumeInfo:
    return next(volume for volume in coordinator.volumes if volume.name == name)


def _without(
    context: Context, coordinator: str, volume: VolumeInfo, bricks: Sequence[BrickAddress], more: int = 0
) -> Tuple[Step, ...]:
    """The volume without *bricks*; where it has several left, new files are spread over all of them again."""
    steps: List[Step] = [DiscardBricks(coordinator, volume.name, tuple(bricks))]
    if volume.state == "started" and len(volume.bricks) + more - len(bricks) > 1:
        steps.append(
            StartRebalance(
                coordinator,
                volume.name,
                True,
                *previous_rebalance(context, coordinator, volume.name, bricks_change=True),
            )
        )
    return tuple(steps)


def _must_be_offline(
    context: Context, coordinator: NodeSurvey, volume: VolumeInfo, bricks: Sequence[BrickAddress]
) -> None:
    """Raise PreconditionFailed where the data of one of *bricks* can still be read, and so moved."""
    if volume.state != "started":
        raise PreconditionFailed(
            f"{volume.name} is not started, so it is not known whether {bricks[0].label} can be read: "
            f"gluster volume start {volume.name}, then this command again"
        )
    state = NodeQuery(coordinator.name, volume_status(volume.name))
    missing = must_be_known(volume, query_nodes(context.host, (state,))[state])
    online = [brick for brick in bricks if brick.label not in missing]
    if not online:
        return
    if len(bricks) == len(volume.bricks):
        raise PreconditionFailed(
            f"{online[0].label} is online, and {volume.name} has no other brick: move the disks of guests to another "
            f"volume, then gnt-gluster destroy-volume {volume.name}"
        )
    raise PreconditionFailed(
        f"{online[0].label} is online, and its data need not be lost: {moves(volume.name, bricks)}"
    )


def moves(volume: str, bricks: Sequence[BrickAddress]) -> str:
    """How the data of bricks without copies is moved to the other bricks of their volume."""
    labels = " ".join(brick.label for brick in bricks)
    return (
        f"gluster volume remove-brick {volume} {labels} start moves it to the other bricks; when … status shows "
        f"completed, … commit takes the brick out"
    )


def _losses(context: Context, volume: VolumeInfo, bricks: Sequence[BrickAddress]) -> Losses:
    """Which disks of guests are lost with *bricks*."""
    master = NodeQuery(context.cluster.master, CONFIGURATION)
    disks = configuration(query_nodes(context.host, (master,))[master]).disks
    mine = [disk for disk in disks if disk.volume == volume.name]
    nodes: Dict[str, str] = {}
    for brick in volume.bricks:
        known = context.cluster.node_of_host(brick.host)
        nodes[brick.host] = known.name if known is not None else brick.host
    queried = presence(volume, bricks, mine, nodes) if mine else ()
    parsed = query_nodes(context.host, queried)
    return losses(volume, mine, [parsed[question] for question in queried])


def _notes(volume: VolumeInfo, bricks: Sequence[BrickAddress], lost: Losses) -> List[str]:
    named = some([brick.label for brick in bricks], 6)
    return [f"{volume.name} keeps no copies: there is no other copy of what is on {named}", *lost.notes]
