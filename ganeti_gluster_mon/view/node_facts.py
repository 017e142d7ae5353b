"""The facts about a node that `gnt-gluster diagnose` needs, from the output of node_program.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterator, Mapping, Optional, Tuple

from ganeti_gluster_mon.view.brick_mounts import BrickMount, brick_mounts


@dataclass(frozen=True)
class Denial:
    """Something that AppArmor denied."""

    profile: str
    #: AppArmor's word: "open", "file_mmap", "create" …
    operation: str
    #: a path, or the family of a socket
    what: str


@dataclass(frozen=True)
class NodeFacts:
    """What node_program.py found on a node; None where that is not known."""

    #: why the node could not be queried; then all else is unknown
    unreachable: Optional[str] = None
    #: seconds that its clock is ahead of ours, and by how much that may be wrong
    clock_offset: Optional[float] = None
    clock_error: float = 0.0
    #: "10.3"; None: not installed
    gluster: Optional[str] = None
    #: whether glusterd runs
    glusterd: Optional[bool] = None
    #: of its glusterd
    uuid: Optional[str] = None
    operating_version: Optional[str] = None
    #: by name: its addresses, none where it is not known there
    resolved: Mapping[str, Tuple[str, ...]] = field(default_factory=dict)
    #: by name: whether a glusterd took a connection
    reached: Mapping[str, bool] = field(default_factory=dict)
    #: lines of /etc/ganeti/file-storage-paths; None: there is no such file
    storage_paths: Optional[Tuple[str, ...]] = None
    qemu_gluster: Optional[bool] = None
    fuse_client: Optional[bool] = None
    fuse_device: Optional[bool] = None
    #: whether our ExtStorage provider is there
    provider: Optional[bool] = None
    #: whether our storage backend is in the place of Ganeti's own module
    backend: Optional[bool] = None
    #: the series of Ganeti in use, "3.1", and all that are installed
    ganeti: Optional[str] = None
    ganeti_installed: Optional[Tuple[str, ...]] = None
    #: whether QEMU takes the options that Ganeti writes for gluster:// disks; None also where it writes none
    qemu_options: Optional[bool] = None
    #: whether the node daemon was started before its modules changed
    noded_outdated: Optional[bool] = None
    #: what AppArmor denied QEMU or Gluster lately
    denials: Tuple[Denial, ...] = ()
    #: whether users other than root can make files where bricks write statistics
    stats_writable: Optional[bool] = None
    #: its own bricks of started volumes
    bricks: Optional[Tuple[BrickMount, ...]] = None


def node_facts(parsed: Any, sent: float, received: float) -> NodeFacts:
    """The facts in *parsed*, the output of node_program.py.  A fact of another type than expected is not known.

    *sent* and *received*: when the program was sent and its output received, in seconds since the epoch, by our clock.
    """
    if not isinstance(parsed, dict):
        return NodeFacts(unreachable="its answer cannot be understood")
    moment = parsed.get("time")
    offset = None
    if isinstance(moment, (int, float)) and not isinstance(moment, bool):
        offset = float(moment) - (sent + received) / 2
    resolved, reached = parsed.get("resolved"), parsed.get("reached")
    return NodeFacts(
        clock_offset=offset,
        clock_error=max(0.0, received - sent) / 2,
        gluster=_text(parsed.get("gluster")),
        glusterd=_bool(parsed.get("glusterd")),
        uuid=_text(parsed.get("uuid")),
        operating_version=_text(parsed.get("operating_version")),
        resolved={
            name: tuple(map(str, addresses))
            for name, addresses in (resolved if isinstance(resolved, dict) else {}).items()
            if isinstance(addresses, list)
        },
        reached={
            name: answer
            for name, answer in (reached if isinstance(reached, dict) else {}).items()
            if isinstance(answer, bool)
        },
        storage_paths=_texts(parsed.get("storage_paths")),
        qemu_gluster=_bool(parsed.get("qemu_gluster")),
        fuse_client=_bool(parsed.get("fuse_client")),
        fuse_device=_bool(parsed.get("fuse_device")),
        provider=_bool(parsed.get("provider")),
        backend=_bool(parsed.get("backend")),
        ganeti=_text(parsed.get("ganeti")),
        ganeti_installed=_texts(parsed.get("ganeti_installed")),
        qemu_options=_bool(parsed.get("qemu_options")),
        noded_outdated=_bool(parsed.get("noded_outdated")),
        denials=tuple(_denials(parsed.get("denials"))),
        stats_writable=_bool(parsed.get("stats_writable")),
        bricks=brick_mounts(parsed.get("bricks")),
    )


def _denials(value: Any) -> Iterator[Denial]:
    for each in value if isinstance(value, list) else ():
        words = [
            each.get(key) if isinstance(each, dict) else None for key in ("profile", "operation", "what")
        ]
        texts = [word for word in words if isinstance(word, str)]
        if len(texts) == len(words):
            yield Denial(*texts)


def _text(value: Any) -> Optional[str]:
    return value if isinstance(value, str) else None


def _bool(value: Any) -> Optional[bool]:
    return value if isinstance(value, bool) else None


def _texts(value: Any) -> Optional[Tuple[str, ...]]:
    return tuple(map(str, value)) if isinstance(value, list) else None
