"""Fewer copies: ``--reduce-replica`` of remove-node, for a node with bricks that no other node can take over.

One brick of each replica set goes, and the others keep everything.  A brick that has data which the others lack is not
removed, as with replace-brick.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

from ganeti_gluster_mon.deploy import gluster_cli, plan
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.gluster_cli import VOLUME_INFO
from ganeti_gluster_mon.deploy.layout import REPLICATE, BrickAddress
from ganeti_gluster_mon.deploy.pool_steps import StartVolume, gluster, has_bricks
from ganeti_gluster_mon.deploy.replacing import replacement_risk
from ganeti_gluster_mon.deploy.step import DONE, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.deploy.survey import NodeSurvey
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.text import some


@dataclass(frozen=True)
class Reduction:
    """What takes the bricks of a node out of volumes that keep copies on others."""

    steps: Tuple[Step, ...]
    notes: Tuple[str, ...]
    #: what has to be confirmed
    queries: Tuple[str, ...]
    #: how the copies are increased again, a text for each volume
    afterwards: Tuple[str, ...]


@dataclass(frozen=True)
class ReduceReplica(Step):
    """A volume with one copy less: without one brick of each of its sets; *node* is the speaker."""

    volume: str
    bricks: Tuple[BrickAddress, ...]
    #: copies that are left
    copies: int

    @property
    def description(self) -> str:
        remaining = "1 copy" if self.copies == 1 else f"{self.copies} copies"
        return f"{self.volume} with {remaining}, without {some([brick.label for brick in self.bricks], 4)}"

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.node, VOLUME_INFO),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        volume = gluster_cli.existing_volume(answers[0], self.volume)
        present = {BrickAddress(brick.host, brick.path) for brick in volume.bricks}
        leaving = [brick.label for brick in self.bricks if brick in present]
        if not leaving:
            return DONE
        words = ("remove-brick", self.volume, "replica", str(self.copies), *leaving, "force")
        return (gluster(self.node, "volume", *words),)


def reduce_replicas(
    context: Context, coordinator: NodeSurvey, node: str, held: Sequence[Tuple[str, BrickAddress]]
) -> Reduction:
    """What takes *held*, the bricks of *node* by the names of their volumes, out of these volumes.

    Raises PreconditionFailed where a volume cannot be without them, or where they may have data that the other
    bricks lack.
    """
    by_volume: Dict[str, List[BrickAddress]] = {}
    for name, brick in held:
        by_volume.setdefault(name, []).append(brick)
    steps: List[Step] = []
    notes: List[str] = []
    queries: List[str] = []
    afterwards: List[str] = []
    for name, bricks in by_volume.items():
        volume = next(one for one in coordinator.volumes if one.name == name)
        reason = irreducible(volume, bricks)
        if reason:
            moved = has_bricks(node, [(name, bricks[0])], coordinator.volumes)
            raise PreconditionFailed(f"--reduce-replica is not possible: {reason}; {moved}")
        for brick in bricks:
            others = [other for other in plan.set_of(volume, brick) if other != brick]
            queries += replacement_risk(context, coordinator.name, volume, brick, others, dead=False)
        copies = volume.replica_count - 1
        rest = tuple(
            BrickAddress(one.host, one.path)
            for one in volume.bricks
            if BrickAddress(one.host, one.path) not in bricks
        )
        steps.append(ReduceReplica(coordinator.name, name, tuple(bricks), copies))
        if volume.state == "started":
            steps.append(StartVolume(coordinator.name, name, rest))
        notes.append(_note(name, copies))
        afterwards.append(
            f"to have {volume.replica_count} copies of {name} again: gluster volume add-brick {name} replica "
            f"{volume.replica_count} {' '.join(['NODE:PATH'] * len(bricks))}"
        )
    return Reduction(tuple(steps), tuple(notes), tuple(queries), tuple(afterwards))


def _note(volume: str, copies: int) -> str:
    if copies == 1:
        return f"{volume} keeps one copy of everything: the next disk that fails is lost data"
    if copies == 2:
        return (
            f"{volume} keeps two copies: writes stop while the first brick of a set is down, and neither "
            f"copy is right when each has writes that the other lacks"
        )
    return f"{volume} keeps {copies} copies"


def irreducible(volume: VolumeInfo, bricks: Sequence[BrickAddress]) -> str:
    """Why *volume* cannot be without *bricks* as one copy less; "" where it can.  Pure."""
    layout = plan.layout_of(volume)
    if layout.kind != REPLICATE:
        return f"{volume.name} keeps no copies but fragments, and needs as many bricks as it has"
    every = [BrickAddress(one.host, one.path) for one in volume.bricks]
    sets = [every[at : at + layout.size] for at in range(0, len(every), layout.size)]
    if any(sum(brick in bricks for brick in one) != 1 for one in sets):
        return (
            f"{some([brick.label for brick in bricks], 3)} is not one brick of each of the {len(sets)} sets of "
            f"{volume.name}, and Gluster takes one of each"
        )
    arbiters = {BrickAddress(one.host, one.path) for one in volume.bricks if one.arbiter}
    if arbiters and not arbiters.issuperset(bricks):
        return f"{volume.name} has an arbiter, and {bricks[0].label} is none: the other copy would be the only one"
    return ""
