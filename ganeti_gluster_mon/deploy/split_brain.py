"""Files in split-brain and their copies: what their nodes report, and which copy the administrator gives up.  Pure."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy import gluster_cli
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.remote import program, split_copies
from ganeti_gluster_mon.deploy.step import NodeQuery, PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.model import DiskFile
from ganeti_gluster_mon.gluster.parse.split_brain_xml import SplitBrainEntries, split_brain_entries
from ganeti_gluster_mon.gluster.query import heal_split_brain
from ganeti_gluster_mon.gluster.validation import Refused, Unreadable
from ganeti_gluster_mon.text import one_line, some

_SHARD = re.compile(r"\.shard/(?P<gfid>[0-9a-f-]{36})\.(?P<number>[0-9]+)\Z")
_HEAL_TIMEOUT = 60.0
#: bytes a second that a brick is read with at least, and seconds that are added
_READ_RATE, _READ_SECONDS = 20e6, 30.0


@dataclass(frozen=True)
class CopyChoice:
    """A copy that the administrator gives up: ``--discard-copy NODE:VOLUME:FILE``."""

    node: str
    volume: str
    #: path in the volume: a disk with all its shards, or one file
    path: str

    def __str__(self) -> str:
        return f"{self.node}:{self.volume}:{self.path}"


@dataclass(frozen=True)
class CopyBrick:
    """A brick that holds a copy, and the node that it is on."""

    address: BrickAddress
    #: Ganeti's name of the node
    node: str
    #: it has names and no data
    arbiter: bool = False


@dataclass(frozen=True)
class FileCopy:
    """What one brick has of a file."""

    brick: CopyBrick
    #: "file", "directory", "other"; None where the brick has nothing there
    kind: Optional[str] = None
    gfid: Optional[str] = None
    size: int = 0
    allocated: int = 0
    #: ns since the epoch, by the brick's filesystem
    modified: int = 0
    #: how many times it is open
    opened: int = 0
    #: digests of its blocks; None: not known to the end
    blocks: Optional[Tuple[str, ...]] = None
    #: of a directory: name → GFID of each file in it; None: not known
    names: Optional[Mapping[str, Optional[str]]] = None
    #: copies of this file that were kept aside
    kept: Tuple[str, ...] = ()
    #: directories where it can be kept aside, with the bytes that fit in
    places: Tuple[Tuple[str, int], ...] = ()

    @property
    def description(self) -> str:
        """For people: "node1:/b: 4194304 bytes, written 2026-11-26 18:40:01"."""
        if self.kind is None:
            return f"{self.brick.address.label}: it has no copy"
        written = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.modified / 1e9))
        kind = "" if self.kind == "file" else f"{self.kind}, "
        if self.brick.arbiter:
            return f"{self.brick.address.label}: arbiter, without data, written {written}"
        return f"{self.brick.address.label}: {kind}{self.size} bytes, written {written}"


@dataclass(frozen=True)
class SplitFile:
    """A file in split-brain."""

    volume: str
    #: path in the volume, or "<gfid:…>" where it is not known
    path: str
    #: one for each brick of its set
    copies: Tuple[FileCopy, ...]
    #: the disk of an instance that it is, or is a part of
    disk: Optional[DiskFile] = None

    @property
    def shard(self) -> Optional[int]:
        """The number of the part of a file that it is; None: it is a file of its own, or the beginning of one."""
        match = _SHARD.match(self.path)
        return int(match["number"]) if match else None

    @property
    def data_copies(self) -> Tuple[FileCopy, ...]:
        """Those that have data."""
        return tuple(copy for copy in self.copies if not copy.brick.arbiter)

    @property
    def name(self) -> str:
        """Which file it is, for people."""
        part = "" if self.shard is None else f"part {self.shard} of "
        whose = (
            ""
            if self.disk is None
            else f" ({part}{self.disk.path}, {self.disk.name} of {self.disk.instance})"
            if part
            else f" ({self.disk.name} of {self.disk.instance})"
        )
        return one_line(f"{self.path or '/'}{whose}", 300)

    def chosen_by(self, choice: CopyChoice) -> bool:
        """Whether *choice* names this file, or the disk that it is a part of."""
        disk = None if self.disk is None else self.disk.path
        return choice.volume == self.volume and choice.path in (self.path, disk)


def contradicting_names(copies: Sequence[FileCopy]) -> Tuple[str, ...]:
    """The files in a directory that have another GFID in one copy than in another: each was created on its own."""
    found: Dict[str, str] = {}
    differing: Dict[str, None] = {}
    for copy in copies:
        for name, gfid in (copy.names or {}).items():
            if gfid is not None and found.setdefault(name, gfid) != gfid:
                differing[name] = None
    return tuple(sorted(differing))


def difference(copies: Sequence[FileCopy]) -> str:
    """Which blocks of *copies* differ, for people."""
    known = [copy.blocks for copy in copies if copy.blocks is not None]
    if len(known) < len(copies) or len(known) < 2:
        return "which blocks differ is not known"
    longest = max(map(len, known))
    differing = [
        str(number) for number in range(longest) if len({blocks[number : number + 1] for blocks in known}) > 1
    ]
    if not differing:
        return "all blocks are the same: the copies differ in attributes only"
    return f"{len(differing)} of {longest} blocks of 1 MiB differ: {some(differing, 12)}"


def described(file: SplitFile) -> List[str]:
    """A file in split-brain, for people: its copies, and the command that gives up one."""
    directory = any(copy.kind == "directory" for copy in file.copies)
    what = "a directory" if directory else difference(file.data_copies)
    lines = [f"{file.volume}: {file.name} is in split-brain; {what}"]
    lines += [f"  {copy.description}" for copy in file.copies]
    if directory:
        return [
            *lines,
            "  it has files that were created on their own on several bricks; it is healed when they are",
        ]
    if file.path.startswith("<"):
        return [*lines, f"  its path is not known: gluster volume heal {file.volume} info split-brain"]
    stopped = "" if file.disk is None else f", with {one_line(file.disk.instance)} stopped"
    path = file.path if file.disk is None else file.disk.path
    nodes = [copy.brick.node for copy in file.data_copies]
    choice = CopyChoice(nodes[-1] if nodes else "NODE", file.volume, one_line(path))
    lines.append(
        f"  to give up the copy of one of {some(nodes, 4)}{stopped}: "
        f"gnt-gluster repair {file.volume} --discard-copy {choice}"
    )
    return lines


# --- queries and their answers -----------------------------------------------------------------------------


def split_brain_query(node: str, volume: str) -> NodeQuery:
    """The query whose answer `split_brain_listing` takes."""
    return NodeQuery(node, gluster_cli.gluster_argv(heal_split_brain(volume)), _HEAL_TIMEOUT)


def split_brain_listing(reply: CommandResult, volume: str) -> Tuple[SplitBrainEntries, ...]:
    """The entries in split-brain of each brick.  Raises PreconditionFailed where they are not known."""
    try:
        return split_brain_entries(gluster_cli.output(reply)).facts
    except (Refused, Unreadable, PreconditionFailed) as err:
        raise PreconditionFailed(f"it is not known what of {volume} is in split-brain: {err}") from err


def must_be_complete(
    listed: Iterable[SplitBrainEntries], bricks: Iterable[BrickAddress], volume: str
) -> None:
    """Raise PreconditionFailed where one of *bricks* has not answered."""
    complete = {BrickAddress(one.host, one.path) for one in listed if one.complete}
    away = [brick.label for brick in bricks if brick not in complete]
    if away:
        raise PreconditionFailed(
            f"it is not known what of {volume} is in split-brain: {some(away, 3)} cannot be queried: "
            f"gnt-gluster repair {volume} starts bricks"
        )


def read_seconds(size: int) -> float:
    """Seconds in which a brick is read to the end of a file of *size* bytes."""
    return _READ_SECONDS + size / _READ_RATE


def copies_query(
    brick: CopyBrick,
    volume: str,
    entries: Sequence[str],
    seconds: float,
    folders: Sequence[str] = (),
    gfids: Sequence[str] = (),
    aside: Sequence[str] = (),
) -> NodeQuery:
    """The query whose answer `BrickAnswer.read` takes."""
    request = {
        "brick": brick.address.path,
        "volume": volume,
        "seconds": seconds,
        "entries": list(entries),
        "folders": list(folders),
        "gfids": list(gfids),
        "aside": list(aside),
    }
    return NodeQuery(brick.node, program(split_copies, json.dumps(request)), timeout=seconds + 30)


@dataclass(frozen=True)
class BrickAnswer:
    """What the node of a brick reports of files on it."""

    #: by entry: the path in the volume and the copy
    copies: Mapping[str, Tuple[Optional[str], FileCopy]]
    #: gfid → path
    disks: Mapping[str, str]
    #: digests of copies that were kept aside, by path; None: there is none, or it was not read to its end
    aside: Mapping[str, Optional[Tuple[str, ...]]]

    @classmethod
    def read(cls, brick: CopyBrick, reply: CommandResult) -> BrickAnswer:
        """By the answer to `copies_query`.  Raises PreconditionFailed where there is none."""
        try:
            parsed: Any = json.loads(reply.stdout)
            places = tuple((str(one["directory"]), int(one["available"])) for one in parsed["keep"])
            copies: Dict[str, Tuple[Optional[str], FileCopy]] = {}
            for one in parsed["copies"]:
                copies[one["entry"]] = (one["path"], _copy(brick, one, places))
            aside = {path: _blocks(found) for path, found in parsed["aside"].items()}
            return cls(copies, dict(parsed["disks"]), aside)
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            raise PreconditionFailed(
                f"{brick.address.label}: its files cannot be read: {reply.reason}"
            ) from err

    def merged(self, other: BrickAnswer) -> BrickAnswer:
        """This answer with the copies of *other*."""
        return BrickAnswer(
            {**self.copies, **other.copies}, {**self.disks, **other.disks}, {**self.aside, **other.aside}
        )


def _copy(brick: CopyBrick, one: Mapping[str, Any], places: Tuple[Tuple[str, int], ...]) -> FileCopy:
    if "kind" not in one:
        return FileCopy(brick, kept=tuple(one["kept"]), places=places)
    return FileCopy(
        brick,
        kind=one["kind"],
        gfid=one["gfid"],
        size=int(one["size"]),
        allocated=int(one["allocated"]),
        modified=int(one["modified"]),
        opened=int(one["open"]),
        blocks=_blocks(one["blocks"]),
        names=one.get("names"),
        kept=tuple(one["kept"]),
        places=places,
    )


def _blocks(found: Optional[Sequence[str]]) -> Optional[Tuple[str, ...]]:
    return None if found is None else tuple(found)


def shard_of(path: str) -> Optional[str]:
    """The GFID of the file that *path* is a shard of; None where it is no shard."""
    match = _SHARD.match(path)
    return match["gfid"] if match else None
