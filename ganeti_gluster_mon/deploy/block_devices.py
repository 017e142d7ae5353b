"""A block device, as lsblk and wipefs report it: may a filesystem be made on it?

``lsblk --json`` knows the kernel's side, partitions and other holders and where they are mounted; what is
written on the device it knows from udev only, which may be late or missing.  ``wipefs --no-act --json``
reads the device itself, and finds what libblkid knows: filesystems, RAID and LVM members, swap, partition
tables.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.text import one_line, some

_COLUMNS = "PATH,TYPE,SIZE,MAJ:MIN,RO,SERIAL,WWN,MOUNTPOINTS"
#: bytes; mkfs.xfs makes none that is smaller
SMALLEST = 300 << 20

#: wipefs' words for partition tables
_PARTITION_TABLES = frozenset({"dos", "gpt", "PMBR", "sun", "sgi", "bsd", "mac"})

#: of the UUIDs that filesystems made here get
_NAMESPACE = uuid.UUID("5b1f0c52-8a5d-5e0e-9d0c-6f1d5a1e7a40")


@dataclass(frozen=True)
class Signature:
    """Something that a filesystem, a volume manager or a partition table left on a device."""

    #: wipefs' word: "ext4", "gpt", "LVM2_member", …
    type: str
    uuid: Optional[str] = None

    @property
    def words(self) -> str:
        """For people: "ext4 8af9…", "a partition table (dos)"."""
        if self.type in _PARTITION_TABLES:
            return f"a partition table ({self.type})"
        return f"{self.type} {self.uuid}" if self.uuid else self.type


@dataclass(frozen=True)
class Device:
    """A block device as its node sees it."""

    #: as the kernel names it, whatever link it was named by
    path: str
    #: lsblk's word: "disk", "part", "lvm", "loop", …
    type: str
    #: bytes
    size: int
    #: "253:16"
    number: str
    read_only: bool
    #: of the hardware, where it has one
    identity: Optional[str]
    #: where it, or something on it, is mounted ("[SWAP]": in use as swap)
    mount_points: Tuple[str, ...]
    #: devices that stand on it: partitions, logical volumes, RAID arrays
    holders: Tuple[str, ...]
    #: those of them that are partitions of it
    partitions: Tuple[str, ...]
    signatures: Tuple[Signature, ...]

    def has(self, filesystem: str) -> bool:
        """Whether the filesystem with that UUID is what is on it, and nothing else."""
        return [(s.type, s.uuid) for s in self.signatures] == [("xfs", filesystem)]

    @property
    def used(self) -> Optional[str]:
        """Why nothing may be made on it, even by force, since it is in use now; None: it is not."""
        if self.read_only:
            return "is read-only"
        if self.mount_points:
            return f"is mounted at {some(self.mount_points, 3)}: umount it first"
        others = [holder for holder in self.holders if holder not in self.partitions]
        if others:
            return f"carries {some(others, 3)}: take that down first"
        return None

    @property
    def carries(self) -> Optional[str]:
        """What is on it that would be lost; None: nothing that anybody knows of."""
        parsed = [signature.words for signature in self.signatures]
        if parsed:
            return f"has {one_line(some(parsed, 3))} on it"
        if self.partitions:
            return f"has partitions: {some(self.partitions, 3)}"
        return None


def queries(device: str) -> Tuple[Tuple[str, ...], ...]:
    """The query of a node about *device*, for `understand`."""
    return (
        ("lsblk", "--json", "--bytes", "--paths", "--output", _COLUMNS, "--", device),
        ("wipefs", "--no-act", "--json", "--", device),
    )


#: the command whose answer `mount_points` takes
MOUNTS = ("findmnt", "--json", "--list", "--output", "TARGET")


def mount_points(answer: CommandResult) -> Optional[Tuple[str, ...]]:
    """Where something is mounted; None where that is not known."""
    try:
        return tuple(one["target"] for one in json.loads(answer.stdout)["filesystems"])
    except (ValueError, KeyError, TypeError):
        return None


def understand(name: str, listed: CommandResult, wiped: CommandResult) -> Tuple[Optional[Device], str]:
    """The device called *name* from the answers to `queries`, or None and why there is none.  Pure."""
    if listed.status:
        why = "is no block device there" if "not a block device" in listed.stderr else listed.reason
        return None, f"{name} {why}"
    if wiped.status:
        return None, f"what is on {name} cannot be read: {wiped.reason}"
    try:
        (top,) = json.loads(listed.stdout)["blockdevices"]
        below = _below(top)
        mounts = [point for one in (top, *below) for point in one["mountpoints"] if point]
        partitions = [one["path"] for one in below if one["type"] == "part"]
        found = json.loads(wiped.stdout)["signatures"] if wiped.stdout.strip() else []
        return (
            Device(
                path=top["path"],
                type=top["type"],
                size=int(top["size"]),
                number=top["maj:min"].strip(),
                read_only=bool(top["ro"]),
                identity=_identity(top),
                mount_points=tuple(dict.fromkeys(mounts)),
                holders=tuple(dict.fromkeys(one["path"] for one in below)),
                partitions=tuple(dict.fromkeys(partitions)),
                signatures=tuple(Signature(one["type"], one.get("uuid")) for one in found),
            ),
            "",
        )
    except (ValueError, KeyError, TypeError) as err:
        return (
            None,
            f"the output of lsblk and wipefs about {name} cannot be understood: {one_line(repr(err), 80)}",
        )


def _identity(device: Mapping[str, Any]) -> Optional[str]:
    """The identity of the hardware; partitions have that of their disk, and differ by number."""
    parsed = device["wwn"] or device["serial"]
    number = re.search(r"[0-9]+$", device["path"])
    return f"{parsed}-part{number[0] if number else ''}" if parsed and device["type"] == "part" else parsed


def _below(device: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """Everything that stands on a device, however far up."""
    found: List[Dict[str, Any]] = []
    for child in device.get("children", ()):
        found += [child, *_below(child)]
    return found


def filesystem_uuid(cluster: str, node: str, name: str, device: Device) -> str:
    """The UUID that our filesystem on *device*, which was named *name*, has or would get.

    It is always the same for a disk of a node of a cluster.  So a filesystem that was made here is known
    again after an interruption, and none that another program made is taken for ours; and
    what ``--dry-run`` shows is what will be done.
    """
    return str(uuid.uuid5(_NAMESPACE, "\n".join((cluster, node, device.identity or name, str(device.size)))))
