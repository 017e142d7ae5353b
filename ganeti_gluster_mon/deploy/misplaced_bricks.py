"""Bricks that run on the filesystem below their mount point, since their own filesystem is not mounted.

Writes that such a brick takes are not pending on the other bricks: Gluster counts it as up.  So the files on its own
filesystem grow old, and Gluster does not know which.  Guests would read old data if it was mounted again and the brick
started (docs/gluster.md).  The brick has to be healed anew from the other copies: ``replace-brick`` with ``--wipe``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

from ganeti_gluster_mon.deploy import fstab, plan
from ganeti_gluster_mon.deploy.apply import query_nodes
from ganeti_gluster_mon.deploy.brick_steps import NOT_MOUNTED_SUFFIX
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.repair_steps import BrickMounted, Found, brick_query, understand, unmounted
from ganeti_gluster_mon.deploy.step import (
    DONE,
    WAIT,
    Command,
    NodeQuery,
    PreconditionFailed,
    Remaining,
    Step,
)
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.text import one_line


@dataclass(frozen=True)
class MisplacedBrick:
    """A brick whose filesystem is not mounted, and whose directory is on the filesystem below."""

    brick: BrickAddress
    #: the node of the cluster that has it
    node: str
    #: where its filesystem belongs
    mount_point: str
    #: the mount point of the filesystem that it is on
    below: str
    #: its filesystem's device; "DEVICE": not known
    device: str
    #: whether a brick has run there: the directory has .glusterfs
    has_run: bool

    def decision(self, volume: VolumeInfo) -> str:
        """What it is, and what an administrator may do."""
        what = (
            f"{volume.name}: {self.brick.label} runs on the filesystem of {self.below}, since {self.mount_point} is "
            f"not mounted: its own filesystem may lack what was written meanwhile, and Gluster does not know that"
        )
        if plan.set_of(volume, self.brick) == (self.brick,):
            return (
                f"{what}; a decision is needed, for no other copy exists: stop the guests, gluster volume stop "
                f"{volume.name}, move {self.brick.path} aside, mount {self.mount_point}, gluster volume start "
                f"{volume.name}, and copy the files that were moved by a mount of {volume.name}"
            )
        return (
            f"{what}; a decision is needed: gnt-gluster replace-brick {volume.name} {self.brick.label} {self.node} "
            f"--device {self.device} --wipe {self.node}:{self.device} heals it anew from the other copies"
        )


@dataclass(frozen=True)
class SetBrickAside(Step):
    """No directory of a brick below its mount point, where nothing is mounted; what it holds is renamed and kept."""

    path: str
    mount_point: str

    @property
    def description(self) -> str:
        return f"nothing of the brick left below {self.mount_point}: what was written there is kept, renamed"

    @property
    def effect_timeout(self) -> float:
        return 60.0

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (brick_query(self.node, self.path),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        found = understand(self.node, answers[0])
        if not found.there or len(found.point) >= len(self.mount_point):
            return DONE
        if found.pid is not None:
            return WAIT
        aside = (
            "mv",
            "--no-target-directory",
            "--backup=numbered",
            "--",
            self.path,
            f"{self.path}{NOT_MOUNTED_SUFFIX}",
        )
        return (Command(self.node, aside),)


def misplaced_bricks(
    context: Context, volume: VolumeInfo, bricks: Sequence[BrickAddress]
) -> Tuple[MisplacedBrick, ...]:
    """Those of *bricks* whose filesystem is not mounted.  One whose node cannot be queried is left out."""
    queried: Dict[BrickAddress, Tuple[NodeQuery, NodeQuery]] = {}
    for brick in bricks:
        node = context.cluster.node_of_host(brick.node)
        if node is not None and not node.offline:
            table = NodeQuery(node.name, ("cat", fstab.PATH))
            queried[brick] = (brick_query(node.name, brick.path), table)
    answers = query_nodes(context.host, [each for both in queried.values() for each in both])
    found: List[Tuple[BrickAddress, str, str, Found, str]] = []
    for brick, (probe, table) in queried.items():
        try:
            place = understand(probe.node, answers[probe])
        except PreconditionFailed:
            continue
        point = unmounted(place, answers[table], brick.path)
        if point is not None and place.error is None:
            found.append((brick, probe.node, point, place, _source(answers[table], place, point)))
    devices = {
        source: NodeQuery(node, ("findfs", source)) for _, node, _, _, source in found if "=" in source
    }
    replies = query_nodes(context.host, devices.values())

    def device(source: str) -> str:
        named = replies[devices[source]].stdout.strip() if source in devices else source
        return one_line(named, 200) if named.startswith("/dev/") else "DEVICE"

    return tuple(
        MisplacedBrick(brick, node, point, place.point, device(source), place.indexed)
        for brick, node, point, place, source in found
    )


def repair_misplaced(volume: VolumeInfo, misplaced: Sequence[MisplacedBrick]) -> Tuple[List[Step], List[str]]:
    """The steps for bricks of *volume* that are *misplaced* and online, and what needs a decision.

    A brick whose directory is not below the mount point was started before its filesystem was unmounted, lazily: it
    still runs on that, and to mount it again is all that it needs.
    """
    steps: List[Step] = []
    notes: List[str] = []
    for one in misplaced:
        if one.has_run:
            notes.append(one.decision(volume))
        else:
            steps.append(BrickMounted(one.node, one.brick.path, volume.name, volume.uuid))
    return steps, notes


def _source(table: CommandResult, found: Found, point: str) -> str:
    """What is mounted at *point*, as /etc/fstab or the record on the mount point has it; "": not known."""
    if not table.status:
        for entry in fstab.entries(table.stdout):
            if entry.mount_point == point:
                return entry.source
    return next((f"UUID={uuid}" for where, uuid, _ in found.recorded if where == point), "")
