"""The state of a directory that may become a brick: free, prepared by us, or a stale brick.

A stale brick was a brick once, of whatever volume, and is none now.  Its files are old.  Gluster takes it back without
comparing the contents of files: after ``replace-brick`` it repairs only what it knows to be pending, so guests would
read old data.  A stale brick is therefore never used again before an administrator has had it wiped.

Gluster's extended attributes: https://docs.gluster.org/en/latest/Administrator-Guide/ (``trusted.gfid``,
``trusted.glusterfs.*``, ``trusted.afr.*``, ``trusted.ec.*``).  Pure.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy.step import PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.facts import VolumeInfo
from ganeti_gluster_mon.text import one_line, some

#: attribute of a directory that was made, or found empty, to become a brick of the volume that it names
MARK = "trusted.ganeti-gluster-mon.brick"
#: attribute of a directory that was replaced by another brick; its value names the volume
RETIRED = "trusted.ganeti-gluster-mon.retired"
VOLUME_ID = "trusted.glusterfs.volume-id"

#: attributes in the namespace trusted that Gluster does not set (overlayfs, xfs, this package)
_NOT_GLUSTERS = re.compile(r"trusted\.(overlay\.|SGI_|ganeti-gluster-mon\.)")
_ATTRIBUTE = re.compile(r'([\w.-]+)=(?:0x([0-9a-f]*)|"(.*)")$')
_FILE = "# file: "

_EMPTY_GLUSTERFS = ("-name", ".glusterfs", "-type", "d", "-empty")


@dataclass(frozen=True)
class BrickDirectory:
    """A directory as its node reports it."""

    path: str
    #: what is there by stat(1): "directory", "regular file", …; None where there is nothing
    kind: Optional[str]
    #: one of its entries, an empty .glusterfs not counted; "" where it has none
    entry: str = ""
    #: whether it has a directory .glusterfs
    has_glusterfs: bool = False
    #: extended attributes of the namespace trusted: name → value in hexadecimal digits
    attributes: Mapping[str, str] = field(default_factory=dict)
    #: the directories above it that have a volume id
    bricks_above: Tuple[str, ...] = ()

    @property
    def volume_id(self) -> Optional[str]:
        """32 hexadecimal digits, or None."""
        return self.attributes.get(VOLUME_ID)

    @property
    def prepared_for(self) -> Optional[str]:
        """The volume that this package prepared it for."""
        return _text(self.attributes.get(MARK))

    @property
    def gluster_attributes(self) -> Tuple[str, ...]:
        """The names of the attributes that Gluster set."""
        return tuple(name for name in self.attributes if not _NOT_GLUSTERS.match(name))

    def is_stale(self) -> bool:
        """Whether it was a brick, or is a prepared directory that has data in it.

        What an interrupted command leaves is not stale: a prepared directory, empty, at most with the volume id that
        glusterd sets before it knows whether the volume is made.
        """
        if self.kind != "directory":
            return False
        if RETIRED in self.attributes:
            return True
        if self.prepared_for is not None:
            return bool(self.entry) or any(name != VOLUME_ID for name in self.gluster_attributes)
        return bool(self.gluster_attributes) or (self.has_glusterfs and bool(self.entry))

    def described(self, volumes: Sequence[VolumeInfo]) -> str:
        """What a stale brick is: "stale brick of volume gv0 (…)"."""
        found = [*self.gluster_attributes[:3], *([".glusterfs"] if self.has_glusterfs else [])]
        if self.entry:
            found.append(f"data, {one_line(self.entry, 100)}")
        evidence = f"it has {some(found, 4)}" if found else "it was replaced"
        known = {volume.uuid.replace("-", ""): volume.name for volume in volumes}
        names = (_text(self.attributes.get(RETIRED)), known.get(self.volume_id or ""), self.prepared_for)
        name = next((name for name in names if name), None)
        if name is not None:
            return f"is a stale brick of volume {one_line(name, 80)} ({evidence})"
        which = f"with the id {self.volume_id}" if self.volume_id else "that is not known"
        return f"is a stale brick of a volume {which} ({evidence})"


def queries(path: str) -> Tuple[Tuple[str, ...], ...]:
    """The commands whose answers `understand` takes."""
    return (
        ("stat", "--format", "%F", "--", path),
        # an empty .glusterfs is all that a volume create makes before it is known whether it works
        ("find", path, "-mindepth", "1", "!", "(", *_EMPTY_GLUSTERFS, ")", "-print", "-quit"),
        ("test", "-d", f"{path}/.glusterfs"),
        (
            "getfattr",
            "--absolute-names",
            "-h",
            "-d",
            "-m",
            r"^trusted\.",
            "-e",
            "hex",
            "--",
            path,
            *_above(path),
        ),
    )


#: how many answers `understand` takes
QUESTIONS = 4


def understand(path: str, answers: Sequence[CommandResult]) -> BrickDirectory:
    """The directory *path* from the answers to `queries`.  Raises PreconditionFailed where it cannot be read."""
    kind, inside, glusterfs, attributes = answers
    found = _attributes(attributes.stdout)
    above = tuple(one for one in _above(path) if VOLUME_ID in found.get(one, {}))
    if kind.status:
        if "No such file" not in kind.stderr:
            dead = ": its filesystem is dead, see dmesg" if "Input/output error" in kind.stderr else ""
            raise PreconditionFailed(f"{path} cannot be read: {kind.reason}{dead}")
        return BrickDirectory(path, None, bricks_above=above)
    word = kind.stdout.strip()
    if word != "directory":
        return BrickDirectory(path, word, bricks_above=above)
    for answer in (inside, attributes):
        if answer.status:
            raise PreconditionFailed(f"{path} cannot be read: {answer.reason}")
    return BrickDirectory(
        path,
        word,
        entry=inside.stdout.rstrip("\n"),
        has_glusterfs=glusterfs.status == 0,
        attributes=found.get(path, {}),
        bricks_above=above,
    )


def listed(volumes: Sequence[VolumeInfo], node: str, uuid: Optional[str], path: str) -> Optional[VolumeInfo]:
    """The volume that has the brick *path* of *node*, whose glusterd has *uuid*; None where none has."""
    for volume in volumes:
        for brick in volume.bricks:
            if brick.path == path and (brick.host == node or (uuid is not None and brick.uuid == uuid)):
                return volume
    return None


def waiting_query(path: str) -> Tuple[str, ...]:
    """The command whose answer `is_waiting` takes."""
    return ("getfattr", "--absolute-names", "-h", "-d", "-m", r"^trusted\.", "-e", "hex", "--", path)


def is_waiting(path: str, answer: CommandResult, volume: str) -> bool:
    """Whether a directory was prepared for *volume* and was never a brick."""
    if answer.status:
        return False
    directory = BrickDirectory(path, "directory", attributes=_attributes(answer.stdout).get(path, {}))
    return directory.prepared_for == volume and not directory.is_stale()


def _above(path: str) -> Tuple[str, ...]:
    """The directories above *path*, without the root directory."""
    found: List[str] = []
    while (path := os.path.dirname(path)) != "/":
        found.append(path)
    return tuple(found)


def _attributes(text: str) -> Dict[str, Dict[str, str]]:
    """getfattr's output: path → attribute → value.  A file without attributes is left out of it."""
    found: Dict[str, Dict[str, str]] = {}
    path = ""
    for line in text.splitlines():
        match = _ATTRIBUTE.match(line)
        if line.startswith(_FILE):
            path = line[len(_FILE) :]
        elif match:
            found.setdefault(path, {})[match[1]] = match[2] or ""
    return found


def _text(digits: Optional[str]) -> Optional[str]:
    return None if digits is None else bytes.fromhex(digits).decode("utf-8", "replace")
