"""Steps that make a place for a brick on a node: a filesystem, its mount, the directory.

Nothing that was there before is touched, unless an administrator named that very device.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import Dict, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy import devices, fstab
from ganeti_gluster_mon.deploy.gluster_said import VOLUME_INFO, volumes
from ganeti_gluster_mon.deploy.step import DONE, Command, Left, NotSo, Question, Step
from ganeti_gluster_mon.ganeti.ssh import Said
from ganeti_gluster_mon.words import one_line

#: bytes of an inode of xfs, so that Gluster's extended attributes have room in it
INODE_SIZE = 512

#: on a directory that was made, or found empty, to become a brick of the volume that it names
MARK = "trusted.ganeti-gluster-mon.brick"
_VOLUME_ID = "trusted.glusterfs.volume-id"
_ATTRIBUTE = re.compile(r'^([\w.-]+)=(?:0x([0-9a-f]*)|"(.*)")$', re.MULTILINE)

_EMPTY_GLUSTERFS = ("-name", ".glusterfs", "-type", "d", "-empty")

_MKFS_TIMEOUT = 600.0


@dataclass(frozen=True)
class RunGlusterd(Step):
    """glusterd runs, and will run after the next boot.

    Debian installs it and leaves it disabled.  Where systemd does not run nothing can be enabled.
    """

    @property
    def words(self) -> str:
        return "glusterd started at every boot"

    def questions(self) -> Tuple[Question, ...]:
        return (
            Question(self.node, ("test", "-d", "/run/systemd/system")),
            Question(self.node, ("systemctl", "is-enabled", "glusterd.service")),
            Question(self.node, ("systemctl", "is-active", "glusterd.service")),
        )

    def left(self, answers: Sequence[Said]) -> Left:
        systemd, enabled, active = answers
        if systemd.status or (enabled.out.strip(), active.out.strip()) == ("enabled", "active"):
            return DONE
        return (Command(self.node, ("systemctl", "enable", "--now", "glusterd.service"), timeout=120.0),)


@dataclass(frozen=True)
class MakeFilesystem(Step):
    """An xfs filesystem of ours on a device."""

    device: str
    uuid: str
    #: the administrator named this device: what is on it may be lost
    wipe: bool = False

    @property
    def words(self) -> str:
        return f"an xfs filesystem on {self.device}"

    def questions(self) -> Tuple[Question, ...]:
        asked = (
            *devices.questions(self.device),
            # mkfs.xfs sets this first and clears it last
            ("xfs_db", "-r", "-c", "sb 0", "-c", "print inprogress", self.device),
        )
        return tuple(Question(self.node, argv) for argv in asked)

    def left(self, answers: Sequence[Said]) -> Left:
        device, fault = devices.understand(self.device, answers[0], answers[1])
        if device is None:
            raise NotSo(f"{self.node}: {fault}")
        # Ours is never wiped, whatever is said: the same command may be run again when there are disks on it.
        ours = device.has(self.uuid)
        unfinished = ours and answers[2].out.split() != ["inprogress", "=", "0"]
        if ours and (device.mount_points or not unfinished):
            return DONE
        if device.used:
            raise NotSo(f"{self.node}: {self.device} {device.used}; nothing was changed on it")
        if device.size < devices.SMALLEST:
            raise NotSo(
                f"{self.node}: {self.device} is too small: xfs wants {devices.SMALLEST >> 20} MiB at least"
            )
        if device.carries and not unfinished and not self.wipe:
            raise NotSo(
                f"{self.node}: {self.device} {device.carries}; nothing was changed on it; to lose what it holds "
                f"for good, say --wipe {self.node}:{self.device}"
            )
        make: Tuple[str, ...] = ("mkfs.xfs", "-q", "-i", f"size={INODE_SIZE}", "-m", f"uuid={self.uuid}")
        if unfinished:  # our own, and never whole
            make = (*make, "-f")
        wipe = (
            [("wipefs", "--all", "--", *device.partitions, self.device)]
            if self.wipe and device.carries
            else []
        )
        return tuple(
            Command(self.node, argv, timeout=_MKFS_TIMEOUT) for argv in (*wipe, (*make, self.device))
        )


@dataclass(frozen=True)
class Mount(Step):
    """Our filesystem at its mount point, now and after every boot."""

    device: str
    uuid: str
    mount_point: str

    @property
    def words(self) -> str:
        return f"{self.device} mounted at {self.mount_point}, now and at every boot"

    def questions(self) -> Tuple[Question, ...]:
        asked = (
            ("findmnt", "--json", "--mountpoint", self.mount_point, "--output", "TARGET,SOURCE,MAJ:MIN"),
            ("lsblk", "--noheadings", "--nodeps", "--output", "MAJ:MIN", "--", self.device),
            ("cat", fstab.PATH),
            ("find", self.mount_point, "-mindepth", "1", "-maxdepth", "1", "-print", "-quit"),
            ("test", "-d", "/run/systemd/system"),
        )
        return tuple(Question(self.node, argv) for argv in asked)

    def left(self, answers: Sequence[Said]) -> Left:
        mounts, number, table, inside, systemd = answers
        source, mounted = _mounted(mounts)
        if source and mounted != number.out.strip():
            raise NotSo(
                f"{self.node}: {one_line(source)} is mounted at {self.mount_point}, where {self.device} belongs"
            )
        if not source and inside.out:
            raise NotSo(
                f"{self.node}: {self.mount_point} is not empty, and {self.device} would hide what is there: "
                f"move {one_line(inside.out, 100)} away"
            )
        if table.status:
            raise NotSo(f"{self.node}: {fstab.PATH} cannot be read: {table.words}")
        others = [one for one in fstab.entries(table.out) if one.mount_point == self.mount_point]
        kept = any(one.source == f"UUID={self.uuid}" for one in others)
        if others and not kept:
            raise NotSo(
                f"{self.node}: {fstab.PATH} has {one_line(others[0].source)} for {self.mount_point}, where "
                f"{self.device} belongs: take that line out"
            )
        # the directory first: after a power cut in between, a boot finds no line without its mount point
        left = [] if source else [Command(self.node, ("mkdir", "--parents", self.mount_point))]
        if not kept:
            text = ("" if table.out.endswith("\n") or not table.out else "\n") + fstab.line(
                self.uuid, self.mount_point
            )
            left.append(Command(self.node, ("tee", "--append", fstab.PATH), f"{text}\n"))
            left.append(Command(self.node, ("sync", fstab.PATH)))
            if not systemd.status:
                left.append(Command(self.node, ("systemctl", "daemon-reload")))
        if not source:
            left.append(Command(self.node, ("mount", self.mount_point)))
        return tuple(left) or DONE


def _mounted(answer: Said) -> Tuple[Optional[str], str]:
    """What is mounted there by findmnt's answer, and its device number; (None, "") for nothing."""
    if answer.status:
        return None, ""
    found: Dict[str, str] = json.loads(answer.out)["filesystems"][-1]
    return found["source"], found["maj:min"].strip()


@dataclass(frozen=True)
class MakeBrick(Step):
    """An empty directory that becomes a brick of *volume*, and of none other.

    With a *mount_point* it lies below that, one level: without the mount there is no such directory, and so
    no brick that would fill the root filesystem.
    """

    path: str
    volume: str
    #: a node of the pool that is asked which volumes there are
    speaker: str
    #: of a filesystem that was made for it; None for a directory on a filesystem that was there
    mount_point: Optional[str] = None

    @property
    def words(self) -> str:
        return f"the directory {self.path} for a brick of {self.volume}"

    def questions(self) -> Tuple[Question, ...]:
        asked = (
            ("findmnt", "--noheadings", "--output", "TARGET", "--target", os.path.dirname(self.path)),
            ("findmnt", "--noheadings", "--output", "TARGET", "--mountpoint", self.path),
            ("stat", "--format", "%F", "--", self.path),
            # an empty .glusterfs is all that a volume create makes before it is known whether it works
            ("find", self.path, "-mindepth", "1", "!", "(", *_EMPTY_GLUSTERFS, ")", "-print", "-quit"),
            ("getfattr", "--absolute-names", "-h", "-d", "-m", ".", "-e", "hex", "--", self.path),
        )
        return (*(Question(self.node, argv) for argv in asked), Question(self.speaker, VOLUME_INFO))

    def left(self, answers: Sequence[Said]) -> Left:
        below, itself, kind, inside, attributes, info = answers
        where = f"{self.node}: {self.path}"
        known = volumes(info)
        found = {name: value for name, value, _ in _ATTRIBUTE.findall(attributes.out)}
        owner = {volume.uuid.replace("-", ""): volume.name for volume in known}.get(found.get(_VOLUME_ID, ""))
        if owner == self.volume:
            return DONE
        if owner is not None:
            raise NotSo(f"{where} is a brick of volume {owner}; name another directory")
        if self.mount_point is None:
            self._must_not_fill_root(below, itself)
        make = Command(self.node, ("mkdir", "--", self.path))
        value = "0x" + self.volume.encode().hex()  # setfattr would take a name that begins so for a number
        mark = Command(self.node, ("setfattr", "-n", MARK, "-v", value, "--", self.path))
        if kind.status:
            there = (
                (Command(self.node, ("mountpoint", "--quiet", self.mount_point)),) if self.mount_point else ()
            )
            return (*there, make, mark)
        if kind.out.strip() != "directory":
            raise NotSo(f"{where} is a {kind.out.strip()}, and no directory")
        if inside.status or attributes.status:
            raise NotSo(f"{where} cannot be looked at: {(inside if inside.status else attributes).words}")
        if inside.out:
            anew = "name an empty directory or one that is not there yet"
            if self.mount_point is not None:
                anew = f"umount {self.mount_point}, take it out of {fstab.PATH}, and wipefs --all its device"
            raise NotSo(
                f"{where} is not empty, it holds {one_line(inside.out, 100)}: what is there is not ours to "
                f"remove; to begin anew, {anew}"
            )
        ours = bytes.fromhex(found.get(MARK, "")).decode("utf-8", "replace") == self.volume
        if _VOLUME_ID in found:
            if not ours:
                raise NotSo(
                    f"{where} belongs to a volume that this pool does not have (its {_VOLUME_ID} is "
                    f"{found[_VOLUME_ID]}); if that volume is gone for good: setfattr -x {_VOLUME_ID} {self.path}"
                )
            # a volume create that did not come to its end leaves this behind, and refuses to go on over it
            return (Command(self.node, ("setfattr", "-x", _VOLUME_ID, "--", self.path)),)
        return DONE if ours else (mark,)

    def _must_not_fill_root(self, below: Said, itself: Said) -> None:
        if not itself.status:
            raise NotSo(
                f"{self.node}: {self.path} is a mount point itself; name a directory in it, {self.path}/gluster "
                f"say: then no brick fills the root filesystem when the mount is missing"
            )
        if below.status:
            raise NotSo(f"{self.node}: {os.path.dirname(self.path)} is not there: make it, or name another")
        if below.out.strip() == "/":
            raise NotSo(
                f"{self.node}: {self.path} is on the root filesystem, which the brick would fill: "
                f"name a directory on a filesystem of its own, or a --device"
            )
