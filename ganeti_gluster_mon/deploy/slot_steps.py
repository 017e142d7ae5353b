"""Steps that give the place of a dead disk to a new one: same node, same path, by Gluster's ``reset-brick``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Sequence, Tuple

from ganeti_gluster_mon.deploy import brick_state, gluster_cli
from ganeti_gluster_mon.deploy.brick_state import VOLUME_ID
from ganeti_gluster_mon.deploy.brick_status import offline, offline_bricks, status_queries
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.pool_steps import gluster
from ganeti_gluster_mon.deploy.step import DONE, WAIT, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.text import one_line


@dataclass(frozen=True)
class Slot:
    """A mount point of a brick, as its node reports it."""

    #: the device that is mounted there, and its number "8:16"; "" where nothing is
    source: str
    number: str
    #: why what is mounted there cannot be read; "" where it can
    fault: str


def slot_queries(mount_point: str) -> Tuple[Tuple[str, ...], ...]:
    """The commands whose answers `slot` takes."""
    return (
        ("findmnt", "--json", "--mountpoint", mount_point, "--output", "SOURCE,MAJ:MIN"),
        # statfs still succeeds on an xfs that has shut down after an I/O error: a directory has to be read
        ("find", mount_point, "-mindepth", "1", "-maxdepth", "1", "-print", "-quit"),
    )


def slot(answers: Sequence[CommandResult]) -> Slot:
    """A mount point from the answers to `slot_queries`.  Pure."""
    mounts, inside = answers
    if mounts.status:
        return Slot("", "", "")
    found = json.loads(mounts.stdout)["filesystems"][-1]
    return Slot(found["source"], found["maj:min"].strip(), inside.reason if inside.status else "")


@dataclass(frozen=True)
class StopBrick(Step):
    """A brick whose process is stopped, for the time until `ResetBrick`; *node* is the speaker."""

    volume: str
    brick: BrickAddress

    @property
    def description(self) -> str:
        return f"{self.brick.label} stopped"

    @property
    def effect_timeout(self) -> float:
        return 60.0

    def queries(self) -> Tuple[NodeQuery, ...]:
        return status_queries(self.node, self.volume)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        missing = offline_bricks(self.volume, *answers)
        if missing is None:
            raise PreconditionFailed(
                f"it is not known whether {self.brick.label} is online: gluster volume status {self.volume}"
            )
        if self.brick.label in missing:
            return DONE
        return (gluster(self.node, "volume", "reset-brick", self.volume, self.brick.label, "start"),)


@dataclass(frozen=True)
class UnmountDead(Step):
    """A mount point that is free, or has *device* mounted; a filesystem that cannot be read any more is unmounted."""

    device: str
    mount_point: str

    @property
    def description(self) -> str:
        return f"no dead filesystem mounted at {self.mount_point}"

    def queries(self) -> Tuple[NodeQuery, ...]:
        number = ("lsblk", "--noheadings", "--nodeps", "--output", "MAJ:MIN", "--", self.device)
        return tuple(NodeQuery(self.node, argv) for argv in (*slot_queries(self.mount_point), number))

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        found = slot(answers[:2])
        if not found.source or (not found.fault and found.number == answers[2].stdout.strip()):
            return DONE
        if not found.fault:
            raise PreconditionFailed(
                f"{self.node}: {one_line(found.source)} is mounted at {self.mount_point} and can be read: it is not "
                f"dead; name a --device that is to be mounted elsewhere, or umount it first"
            )
        # lazily: what still has a file open there keeps none of it from being unmounted
        return (Command(self.node, ("umount", "--lazy", self.mount_point)),)


@dataclass(frozen=True)
class ResetBrick(Step):
    """A brick whose disk was replaced, in the volume again with its empty directory; *node* is the speaker."""

    volume: str
    brick: BrickAddress
    #: other nodes of the pool, whose glusterd has to be connected to that of the brick's node
    others: Tuple[str, ...] = ()

    @property
    def description(self) -> str:
        return f"{self.brick.label} in {self.volume} again, on its new disk"

    @property
    def effect_timeout(self) -> float:
        return 60.0

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (
            *status_queries(self.node, self.volume),
            *(NodeQuery(self.brick.node, argv) for argv in brick_state.queries(self.brick.path)),
            *(NodeQuery(node, gluster_cli.POOL_LIST) for node in (self.brick.node, *self.others)),
        )

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        pool_lists = answers[-len(self.others) - 1 :]
        if not self._connected(*pool_lists):
            return WAIT  # glusterd was just restarted
        volume = gluster_cli.existing_volume(answers[0], self.volume)
        if has_volume_id(self.brick, volume.uuid, answers[2 : -len(pool_lists)]):
            missing = offline(volume, answers[1])
            if missing is not None and self.brick.label not in missing:
                return DONE
        label = self.brick.label
        return (gluster(self.node, "volume", "reset-brick", self.volume, label, label, "commit", "force"),)

    def _connected(self, own: CommandResult, *others: CommandResult) -> bool:
        """Whether glusterd of the brick's node answers, and each of the other nodes is connected to it."""
        if own.status or any(answer.status for answer in others):
            return False
        uuid = gluster_cli.own(gluster_cli.peers(own)).uuid
        return all(
            any(peer.uuid == uuid and peer.connected for peer in gluster_cli.peers(answer))
            for answer in others
        )

    def cure(self, failure: str) -> Tuple[Command, ...]:
        """Restart a glusterd that was started while the brick's directory was not there.

        It does not know the real path of the brick then, and takes it for a new one (observed with GlusterFS 10.3).
        """
        if _NEW not in failure:
            return ()
        return (Command(self.brick.node, ("systemctl", "restart", "glusterd.service"), timeout=150.0),)


#: what glusterd reports about a brick whose real path it does not know
_NEW = "When destination brick is new"


def has_volume_id(brick: BrickAddress, volume_uuid: str, answers: Sequence[CommandResult]) -> bool:
    """Whether the directory of *brick* can be read and has the id of its volume; by `brick_state.queries`."""
    try:
        found = brick_state.understand(brick.path, answers)
    except PreconditionFailed:
        return False
    return found.attributes.get(VOLUME_ID) == volume_uuid.replace("-", "")
