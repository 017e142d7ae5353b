"""The daemons that serve started volumes: self-heal, quota, bitrot, scrubber, snapshot, NFS."""

from __future__ import annotations

from typing import Iterator

from prometheus_client.core import Metric

from ganeti_gluster_mon.metrics.families import Families, Scrape
from ganeti_gluster_mon.metrics.volume_metrics import started_volumes

#: short names of the daemons that `volume status` lists
_DAEMONS = {
    "Self-heal Daemon": "self-heal",
    "Quota Daemon": "quota",
    "Bitrot Daemon": "bitrot",
    "Scrubber Daemon": "scrubber",
    "Snapshot Daemon": "snapshot",
    "NFS Server": "nfs",
}


def families(scrape: Scrape, make: Families) -> Iterator[Metric]:
    """Whether each daemon runs on each host."""
    started = started_volumes(scrape)
    yield make.gauge(
        "gluster_self_heal_daemon_up",
        "Whether the self-heal daemon of the host runs, which repairs the volume's copies there.",
        ("volume", "host"),
        [
            ((volume.name, daemon.host), daemon.online)
            for volume in started
            for daemon in volume.self_heal_daemons
        ],
    )
    yield make.gauge(
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
