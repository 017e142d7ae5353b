"""Steps that give up bricks whose data is lost: no other copy exists, and their host or disk is gone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Dict, List, Mapping, Sequence, Set, Tuple

from ganeti_gluster_mon.deploy import gluster_cli
from ganeti_gluster_mon.deploy.gluster_cli import VOLUME_INFO
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.pool_steps import gluster
from ganeti_gluster_mon.deploy.step import DONE, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.gluster.model import DiskFile
from ganeti_gluster_mon.gluster.placement import is_sharded
from ganeti_gluster_mon.text import one_line, some

_MOST = 9

#: it takes [[brick path, [file, …]], …] and prints the files that are there, [[brick path, [file, …]], …]
_PRESENT = (
    "import json, os, sys\n"
    "print(json.dumps([[brick, [file for file in files if os.path.lexists(os.path.join(brick, file))]]\n"
    "                  for brick, files in json.loads(sys.argv[1])]))\n"
)


@dataclass(frozen=True)
class DiscardBricks(Step):
    """A volume without some of its bricks, whose data is given up (``remove-brick … force``)."""

    volume: str
    bricks: Tuple[BrickAddress, ...]

    @property
    def description(self) -> str:
        return (
            f"{self.volume} without {some([brick.label for brick in self.bricks], 4)}, whose data is given up"
        )

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.node, VOLUME_INFO),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        volume = gluster_cli.volume(answers[0], self.volume)
        if volume is None:
            return DONE
        present = {BrickAddress(brick.host, brick.path) for brick in volume.bricks}
        lost = [brick.label for brick in self.bricks if brick in present]
        if not lost:
            return DONE
        if len(lost) == len(present):
            raise PreconditionFailed(
                f"{self.volume} has no other brick: gnt-gluster destroy-volume {self.volume}"
            )
        return (gluster(self.node, "volume", "remove-brick", self.volume, *lost, "force"),)


@dataclass(frozen=True)
class Losses:
    """Disks of guests that are lost, or may be, with the bricks that are given up."""

    #: "disk/0 of web"
    lost: Tuple[str, ...]
    #: of sharded volumes: parts of them may have been on those bricks
    damaged: Tuple[str, ...]

    @property
    def notes(self) -> Tuple[str, ...]:
        """What is lost, for people."""
        lines = []
        if self.lost:
            lines.append(f"lost: {one_line(some(self.lost, _MOST))}")
        if self.damaged:
            lines.append(
                f"may have lost parts, since files are kept in shards: {one_line(some(self.damaged, _MOST))}"
            )
        return tuple(lines) or ("no disk of an instance is on it",)


def presence(
    volume: VolumeInfo, given_up: Sequence[BrickAddress], disks: Sequence[DiskFile], nodes: Mapping[str, str]
) -> Tuple[NodeQuery, ...]:
    """The queries that find which *disks* are on the bricks that stay; *nodes* has the node of each brick's host."""
    paths = [disk.path for disk in disks if disk.volume == volume.name]
    wanted: Dict[str, List[Tuple[str, List[str]]]] = {}
    for brick in volume.bricks:
        if BrickAddress(brick.host, brick.path) not in given_up and brick.host in nodes:
            wanted.setdefault(nodes[brick.host], []).append((brick.path, paths))
    return tuple(
        NodeQuery(node, ("python3", "-I", "-S", "-c", _PRESENT, json.dumps(queried)))
        for node, queried in wanted.items()
    )


def losses(volume: VolumeInfo, disks: Sequence[DiskFile], answers: Sequence[CommandResult]) -> Losses:
    """What is lost by the *answers* to `presence`.  Pure.  Raises PreconditionFailed where that is not known."""
    present: Set[str] = set()
    for reply in answers:
        try:
            for _, files in json.loads(reply.stdout):
                present |= set(files)
        except (ValueError, TypeError) as err:
            raise PreconditionFailed(
                f"it is not known which disks of {volume.name} would be lost: {reply.reason}; start the hosts of its "
                f"other bricks first"
            ) from err
    mine = [disk for disk in disks if disk.volume == volume.name]
    sharded = is_sharded(volume.options)
    lost = [f"{disk.name} of {disk.instance}" for disk in mine if disk.path not in present]
    damaged = [f"{disk.name} of {disk.instance}" for disk in mine if disk.path in present] if sharded else []
    return Losses(tuple(lost), tuple(damaged))
