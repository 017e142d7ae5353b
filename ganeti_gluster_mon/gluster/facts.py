"""The facts of single answers, as `parse` gives them; `model` is what they are joined into.

``None`` means not known, here as there.  Sizes are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, NamedTuple, Optional, Tuple

from ganeti_gluster_mon.gluster.model import Peer
from ganeti_gluster_mon.gluster.rebalance import Rebalance


@dataclass(frozen=True)
class BrickInfo:
    """A brick as `volume info` names it."""

    host: str
    path: str
    #: of the host's glusterd
    uuid: Optional[str]
    arbiter: bool


@dataclass(frozen=True)
class VolumeInfo:
    """A volume's layout, from `volume info`."""

    name: str
    uuid: str
    #: "started", "stopped" or "created"
    state: str
    #: Gluster's word in lower case: "distribute", "distributed-replicate", …
    type: str
    #: "tcp", "rdma" or "tcp,rdma"; "unknown", with a fault, for anything else
    transport: str
    #: in Gluster's order, which is how it groups them into subvolumes
    bricks: Tuple[BrickInfo, ...]
    #: copies of each file; 1 where there are no copies
    replica_count: int
    arbiter_count: int
    #: bricks of a disperse set, and how many of them may be missing; 0 for other types
    disperse_count: int
    redundancy_count: int
    options: Mapping[str, str] = field(default_factory=dict)
    #: "host:path"; always None so far: Gluster (6 to 11) leaves it out of the XML
    thin_arbiter: Optional[str] = None
    #: how many there are; None: not known
    snapshots: Optional[int] = None


class NodeStatus(NamedTuple):
    """A brick, or another daemon of a volume, as `volume status` lists it.

    A tuple, since a large pool has thousands and a frozen dataclass takes longer to make.
    """

    #: of a brick its host; of a daemon its name, "Self-heal Daemon"
    hostname: str
    #: of a brick its directory; of a daemon its host, "localhost" for the one that was queried
    path: str
    #: of the host's glusterd
    uuid: Optional[str]
    #: what glusterd believes; it takes a frozen process for a running one
    online: Optional[bool]
    #: None also where there is none: offline, or a daemon that takes no connections
    port: Optional[int]
    #: None also where there is none: offline
    pid: Optional[int]
    # all below only in the answer to `detail`
    size: Optional[int] = None
    free: Optional[int] = None
    block_size: Optional[int] = None
    #: None also where the filesystem does not count inodes (btrfs)
    inodes_total: Optional[int] = None
    inodes_free: Optional[int] = None
    device: Optional[str] = None
    filesystem: Optional[str] = None
    #: whether the filesystem is mounted read-only
    read_only: Optional[bool] = None


@dataclass(frozen=True)
class VolumeStatus:
    """A started volume, from any kind of `volume status`."""

    volume: str
    #: none in the answer to `tasks`
    nodes: Tuple[NodeStatus, ...]
    #: only in the answers to plain `volume status` and to `tasks`
    tasks: Tuple[Rebalance, ...]


@dataclass(frozen=True)
class HealCount:
    """How many entries one brick counts in `heal info summary` or `heal info split-brain`."""

    host: str
    path: str
    #: whether the brick could be queried
    connected: Optional[bool]
    pending: Optional[int] = None
    split_brain: Optional[int] = None
    possibly_healing: Optional[int] = None
    #: the error at which the count ended, "Input/output error"; None: it did not end at one
    failure: Optional[str] = None


@dataclass(frozen=True)
class LocalBrick:
    """A brick of the host that was queried, from `get-state`."""

    host: str
    path: str
    #: what glusterd believes; None also while it is being started or stopped
    started: Optional[bool]
    port: Optional[int]
    #: of its filesystem; None also where glusterd's own statvfs failed
    size: Optional[int]
    #: the filesystem's f_bfree in bytes
    free: Optional[int]


@dataclass(frozen=True)
class LocalVolume:
    """A volume as the host that was queried knows it, from `get-state`."""

    name: str
    uuid: Optional[str]
    #: "started", "stopped" or "created"
    state: Optional[str]
    #: those on the host that was queried
    bricks: Tuple[LocalBrick, ...]


@dataclass(frozen=True)
class LocalState:
    """What one glusterd knows by itself, from `get-state`."""

    #: uuid of the host that was queried
    uuid: Optional[str]
    #: the other members of the pool
    peers: Tuple[Peer, ...]
    volumes: Tuple[LocalVolume, ...]
    #: False where glusterd did not write it to its end: some volumes are missing
    whole: bool = True
