"""Steps for the directory of a brick: make and mark it, and mark one that was replaced."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy import brick_state, gluster_cli
from ganeti_gluster_mon.deploy.brick_state import MARK, RETIRED, VOLUME_ID, BrickDirectory
from ganeti_gluster_mon.deploy.gluster_cli import POOL_LIST, VOLUME_INFO
from ganeti_gluster_mon.deploy.step import DONE, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.text import one_line

#: seconds; a stale brick may have millions of files
_REMOVE_TIMEOUT = 6 * 3600.0


def set_attribute(node: str, name: str, volume: str, path: str) -> Command:
    """Set the attribute *name* of *path* to the name of a volume."""
    # setfattr would take a name such as 0x1 for a number
    return Command(node, ("setfattr", "-n", name, "-v", "0x" + volume.encode().hex(), "--", path))


@dataclass(frozen=True)
class MakeBrick(Step):
    """An empty directory that becomes a brick of *volume*, and of no other.

    With a *mount_point* it lies below that, one level: without the mount there is no such directory, and so no brick
    that would fill the root filesystem.
    """

    path: str
    volume: str
    #: a node of the pool that is queried for its volumes
    coordinator: str
    #: of a filesystem that was made for it; None for a directory on a filesystem that was there
    mount_point: Optional[str] = None
    #: the administrator named it in --wipe: a stale brick there may be lost
    wipe: bool = False
    #: the volume lists the brick already, and its disk was replaced
    same_slot: bool = False
    #: "NODE:DEVICE" to be named in --wipe, where the filesystem is ours
    device: Optional[str] = None

    @property
    def description(self) -> str:
        return f"the directory {self.path} for a brick of {self.volume}"

    def queries(self) -> Tuple[NodeQuery, ...]:
        queried = (
            ("findmnt", "--noheadings", "--output", "TARGET", "--target", os.path.dirname(self.path)),
            ("findmnt", "--noheadings", "--output", "TARGET", "--mountpoint", self.path),
            POOL_LIST,
            *brick_state.queries(self.path),
        )
        return (NodeQuery(self.coordinator, VOLUME_INFO), *(NodeQuery(self.node, argv) for argv in queried))

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        info, below, itself, pool, *answers = answers
        where = f"{self.node}: {self.path}"
        volumes = gluster_cli.volumes(info)
        uuid = gluster_cli.own(gluster_cli.peers(pool)).uuid
        try:
            found = brick_state.understand(self.path, answers)
        except PreconditionFailed as err:
            if not self.same_slot or self.mount_point is None:
                raise PreconditionFailed(f"{self.node}: {err}") from err
            found = BrickDirectory(self.path, None)  # its disk is dead, and the steps before mount another
        if self._is_brick(found, brick_state.listed(volumes, self.node, uuid, self.path)):
            return DONE
        if found.bricks_above and not self.same_slot:
            raise PreconditionFailed(
                f"{where} lies in {found.bricks_above[0]}, which is or was a brick: name another directory"
            )
        if self.mount_point is None:
            self._must_not_fill_root(below, itself)
        if found.kind is None:
            return (*self._must_be_mounted(), *self._make())
        if found.kind != "directory":
            raise PreconditionFailed(f"{where} is a {found.kind}, and no directory")
        if found.is_stale():
            return self._wiped(found, volumes)
        if found.entry:
            raise PreconditionFailed(
                f"{where} is not empty, it holds {one_line(found.entry, 100)}: what is there is not ours to "
                f"remove; name an empty directory or one that is not there yet"
            )
        if found.prepared_for not in (None, self.volume):
            raise PreconditionFailed(
                f"{where} is prepared for volume {one_line(str(found.prepared_for), 80)}; if that is not to be made: "
                f"rmdir {self.path}"
            )
        if found.volume_id is not None:
            # a volume create that did not come to its end leaves this behind, and refuses to go on over it
            return (Command(self.node, ("setfattr", "-x", VOLUME_ID, "--", self.path)),)
        return DONE if found.prepared_for == self.volume else self._make()[1:]

    def _is_brick(self, found: BrickDirectory, volume: Optional[VolumeInfo]) -> bool:
        """Whether it is the brick that it is to be.  Raises PreconditionFailed where it is listed and is not."""
        if volume is None:
            return False
        if volume.name != self.volume:
            raise PreconditionFailed(
                f"{self.node}: {self.path} is a brick of volume {volume.name}; name another directory"
            )
        if found.volume_id == volume.uuid.replace("-", ""):
            return True
        if not self.same_slot:
            raise PreconditionFailed(
                f"{self.node}: {self.path} is a brick of {volume.name}, and has not its volume id: was its disk "
                f"replaced? gnt-gluster replace-brick {volume.name} {self.node}:{self.path} {self.node} and the new "
                f"--device"
            )
        return False

    def _make(self) -> Tuple[Command, Command]:
        mark = set_attribute(self.node, MARK, self.volume, self.path)
        return Command(self.node, ("mkdir", "--", self.path)), mark

    def _must_be_mounted(self) -> Tuple[Command, ...]:
        if self.mount_point is None:
            return ()
        return (Command(self.node, ("mountpoint", "--quiet", self.mount_point)),)

    def _wiped(self, found: BrickDirectory, volumes: Sequence[VolumeInfo]) -> Remaining:
        """What makes an empty directory of a stale brick.  Raises PreconditionFailed where that was not allowed."""
        if not self.wipe:
            raise PreconditionFailed(
                f"{self.node}: {self.path} {found.described(volumes)}: its files are old and must not come back; "
                f"nothing was changed on it; to lose what it holds for good, add "
                f"--wipe {self.device or f'{self.node}:{self.path}'}"
            )
        if self.mount_point is not None:
            # the step before makes the filesystem anew; mkdir fails where it did not
            return (*self._must_be_mounted(), *self._make())
        remove = ("rm", "--recursive", "--force", "--one-file-system", "--preserve-root=all", "--", self.path)
        return (Command(self.node, remove, timeout=_REMOVE_TIMEOUT), *self._make())

    def _must_not_fill_root(self, below: CommandResult, itself: CommandResult) -> None:
        if not itself.status:
            raise PreconditionFailed(
                f"{self.node}: {self.path} is a mount point itself; name a directory in it, as "
                f"{self.path}/gluster: then no brick fills the root filesystem when the mount is missing"
            )
        if below.status:
            raise PreconditionFailed(
                f"{self.node}: {os.path.dirname(self.path)} is not there: make it, or name another"
            )
        if below.stdout.strip() == "/":
            raise PreconditionFailed(
                f"{self.node}: {self.path} is on the root filesystem, which the brick would fill: "
                f"name a directory on a filesystem of its own, or a --device"
            )


@dataclass(frozen=True)
class RetireBrick(Step):
    """A directory that another brick has replaced, marked so that it is not taken for a new one."""

    path: str
    volume: str
    coordinator: str

    @property
    def description(self) -> str:
        return f"{self.path} marked as a former brick of {self.volume}"

    def queries(self) -> Tuple[NodeQuery, ...]:
        options = ("findmnt", "--noheadings", "--output", "OPTIONS", "--target", self.path)
        queried = (options, POOL_LIST, *brick_state.queries(self.path))
        return (NodeQuery(self.coordinator, VOLUME_INFO), *(NodeQuery(self.node, argv) for argv in queried))

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        info, options, pool, *answers = answers
        if "ro" in options.stdout.strip().split(","):
            return DONE  # it cannot be marked; its volume id names it as a former brick, too
        try:
            found = brick_state.understand(self.path, answers)
        except PreconditionFailed:
            return DONE  # its disk is dead, and nothing can be written there
        if found.kind != "directory" or RETIRED in found.attributes:
            return DONE
        volumes = gluster_cli.volumes(info)
        volume = next((one for one in volumes if one.name == self.volume), None)
        if volume is None or found.volume_id != volume.uuid.replace("-", ""):
            return DONE  # it was no brick of this volume
        uuid = gluster_cli.own(gluster_cli.peers(pool)).uuid
        lists = brick_state.listed(volumes, self.node, uuid, self.path)
        if lists is not None and lists.name != self.volume:
            return DONE
        return (set_attribute(self.node, RETIRED, self.volume, self.path),)
