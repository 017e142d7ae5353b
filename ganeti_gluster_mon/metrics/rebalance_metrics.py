"""How far the last rebalance of each started volume is, host by host."""

from __future__ import annotations

from operator import attrgetter
from typing import Iterator

from prometheus_client.core import Metric

from ganeti_gluster_mon.metrics.families import Families, Scrape
from ganeti_gluster_mon.metrics.volume_metrics import started_volumes

_HOST = ("volume", "host")

#: metric, help, attribute of the host's part
_GAUGES = (
    ("gluster_rebalance_files", "Files that the last rebalance of the volume moved, on this host.", "files"),
    ("gluster_rebalance_bytes", "Bytes that the last rebalance of the volume moved, on this host.", "size"),
    (
        "gluster_rebalance_lookups",
        "Files that the last rebalance of the volume looked at, on this host.",
        "lookups",
    ),
    (
        "gluster_rebalance_failures",
        "Files that the last rebalance of the volume could not move, on this host.",
        "failures",
    ),
    (
        "gluster_rebalance_skipped",
        "Files that the last rebalance of the volume left where they are, on this host.",
        "skipped",
    ),
)


def families(scrape: Scrape, make: Families) -> Iterator[Metric]:
    """Gauges, since each rebalance begins at 0 again."""
    nodes = [
        ((volume.name, node.host), node)
        for volume in started_volumes(scrape)
        if volume.rebalance is not None
        for node in volume.rebalance.nodes
    ]
    for name, text, attribute in _GAUGES:
        value_of = attrgetter(attribute)
        yield make.gauge(name, text, _HOST, [(labels, value_of(node)) for labels, node in nodes])
