"""A pool as Prometheus metrics.

What is not known has no sample: a 0 always means zero.  Families without a sample are left out.
"""

from __future__ import annotations

import os
import tempfile
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Dict, Iterable, Iterator, Mapping, Optional, Sequence, Tuple, Union

from prometheus_client.core import InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from ganeti_gluster_mon import __version__, report
from ganeti_gluster_mon.collectors import STATUS, collectors
from ganeti_gluster_mon.gc_pause import collection_paused
from ganeti_gluster_mon.gluster.model import Brick, Peer, Pool, Process, Volume
from ganeti_gluster_mon.gluster.quorum import to_spare
from ganeti_gluster_mon.health import STATUSES, Health
from ganeti_gluster_mon.metrics.exposition import prometheus_text
from ganeti_gluster_mon.metrics.families import Families, LabelledValue, gauge_of_labels, label

#: short names of the daemons that `volume status` lists
_DAEMONS = {
    "Self-heal Daemon": "self-heal",
    "Quota Daemon": "quota",
    "Bitrot Daemon": "bitrot",
    "Scrubber Daemon": "scrubber",
    "Snapshot Daemon": "snapshot",
    "NFS Server": "nfs",
}

_VOLUME = ("volume",)
_SUBVOLUME = ("volume", "subvolume")
_BRICK = ("volume", "host", "path")
_PROCESS = ("name", "volume", "path")


class TextfileError(Exception):
    """The textfile could not be written; what was there before still is."""


class PoolMetrics(Collector):
    """A picture of a pool as a collector for a registry of prometheus_client."""

    def __init__(
        self,
        pool: Pool,
        health: Health,
        now: int,
        duration: Optional[float] = None,
        failures: Optional[Mapping[str, int]] = None,
        leader: Optional[bool] = None,
    ) -> None:
        """Show *pool* as *health* judges it at *now* (ns since the epoch).

        *duration*: seconds the cycle took.  *failures*: by reason, how many cycles failed since
        the start.  *leader*: whether this node asked for the whole pool; None where nobody leads.
        Where it is False another node tells of the pool, and this one of itself only: its own bricks,
        mounts and processes.  So fifty nodes do not say everything fifty times.
        """
        self.pool = pool
        self.health = health
        self.now = now
        self.duration = duration
        self.failures = failures or {}
        self.leader = leader
        self._families = Families()

    def collect(self) -> Iterator[Metric]:
        """Every family that has a sample."""
        of_the_pool = () if self.leader is False else (self._pool(), self._volumes(), self._redundancy())
        # One family after the other: a large pool has a hundred thousand samples.
        families = chain(self._cycle(), *of_the_pool, self._muted(), self._bricks(), self._node())
        return (family for family in families if family.samples)

    def _cycle(self) -> Iterator[Metric]:
        pool = self.pool
        yield self._families.gauge(
            "gluster_up",
            "Whether Gluster answered: 1 if it is known which volumes there are, 0 if not.",
            (),
            [((), 0 if pool.volumes is None else 1)],
        )
        yield self._families.gauge(
            "gluster_leader",
            "Whether this node asks Gluster for the whole pool (1) or leaves that to another node (0).",
            (),
            [((), self.leader)],
        )
        build = InfoMetricFamily(
            "gluster_build", "Versions of ganeti-gluster-mon and of GlusterFS; always 1."
        )
        build.add_metric((), {"version": __version__, "gluster_version": label(pool.gluster_version)})
        yield build
        yield self._families.gauge(
            "gluster_collect_duration_seconds",
            "Seconds it took to ask Gluster all questions of the last cycle.",
            (),
            [((), self.duration)],
        )
        yield self._families.gauge(
            "gluster_collect_timestamp_seconds",
            "When the answers were taken, in seconds since the epoch; the oldest, if some were kept.",
            (),
            [((), pool.taken_at / 10**9)],
        )
        yield self._families.counter(
            "gluster_collect_failures",
            "Cycles since the start that failed to get all answers, by reason.",
            ("reason",),
            [((reason,), count) for reason, count in self.failures.items()],
        )
        yield self._families.gauge(
            "gluster_status_code",
            "Status of each report that has one: 0 works as it should, 1 is being put right by itself, "
            "2 not known, 4 a person is needed.",
            ("collector",),
            self._status_codes(),
        )

    def _status_codes(self) -> Iterator[LabelledValue]:
        # By way of the reports: what they say is what is said here, also where a collector fails.
        for name, collector in collectors().items():
            if collector.kind == STATUS:
                data = report.make(collector, self.pool, self.health, self.now)["data"]
                yield (name,), data["status"]["code"]

    def _pool(self) -> Iterator[Metric]:
        yield self._families.gauge(
            "gluster_problem",
            "1 while a problem of this code holds that is not muted; volume is empty where it is about the pool.",
            ("code", "volume"),
            [((problem.code, problem.volume), 1) for problem in self.health.problems if not problem.muted],
        )
        yield self._families.gauge(
            "gluster_peer_connected",
            "Whether the peer takes part: glusterd calls it connected (which it does for up to 80 s after "
            "the peer has vanished) and port 24007 answered if it was tried.",
            ("peer",),
            [((peer.hostname,), _connected(peer)) for peer in self.pool.peers or ()],
        )

    def _muted(self) -> Iterator[Metric]:
        # From every node: alerts on what is a node's own, a mount for example, look at its mutes.
        yield self._families.gauge(
            "gluster_problem_muted",
            "1 while a problem of this code holds that an administrator has muted; volume is empty where it is about "
            "the pool.",
            ("code", "volume"),
            [((problem.code, problem.volume), 1) for problem in self.health.problems if problem.muted],
        )

    def _volumes(self) -> Iterator[Metric]:
        volumes = self.pool.volumes or ()
        yield self._families.gauge(
            "gluster_volume_status",
            "1 for the status that the volume has and 0 for the others. faulty: its bricks are well and something "
            "else needs an administrator; degraded: a brick is missing, every subvolume works; partial: a "
            "subvolume does not; down: none does.",
            ("volume", "status"),
            self._statuses(),
        )

        yield self._families.gauge(
            "gluster_volume_bricks",
            "Bricks that the volume is made of.",
            _VOLUME,
            [((volume.name,), len(volume.bricks)) for volume in volumes],
        )
        yield self._families.gauge(
            "gluster_volume_bricks_online",
            "Bricks of the volume that are online; absent while the state of one is not known.",
            _VOLUME,
            [((volume.name,), volume.up) for volume in volumes],
        )
        spaces = [((volume.name,), volume.capacity) for volume in volumes if volume.capacity is not None]
        yield self._families.gauge(
            "gluster_volume_size_bytes",
            "Size of the volume in bytes, as a client sees it.",
            _VOLUME,
            [(name, space.size) for name, space in spaces],
        )
        yield self._families.gauge(
            "gluster_volume_used_bytes",
            "Bytes of the volume that are used, with what storage.reserve keeps back.",
            _VOLUME,
            [(name, space.used) for name, space in spaces],
        )
        yield self._families.gauge(
            "gluster_volume_available_bytes",
            "Bytes that an ordinary program may still write to the volume.",
            _VOLUME,
            [(name, space.available) for name, space in spaces],
        )
        inodes = [((volume.name,), volume.inodes) for volume in volumes if volume.inodes is not None]
        yield self._families.gauge(
            "gluster_volume_files",
            "Files (inodes) the volume has room for, used ones included.",
            _VOLUME,
            [(name, files.total) for name, files in inodes],
        )
        yield self._families.gauge(
            "gluster_volume_files_free",
            "Files (inodes) that the volume may still take.",
            _VOLUME,
            [(name, files.free) for name, files in inodes],
        )

    def _redundancy(self) -> Iterator[Metric]:
        """What keeps the data of started volumes safe: their subvolumes, and what heals and moves it."""
        started = [volume for volume in self.pool.volumes or () if volume.state == "started"]
        subvolumes = [
            ((volume.name, _subvolume_name(volume, index)), subvolume, volume)
            for volume in started
            for index, subvolume in enumerate(volume.subvolumes)
        ]
        yield self._families.gauge(
            "gluster_subvolume_bricks",
            "Bricks of the subvolume (a replica set, a disperse set or a lone brick), named as Gluster does.",
            _SUBVOLUME,
            [(labels, len(subvolume.bricks)) for labels, subvolume, _ in subvolumes],
        )
        yield self._families.gauge(
            "gluster_subvolume_bricks_online",
            "Bricks of the subvolume that are online; absent while the state of one is not known.",
            _SUBVOLUME,
            [(labels, subvolume.up) for labels, subvolume, _ in subvolumes],
        )
        yield self._families.gauge(
            "gluster_subvolume_quorum",
            "Whether enough bricks of the subvolume are online to serve its files and take writes.",
            _SUBVOLUME,
            [(labels, subvolume.quorum) for labels, subvolume, _ in subvolumes],
        )
        yield self._families.gauge(
            "gluster_subvolume_bricks_to_spare",
            "Bricks more that may be lost, whichever they are, before the subvolume loses its quorum.",
            _SUBVOLUME,
            [(labels, to_spare(subvolume, volume.options)) for labels, subvolume, volume in subvolumes],
        )
        yield self._families.gauge(
            "gluster_volume_heal_pending_entries",
            "Entries of the volume that wait to be healed: the largest count in each subvolume, added up.",
            _VOLUME,
            [((volume.name,), volume.heal.pending) for volume in started if volume.heal is not None],
        )
        yield self._families.gauge(
            "gluster_volume_heal_split_brain_entries",
            "Entries of the volume in split-brain: the largest count in each subvolume, added up.",
            _VOLUME,
            [((volume.name,), volume.heal.split_brain) for volume in started if volume.heal is not None],
        )
        yield self._families.gauge(
            "gluster_self_heal_daemon_up",
            "Whether the self-heal daemon of the host runs, which repairs the volume's copies there.",
            ("volume", "host"),
            [
                ((volume.name, daemon.host), daemon.online)
                for volume in started
                for daemon in volume.self_heal_daemons
            ],
        )
        yield self._families.gauge(
            "gluster_daemon_up",
            "Whether a daemon that serves the volume runs on the host: self-heal, quota, bitrot, scrubber, snapshot, "
            "nfs.",
            ("daemon", "host", "volume"),
            [
                ((_DAEMONS.get(daemon.name, daemon.name), daemon.host, volume.name), daemon.online)
                for volume in started
                for daemon in volume.daemons
            ],
        )
        yield self._families.gauge(
            "gluster_volume_task",
            "1 for the last rebalance or remove-brick of the volume and the status it has, in Gluster's words.",
            ("volume", "task", "status"),
            [
                ((volume.name, volume.rebalance.type, volume.rebalance.status), 1)
                for volume in started
                if volume.rebalance is not None
            ],
        )

    def _statuses(self) -> Iterator[LabelledValue]:
        for volume in self.pool.volumes or ():
            judged = self.health.volumes.get(volume.name)
            holds = judged.status if judged else "unknown"
            for status in STATUSES:
                yield (volume.name, status), status == holds

    def _bricks(self) -> Iterator[Metric]:
        bricks = [brick for volume in self.pool.volumes or () for brick in volume.bricks]
        if self.leader is False:
            # An uuid that is not known is nobody's: better no sample than another node's.
            own = {peer.uuid for peer in self.pool.peers or () if peer.local}
            bricks = [brick for brick in bricks if brick.uuid in own]
        # One dictionary of labels for all families: a large pool has a hundred thousand samples of bricks.
        labelled: Dict[Tuple[str, ...], Dict[str, str]] = {}
        told = []
        for brick in bricks:
            key = (label(brick.volume), label(brick.host), label(brick.path))
            told.append((labelled.setdefault(key, dict(zip(_BRICK, key))), brick))
        doubled = len(labelled) < len(told)
        for name, text, field in (
            ("brick_up", "Whether the brick's process runs and answers.", "online"),
            ("brick_size_bytes", "Size in bytes of the filesystem under the brick.", "size"),
            ("brick_free_bytes", "Bytes free on the filesystem under the brick, for root.", "free"),
            (
                "brick_files",
                "Files (inodes) the filesystem under the brick has room for, used ones included.",
                "inodes_total",
            ),
            ("brick_files_free", "Free inodes of the filesystem under the brick.", "inodes_free"),
            (
                "heal_pending_entries",
                "Entries that wait to be healed, by the brick's own count; every good copy counts the same.",
                "heal_pending",
            ),
            (
                "heal_split_brain_entries",
                "Entries in split-brain, by the brick's own count; every copy counts the same.",
                "split_brain",
            ),
        ):
            of_field = attrgetter(field)
            if doubled:
                samples = [(_brick_labels(brick), of_field(brick)) for brick in bricks]
                yield self._families.gauge(f"gluster_{name}", text, _BRICK, samples)
            else:
                values = ((labels, of_field(brick)) for labels, brick in told)
                yield gauge_of_labels(f"gluster_{name}", text, values)

    def _node(self) -> Iterator[Metric]:
        yield self._families.gauge(
            "gluster_mount_up",
            "Whether the FUSE mount on this node answered statvfs in time.",
            ("volume", "path"),
            [((mount.volume, mount.path), mount.answered) for mount in self.pool.mounts],
        )
        processes = self.pool.processes or ()
        yield self._families.counter(
            "gluster_process_cpu_seconds",
            "Seconds of processor time, user and system, that processes of Gluster on this node have used.",
            _PROCESS,
            _summed((process, process.cpu_seconds) for process in processes),
        )
        yield self._families.gauge(
            "gluster_process_resident_memory_bytes",
            "Resident memory in bytes of processes of Gluster on this node.",
            _PROCESS,
            _summed((process, process.rss) for process in processes),
        )


@collection_paused()
def render(
    pool: Pool,
    health: Health,
    now: int,
    duration: Optional[float] = None,
    failures: Optional[Mapping[str, int]] = None,
    leader: Optional[bool] = True,
) -> bytes:
    """The pool in Prometheus' text format; see `PoolMetrics`.  A single command leads: it asked itself."""
    return prometheus_text(PoolMetrics(pool, health, now, duration, failures, leader).collect())


def write_textfile(path: Union[str, Path], text: bytes) -> None:
    """Put *text* where node_exporter's textfile collector reads it: whole, or not at all.

    Raises TextfileError with one line for whatever kept it from being written.
    """
    path = Path(path)
    temporary = None
    try:
        # In the same directory, as a rename does not cross filesystems; node_exporter passes by
        # names that do not end in .prom.
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with open(descriptor, "wb") as file:
            file.write(text)
            os.fchmod(descriptor, 0o644)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise TextfileError(f"cannot write {path}: {error.strerror}") from error
    finally:
        if temporary is not None:
            os.unlink(temporary)


def _connected(peer: Peer) -> Optional[bool]:
    return False if peer.reachable is False else peer.connected


def _subvolume_name(volume: Volume, index: int) -> str:
    """What Gluster calls its *index*-th subvolume, from 0, in logs and in the path of a file."""
    kind = {"distribute": "client"}.get(volume.subvolumes[index].type, volume.subvolumes[index].type)
    return f"{volume.name}-{kind}-{index}"


def _brick_labels(brick: Brick) -> Sequence[str]:
    return brick.volume, brick.host, brick.path


def _summed(figures: Iterable[Tuple[Process, float]]) -> Iterator[LabelledValue]:
    """One sample for all processes that do the same; with pids as labels, a restart would make a series."""
    sums: Dict[Tuple[Optional[str], ...], float] = {}
    for process, figure in figures:
        key = (process.name, process.volume, process.path)
        sums[key] = sums.get(key, 0) + figure
    yield from sums.items()
