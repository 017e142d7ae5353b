"""Steps that make a place for a brick on a node: glusterd, a filesystem, its mount.

Nothing that was there before is touched, unless an administrator named that very device.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Dict, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy import block_devices, brick_state, fstab, gluster_cli
from ganeti_gluster_mon.deploy.block_devices import Device
from ganeti_gluster_mon.deploy.gluster_cli import POOL_LIST, VOLUME_INFO
from ganeti_gluster_mon.deploy.kept_on_device import kept_query, must_not_lose_copies
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.pool_steps import bricks_on
from ganeti_gluster_mon.deploy.remote import disk_sample, program
from ganeti_gluster_mon.deploy.step import DONE, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.text import one_line, some

#: bytes of an inode of xfs, so that Gluster's extended attributes have room in it
INODE_SIZE = 512

#: the directory of a brick in a filesystem that was made for it
BRICK_DIRECTORY = "gluster"
#: what the directory of a brick is renamed to that ran below its mount point, so that no brick starts in it again
NOT_MOUNTED_SUFFIX = ".not-mounted"

_MKFS_TIMEOUT = 600.0


@dataclass(frozen=True)
class RunGlusterd(Step):
    """glusterd runs, and will run after the next boot.

    Debian installs it and leaves it disabled.  Where systemd does not run nothing can be enabled.
    """

    @property
    def description(self) -> str:
        return "glusterd started at every boot"

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (
            NodeQuery(self.node, ("test", "-d", "/run/systemd/system")),
            NodeQuery(self.node, ("systemctl", "is-enabled", "glusterd.service")),
            NodeQuery(self.node, ("systemctl", "is-active", "glusterd.service")),
        )

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        systemd, enabled, active = answers
        if systemd.status or (enabled.stdout.strip(), active.stdout.strip()) == ("enabled", "active"):
            return DONE
        return (Command(self.node, ("systemctl", "enable", "--now", "glusterd.service"), timeout=120.0),)


@dataclass(frozen=True)
class MakeFilesystem(Step):
    """An xfs filesystem of ours on a device, without a stale brick in it."""

    device: str
    uuid: str
    #: where it is mounted, or will be
    mount_point: str
    #: the name of the brick's directory in it
    directory: str
    #: a node of the pool that is queried for its volumes
    coordinator: str
    #: the administrator named this device: what is on it may be lost
    wipe: bool = False
    #: the disk of a brick was replaced, which the volume lists in this very place
    same_slot: bool = False
    #: the administrator named the device in --discard-kept: copies of disks that were kept on it may be lost
    discard_kept: bool = False

    @property
    def description(self) -> str:
        return f"an xfs filesystem on {self.device}"

    def queries(self) -> Tuple[NodeQuery, ...]:
        queried = (
            POOL_LIST,
            *block_devices.queries(self.device),
            # mkfs.xfs sets this first and clears it last
            ("xfs_db", "-r", "-c", "sb 0", "-c", "print inprogress", self.device),
            # what an unmounted filesystem has in the brick's directory
            ("xfs_db", "-r", "-c", f"ls /{self.directory}", self.device),
            ("xfs_db", "-r", "-c", f"ls /{self.directory}/.glusterfs", self.device),
            *brick_state.queries(f"{self.mount_point}/{self.directory}"),
            block_devices.MOUNTS,
            program(disk_sample, self.device),
            kept_query(self.device),
        )
        return (NodeQuery(self.coordinator, VOLUME_INFO), *(NodeQuery(self.node, argv) for argv in queried))

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        info, pool, listed, wiped, inprogress, *inside, mounts, sample, kept = answers
        device, fault = block_devices.understand(self.device, listed, wiped)
        if device is None:
            raise PreconditionFailed(f"{self.node}: {fault}")
        ours = device.has(self.uuid)
        unfinished = ours and not device.mount_points and self._is_unfinished(inprogress)
        if ours and not unfinished:
            remaining = self._of_ours(device, gluster_cli.volumes(info), pool, inside, mounts)
            if remaining is not DONE:
                self._must_not_lose_copies(kept)
            return remaining
        if device.used:
            raise PreconditionFailed(f"{self.node}: {self.device} {device.used}; nothing was changed on it")
        if device.size < block_devices.SMALLEST:
            raise PreconditionFailed(
                f"{self.node}: {self.device} is too small: xfs wants {block_devices.SMALLEST >> 20} MiB at least"
            )
        if device.carries and not unfinished and not self.wipe:
            raise PreconditionFailed(
                f"{self.node}: {self.device} {device.carries}; nothing was changed on it; to lose what it holds "
                f"for good, add --wipe {self.node}:{self.device}"
            )
        if not (device.carries or unfinished or self.wipe):
            _must_be_blank(self.node, self.device, sample)
        if device.carries and not unfinished:
            self._must_not_lose_copies(kept)
        wipe = (
            [("wipefs", "--all", "--", *device.partitions, self.device)]
            if self.wipe and device.carries
            else []
        )
        # -f where it is our own, and never whole
        return tuple(
            Command(self.node, argv, timeout=_MKFS_TIMEOUT) for argv in (*wipe, self._mkfs(force=unfinished))
        )

    def _is_unfinished(self, inprogress: CommandResult) -> bool:
        """Whether the filesystem, which is ours, was not made to its end.  Raises PreconditionFailed."""
        words = inprogress.stdout.split()
        if inprogress.status or words[:2] != ["inprogress", "="] or len(words) != 3:
            raise PreconditionFailed(
                f"{self.node}: {self.device} has a filesystem of a brick, and it is not known whether that is whole: "
                f"{one_line(inprogress.reason, 200)}; nothing was changed on it; if its data is not needed: "
                f"wipefs --all {self.device}"
            )
        return words[2] != "0"

    def _must_not_lose_copies(self, kept: CommandResult) -> None:
        if not self.discard_kept:
            must_not_lose_copies(self.node, self.device, kept)

    def _mkfs(self, force: bool) -> Tuple[str, ...]:
        make = ("mkfs.xfs", "-q", "-i", f"size={INODE_SIZE}", "-m", f"uuid={self.uuid}")
        return (*make, *(("-f",) if force else ()), self.device)

    def _of_ours(
        self,
        device: Device,
        volumes: Sequence[VolumeInfo],
        pool: CommandResult,
        inside: Sequence[CommandResult],
        mounts: CommandResult,
    ) -> Remaining:
        """What is left where the filesystem is ours and whole.

        It is made anew only where it was named in --wipe, no volume has a brick in it, and what it has is stale: the
        same command, with the same --wipe, may be run again when there are guests' disks on it.  Raises
        PreconditionFailed.
        """
        uuid = gluster_cli.own(gluster_cli.peers(pool)).uuid
        every = bricks_on(volumes, self.node, uuid)
        bricks = [one for one in every if one[1].path.startswith(f"{self.mount_point}/")]
        path = f"{self.mount_point}/{self.directory}"
        if path in [brick.path for _, brick in bricks] and not (self.same_slot and self.wipe):
            return DONE
        # the mount of a disk that was replaced is taken down by the step before
        mounted = self.mount_point in device.mount_points and not self.same_slot
        stale = self._stale(volumes, inside, mounted)
        if stale is None or (mounted and not self.wipe):
            return DONE  # what is in the directory is for MakeBrick to refuse
        bricks = [one for one in bricks if one[1].path != path]
        if bricks:
            volume, brick = bricks[0]
            raise PreconditionFailed(
                f"{self.node}: {self.device} has the brick {brick.path} of volume {volume}: it is in use"
            )
        if not self.wipe:
            raise PreconditionFailed(
                f"{self.node}: {self.device} {stale}: its files are old and must not come back; nothing was changed "
                f"on it; to lose what it holds for good, add --wipe {self.node}:{self.device}"
            )
        if not device.mount_points:
            must_not_be_missing(self.node, self.device, [one for one in every if one[1].path != path], mounts)
        elsewhere = [one for one in device.mount_points if one != self.mount_point]
        if elsewhere:
            raise PreconditionFailed(
                f"{self.node}: {self.device} is mounted at {some(elsewhere, 3)}: umount it first"
            )
        make = Command(self.node, self._mkfs(force=True), timeout=_MKFS_TIMEOUT)
        if not mounted:
            return (make,)
        mount = ("mount", "--types", "xfs", "--options", "noatime,inode64", self.device, self.mount_point)
        return (Command(self.node, ("umount", self.mount_point)), make, Command(self.node, mount))

    def _stale(
        self, volumes: Sequence[VolumeInfo], inside: Sequence[CommandResult], mounted: bool
    ) -> Optional[str]:
        """What is stale in it, in words; None: nothing that is known."""
        path = f"{self.mount_point}/{self.directory}"
        if mounted:
            try:
                directory = brick_state.understand(path, inside[2:])
            except PreconditionFailed as err:
                raise PreconditionFailed(f"{self.node}: {err}") from err
            return f"({path}) {directory.described(volumes)}" if directory.is_stale() else None
        entries = [name for name in _names(inside[0]) if name != ".glusterfs"]
        entries += [f".glusterfs/{name}" for name in _names(inside[1])]
        if not entries:
            return None
        return f"has a stale brick in it ({self.directory}/{one_line(entries[0], 80)})"


def must_not_be_missing(
    node: str, device: str, bricks: Sequence[Tuple[str, BrickAddress]], mounts: CommandResult
) -> None:
    """Raises PreconditionFailed where an unmounted *device* may have one of the *bricks*, (volume, brick), of its node.

    A brick whose filesystem is not mounted may be on any device that is not mounted.  *mounts* is the answer to
    `devices.MOUNTS`.
    """
    points = block_devices.mount_points(mounts)
    for volume, brick in bricks:
        point, name = os.path.split(brick.path)
        if points is None or (name == BRICK_DIRECTORY and point not in points):
            raise PreconditionFailed(
                f"{node}: {device} may have the brick {brick.path} of volume {volume}, where nothing is mounted: "
                f"mount its disk first, or replace it: gnt-gluster replace-brick {volume} {brick.label}"
            )


def _must_be_blank(node: str, device: str, sample: CommandResult) -> None:
    """Raises PreconditionFailed where a device without a known signature holds data, or cannot be read."""
    try:
        offset = json.loads(sample.stdout)["nonzero"]
    except (ValueError, KeyError, TypeError):
        raise PreconditionFailed(f"{node}: what is on {device} cannot be read: {sample.reason}") from None
    if offset is not None:
        raise PreconditionFailed(
            f"{node}: {device} holds data without a known signature (at byte {offset}): a database or a guest may use "
            f"it raw; nothing was changed on it; to lose what it holds for good, add --wipe {node}:{device}"
        )


def _names(answer: CommandResult) -> Tuple[str, ...]:
    """The entries of a directory from the answer of xfs_db's command ls.

    A line is: offset, inode number, type, hash, length of the name, name, "(good)" or another word on the hash.
    """
    if answer.status:
        return ()
    fields = [line.split(None, 5) for line in answer.stdout.splitlines()]
    names = [one[5].rpartition(" ")[0] for one in fields if len(one) == 6]
    return tuple(name for name in names if name not in (".", ".."))


@dataclass(frozen=True)
class MountFilesystem(Step):
    """Our filesystem at its mount point, now and after every boot."""

    device: str
    uuid: str
    mount_point: str
    #: the disk that was there is gone: its line in fstab is replaced, and its mount is taken down before
    same_slot: bool = False

    @property
    def description(self) -> str:
        return f"{self.device} mounted at {self.mount_point}, now and at every boot"

    def queries(self) -> Tuple[NodeQuery, ...]:
        queried = (
            ("findmnt", "--json", "--mountpoint", self.mount_point, "--output", "TARGET,SOURCE,MAJ:MIN"),
            ("lsblk", "--noheadings", "--nodeps", "--output", "MAJ:MIN", "--", self.device),
            ("cat", fstab.PATH),
            ("find", self.mount_point, "-mindepth", "1", "-maxdepth", "1", "-print", "-quit"),
            ("test", "-d", "/run/systemd/system"),
        )
        return tuple(NodeQuery(self.node, argv) for argv in queried)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        mounts, number, table, inside, systemd = answers
        source, mounted = _mounted(mounts)
        if source and self.same_slot and (mounted != number.stdout.strip() or inside.status):
            source = None  # the step before takes down the mount of a disk that is dead
        if source and mounted != number.stdout.strip():
            raise PreconditionFailed(
                f"{self.node}: {one_line(source)} is mounted at {self.mount_point}, where {self.device} belongs"
            )
        if not source and inside.stdout and not mounts.stdout and not self._hides_former_brick(inside.stdout):
            raise PreconditionFailed(
                f"{self.node}: {self.mount_point} is not empty, and {self.device} would hide what is there: "
                f"move {one_line(inside.stdout, 100)} away"
            )
        if table.status:
            raise PreconditionFailed(f"{self.node}: {fstab.PATH} cannot be read: {table.reason}")
        others = [one for one in fstab.entries(table.stdout) if one.mount_point == self.mount_point]
        kept = any(one.source == f"UUID={self.uuid}" for one in others)
        if others and not kept and not self.same_slot:
            raise PreconditionFailed(
                f"{self.node}: {fstab.PATH} has {one_line(others[0].source)} for {self.mount_point}, where "
                f"{self.device} belongs: take that line out"
            )
        # the directory first: after a power cut in between, a boot finds no line without its mount point
        remaining = [] if source else [Command(self.node, ("mkdir", "--parents", self.mount_point))]
        if not kept and others:
            remaining += [
                Command(self.node, fstab.remove(one)) for one in fstab.lines(table.stdout, self.mount_point)
            ]
        if not kept:
            text = ("" if table.stdout.endswith("\n") or not table.stdout else "\n") + fstab.line(
                self.uuid, self.mount_point
            )
            remaining.append(Command(self.node, ("tee", "--append", fstab.PATH), f"{text}\n"))
            remaining.append(Command(self.node, ("sync", fstab.PATH)))
            if not systemd.status:
                remaining.append(Command(self.node, ("systemctl", "daemon-reload")))
        if not source:
            remaining.append(Command(self.node, ("mount", self.mount_point)))
        return tuple(remaining) or DONE

    def _hides_former_brick(self, entry: str) -> bool:
        """Whether *entry*, which is below the mount point, is what a brick wrote there without its mount.

        The step before renames it, and keeps it.
        """
        name = os.path.basename(entry.rstrip("\n"))
        return self.same_slot and (
            name == BRICK_DIRECTORY or name.startswith(f"{BRICK_DIRECTORY}{NOT_MOUNTED_SUFFIX}")
        )


def _mounted(answer: CommandResult) -> Tuple[Optional[str], str]:
    """What is mounted there by findmnt's answer, and its device number; (None, "") for nothing."""
    if answer.status:
        return None, ""
    found: Dict[str, str] = json.loads(answer.stdout)["filesystems"][-1]
    return found["source"], found["maj:min"].strip()
