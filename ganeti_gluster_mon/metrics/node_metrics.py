"""This node: its mounts and its processes of Gluster."""

from __future__ import annotations

from typing import Dict, Iterable, Iterator, Optional, Tuple

from prometheus_client.core import Metric

from ganeti_gluster_mon.gluster.model import Process
from ganeti_gluster_mon.metrics.families import Families, LabelledValue, Scrape

_PROCESS = ("name", "volume", "path")


def families(scrape: Scrape, make: Families) -> Iterator[Metric]:
    """Mounts and processes."""
    yield make.gauge(
        "gluster_mount_up",
        "Whether the FUSE mount on this node answered statvfs in time.",
        ("volume", "path"),
        [((mount.volume, mount.path), mount.answered) for mount in scrape.pool.mounts],
    )
    yield make.gauge(
        "gluster_mount_writable",
        "Whether a small file could be written to the FUSE mount on this node; where that is tested.",
        ("volume", "path"),
        [((mount.volume, mount.path), mount.writable) for mount in scrape.pool.mounts],
    )
    processes = scrape.pool.processes or ()
    yield make.counter(
        "gluster_process_cpu_seconds_total",
        "Seconds of processor time, user and system, that processes of Gluster on this node have used.",
        _PROCESS,
        _summed((process, process.cpu_seconds) for process in processes),
    )
    yield make.gauge(
        "gluster_process_resident_memory_bytes",
        "Resident memory in bytes of processes of Gluster on this node.",
        _PROCESS,
        _summed((process, process.rss) for process in processes),
    )
    # of several with the same labels, the lowest: that which was started last
    yield make.gauge(
        "gluster_process_uptime_seconds",
        "Seconds since a process of Gluster on this node was started; of several, the one started last.",
        _PROCESS,
        [((process.name, process.volume, process.path), process.uptime) for process in processes],
    )


def _summed(figures: Iterable[Tuple[Process, float]]) -> Iterator[LabelledValue]:
    """One sample for all processes that do the same; with pids as labels, a restart would make a series."""
    sums: Dict[Tuple[Optional[str], ...], float] = {}
    for process, figure in figures:
        key = (process.name, process.volume, process.path)
        sums[key] = sums.get(key, 0) + figure
    yield from sums.items()
