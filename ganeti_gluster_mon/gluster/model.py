"""What is known of a Gluster pool, and what is not.

Everything here is a frozen dataclass: taken once, handed on, never changed.  ``None`` means *not known*.  It is never a
zero, never "fine", and each reader of the model decides what that means.
Units: sizes are bytes, times are nanoseconds since the epoch, durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple

from ganeti_gluster_mon.gluster.brick_clients import BrickClient
from ganeti_gluster_mon.gluster.geo_replication import GeoReplication
from ganeti_gluster_mon.gluster.log_messages import LogReport
from ganeti_gluster_mon.gluster.lvm import BrickLvm
from ganeti_gluster_mon.gluster.profile import BrickProfile
from ganeti_gluster_mon.gluster.quota import QuotaLimit
from ganeti_gluster_mon.gluster.rebalance import Rebalance
from ganeti_gluster_mon.gluster.scrub import ScrubStatus
from ganeti_gluster_mon.gluster.snapshots import VolumeSnapshot
from ganeti_gluster_mon.repair_tries import AutoRepairs

SELF_HEAL_DAEMON = "Self-heal Daemon"


@dataclass(frozen=True)
class Peer:
    """A member of the trusted pool, as `gluster pool list` and `peer status` name it."""

    hostname: str
    #: Gluster's id of the host (its glusterd), as in bricks' ``uuid``
    uuid: str
    #: glusterd's words, "Peer in Cluster" and the like; for this node itself "local"
    state: Optional[str] = None
    #: what glusterd believes; it believes in a vanished peer for up to 80 s
    connected: Optional[bool] = None
    #: whether its glusterd answered on port 24007 within a second, just now
    reachable: Optional[bool] = None
    #: True for the node that was queried
    local: bool = False


@dataclass(frozen=True)
class Brick:
    """One directory on one host that holds a part of a volume."""

    volume: str
    host: str
    path: str
    #: uuid of the host's glusterd
    uuid: Optional[str] = None
    #: holds names and attributes only, no data
    arbiter: bool = False
    #: its process runs and answers; False also for one that is frozen
    online: Optional[bool] = None
    #: its process is there but did not answer within a second
    hangs: bool = False
    #: glusterd does not report on it and clients cannot reach it; then it is offline
    unreachable: bool = False
    #: the node whose `heal info` reached it, although `volume status` reports it offline; then it is online
    contradicted: Optional[str] = None
    #: the node whose `heal info` did not reach it, although `volume status` reports it online
    not_reached_from: Optional[str] = None
    #: whether its host is a peer of this pool
    host_in_pool: Optional[bool] = None
    pid: Optional[int] = None
    port: Optional[int] = None
    #: of the filesystem under it: blocks x block size
    size: Optional[int] = None
    #: the filesystem's f_bfree in bytes: what root could still write
    free: Optional[int] = None
    block_size: Optional[int] = None
    inodes_total: Optional[int] = None
    inodes_free: Optional[int] = None
    #: as mounted on its host, "/dev/mapper/vg-brick1"
    device: Optional[str] = None
    filesystem: Optional[str] = None
    #: where that filesystem is mounted; known on its own host
    mount: Optional[str] = None
    #: where another filesystem should be mounted for it, by /etc/fstab, and is not; known on its own host
    not_mounted: Optional[str] = None
    #: errors that the kernel has recorded of that filesystem; known on its own host, for ext4 and btrfs
    filesystem_errors: Optional[int] = None
    #: whether that filesystem is mounted read-only
    read_only: Optional[bool] = None
    #: the logical volume that filesystem is on, and its pools; None: not known, or none; known on its own host
    lvm: Optional[BrickLvm] = None
    #: the kernel's name of the device, "dm-3", as in mond's diskstats; known on its own host
    name: Optional[str] = None
    #: entries that wait to be healed, by this brick's own count
    heal_pending: Optional[int] = None
    #: entries in split-brain, by this brick's own count
    split_brain: Optional[int] = None
    #: entries that are being healed, or are just being written, by this brick's own count
    possibly_healing: Optional[int] = None
    #: the error at which `heal info` stopped to read it, "Input/output error"; None: there was none
    heal_failure: Optional[str] = None
    #: its connections; None: not known
    clients: Optional[Tuple[BrickClient, ...]] = None

    @property
    def filesystem_mounted(self) -> Optional[bool]:
        """Whether its filesystem is mounted where it belongs; None: not known, as of a brick of another node."""
        return None if self.mount is None else self.not_mounted is None

    @property
    def client_count(self) -> Optional[int]:
        """How many clients are connected; None: not known."""
        return None if self.clients is None else len(self.clients)

    @property
    def label(self) -> str:
        """``host:path``, as Gluster writes a brick."""
        return f"{self.host}:{self.path}"


@dataclass(frozen=True)
class Subvolume:
    """The bricks that hold the same data: a replica set, a disperse set, or one lone brick."""

    #: "replicate", "disperse" or "distribute" (a lone brick)
    type: str
    bricks: Tuple[Brick, ...]
    #: how many bricks of a disperse set may be missing; 0 for the other types
    redundancy: int = 0
    #: enough bricks are up to serve the data and take writes; None: not known
    quorum: Optional[bool] = None
    #: its space by what its bricks report; None: not known
    capacity: Optional[Capacity] = None
    #: its inodes likewise; None also where the filesystems count none
    inodes: Optional[Inodes] = None

    @property
    def up(self) -> Optional[int]:
        """How many bricks are online; None as soon as one brick's state is not known."""
        if any(brick.online is None for brick in self.bricks):
            return None
        return sum(1 for brick in self.bricks if brick.online)


@dataclass(frozen=True)
class Capacity:
    """Space of a volume in bytes, as a client of it sees it."""

    size: int
    #: size less what is free to root; counts storage.reserve as used
    used: int
    #: what an ordinary program may still write
    available: int
    #: "mount" (statvfs of a mounted volume) or "bricks" (reckoned from `volume status detail`)
    source: str


@dataclass(frozen=True)
class Inodes:
    """Files a volume may hold, does hold, and may still take."""

    total: int
    used: int
    free: int


@dataclass(frozen=True)
class Heal:
    """Entries that are not the same on all bricks of their subvolume, over the whole volume."""

    pending: int
    split_brain: int
    possibly_healing: int
    #: when it was counted, ns since the epoch; the rest of the pool may be younger; None: not known
    taken_at: Optional[int] = field(default=None, compare=False)
    #: entries a second by which `pending` falls, by earlier counts; negative: it grows; None: not known
    rate: Optional[float] = field(default=None, compare=False)
    #: estimated seconds until nothing is pending; None: not known, or it does not fall
    seconds_left: Optional[float] = field(default=None, compare=False)
    #: seconds since the epoch, since when `pending` has not fallen, by earlier counts; None: not known, or it falls
    stuck_since: Optional[float] = field(default=None, compare=False)
    #: likewise, since when no entry has been possibly healing; None: not known, or one is
    idle_since: Optional[float] = field(default=None, compare=False)


@dataclass(frozen=True)
class Daemon:
    """A helper process that `volume status` lists after the bricks, on one host."""

    #: "Self-heal Daemon", "Quota Daemon", …
    name: str
    #: hostname of the peer it runs on
    host: str
    uuid: Optional[str]
    online: Optional[bool]
    pid: Optional[int] = None


@dataclass(frozen=True)
class Mount:
    """A FUSE mount of a volume on this node and what statvfs returned for it."""

    volume: str
    path: str
    #: volfile servers it was mounted from, in order
    servers: Tuple[str, ...] = ()
    #: directory of the volume that is mounted, "" for the whole of it
    subdirectory: str = ""
    #: statvfs fields, as in statvfs(3); all None when it did not answer in time
    f_frsize: Optional[int] = None
    f_blocks: Optional[int] = None
    f_bfree: Optional[int] = None
    f_bavail: Optional[int] = None
    f_files: Optional[int] = None
    f_ffree: Optional[int] = None
    #: why there are no figures, in an administrator's words; None when there are
    failure: Optional[str] = None
    #: the kernel's number of the mounted filesystem, "0:76", the same for all its views; known on its own node
    device_number: Optional[str] = None
    #: whether a small file could be written; None: not tested, or the mount takes no writes by its own options
    writable: Optional[bool] = None
    #: why it could not
    write_failure: Optional[str] = None

    @property
    def answered(self) -> bool:
        """Whether statvfs gave figures."""
        return self.f_blocks is not None


@dataclass(frozen=True)
class Process:
    """One of Gluster's processes on this node, as the kernel knows it."""

    #: "glusterd", "brick", "self-heal", "mount", …
    name: str
    pid: int
    #: seconds since it was started
    uptime: float
    #: user and system time it has used, seconds
    cpu_seconds: float
    #: resident memory in bytes
    rss: int
    volume: Optional[str] = None
    #: the brick's or the mount's path
    path: Optional[str] = None
    #: the kernel's word: "running", "sleeping", "stopped", "zombie", …
    state: Optional[str] = None


@dataclass(frozen=True)
class ConfiguredDisk:
    """An instance's disk on a volume, as Ganeti has it."""

    #: name of the instance
    instance: str
    #: the instance's name for it: "disk/0"
    name: str
    volume: str
    #: in the volume, without a "/" before it
    path: str
    #: bytes, as configured
    size: Optional[int] = None
    #: where the instance is to run
    node: Optional[str] = None
    #: what Ganeti calls this kind of disk: "gluster", "ext"
    template: Optional[str] = None
    #: whose volume it is, as configured: 127.0.0.1 for the node it is used on
    server: Optional[str] = None


@dataclass(frozen=True)
class DiskFile(ConfiguredDisk):
    """A disk and what is known of its file, on the bricks and by a client; where a capture keeps it."""

    #: brick → bytes that it really takes there, of the bricks on the node that looked; those without it left out
    copies: Mapping[str, int] = field(default_factory=dict)
    #: likewise the entries of it, the file and its shards, that a copy lacks, by the brick's heal index
    to_heal: Mapping[str, int] = field(default_factory=dict)
    #: the bricks that hold it, as a client of the volume gets them; None: no client queried them
    bricks: Optional[Tuple[str, ...]] = None
    #: bytes that it really takes, as a client of the volume gets them
    allocated: Optional[int] = None
    #: when the client queried them, ns since the epoch
    queried_at: Optional[int] = None


@dataclass(frozen=True)
class Disk(ConfiguredDisk):
    """A disk and where it lies in the pool."""

    #: bytes that it really takes, copies not counted
    allocated: Optional[int] = None
    #: the bricks that hold it, or, of a sharded volume, may hold parts of it; None: not known which
    bricks: Optional[Tuple[Brick, ...]] = None
    #: the subvolumes these bricks are of
    subvolumes: Tuple[Subvolume, ...] = ()
    #: entries of it that are known to wait to be healed, at least; None: no index was read
    to_heal: Optional[int] = None


@dataclass(frozen=True)
class Volume:
    """A volume: its layout from `volume info`, its state from everything else."""

    name: str
    uuid: str
    #: Gluster's own word in lower case: "replicate", "distributed-disperse", …
    type: str
    #: "started", "stopped" or "created"
    state: str
    transport: str
    bricks: Tuple[Brick, ...]
    subvolumes: Tuple[Subvolume, ...]
    options: Mapping[str, str] = field(default_factory=dict)
    capacity: Optional[Capacity] = None
    inodes: Optional[Inodes] = None
    #: space and inodes by what the bricks report, where a mount gave those above; None: not known
    bricks_capacity: Optional[Capacity] = None
    bricks_inodes: Optional[Inodes] = None
    heal: Optional[Heal] = None
    rebalance: Optional[Rebalance] = None
    quota: Optional[Tuple[QuotaLimit, ...]] = None
    #: what profiling has counted, brick by brick; None: not known, or nobody has started profiling
    profile: Optional[Tuple[BrickProfile, ...]] = None
    snapshots: Optional[Tuple[VolumeSnapshot, ...]] = None
    #: the scrubbers of bitrot, node by node; None: not known, or bitrot is off
    scrubs: Optional[Tuple[ScrubStatus, ...]] = None
    #: where it is replicated to; None: not known, or nowhere
    geo_replications: Optional[Tuple[GeoReplication, ...]] = None
    daemons: Tuple[Daemon, ...] = ()
    mounts: Tuple[Mount, ...] = ()
    #: "host:path" of a thin arbiter, which is not among the bricks
    thin_arbiter: Optional[str] = None

    @property
    def up(self) -> Optional[int]:
        """How many bricks are online; None as soon as one brick's state is not known."""
        if any(brick.online is None for brick in self.bricks):
            return None
        return sum(1 for brick in self.bricks if brick.online)

    @property
    def heals(self) -> bool:
        """Whether its bricks keep copies or fragments that a self-heal daemon repairs."""
        return any(subvolume.type != "distribute" for subvolume in self.subvolumes)

    @property
    def self_heal_daemons(self) -> Tuple[Daemon, ...]:
        """The self-heal daemons that serve it: those on hosts of its bricks; Gluster lists one for each peer."""
        hosts = {brick.uuid for brick in self.bricks}
        return tuple(
            daemon
            for daemon in self.daemons
            if daemon.name == SELF_HEAL_DAEMON
            and (daemon.uuid is None or None in hosts or daemon.uuid in hosts)
        )


@dataclass(frozen=True)
class Unknown:
    """Something that was queried and is not known."""

    #: what is not known, in an administrator's words: "bricks of gv0"
    what: str
    #: why: "no answer within 10 s"
    why: str
    #: the volume it is about, if it is about one
    volume: Optional[str] = None


@dataclass(frozen=True)
class Pool:
    """All that one cycle of queries found about a pool."""

    #: when the answers were taken, ns since the epoch; the oldest that were kept, but for healing (`Heal.taken_at`)
    taken_at: int
    #: name of the node that ran the queries
    node: Optional[str] = None
    gluster_version: Optional[str] = None
    #: of the pool, and the highest that all nodes support where it may be higher; None: not known
    op_version: Optional[int] = None
    max_op_version: Optional[int] = None
    #: None: the members of the pool are not known
    peers: Optional[Tuple[Peer, ...]] = None
    #: None: not known which volumes there are
    volumes: Optional[Tuple[Volume, ...]] = None
    mounts: Tuple[Mount, ...] = ()
    #: Gluster's processes on the node that ran the queries; None: not listed
    processes: Optional[Tuple[Process, ...]] = None
    unknowns: Tuple[Unknown, ...] = ()
    #: instances' disks on the volumes; None: not known which there are
    disks: Optional[Tuple[Disk, ...]] = None
    #: why the disks are not known, in an administrator's words; None where they are
    disks_unknown: Optional[str] = None
    #: what the poller of this node repaired automatically; None: it does not lead, or repairs nothing
    auto_repairs: Optional[AutoRepairs] = None
    #: messages in the logs of this node; None: no daemon counts them
    logs: Optional[LogReport] = None

    def age(self, now: int) -> float:
        """Seconds between the oldest of the answers and *now* (ns since the epoch); never negative."""
        return max(0, now - self.taken_at) / 1e9
