"""How far the last rebalance of each started volume is, host by host."""

from __future__ import annotations

from operator import attrgetter
from typing import Iterator

from ganeti_gluster_mon.metrics.families import Families, MetricGroup, Scrape
from ganeti_gluster_mon.metrics.volume_metrics import started_volumes

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


def families(scrape: Scrape, make: Families) -> Iterator[MetricGroup]:
    """Gauges, since each rebalance begins at 0 again."""
    figures_of = attrgetter(*[attribute for _, _, attribute in _GAUGES])
    yield make.group(
        ("volume", "host"),
        [(name, text) for name, text, _ in _GAUGES],
        [
            ((volume.name, node.host), figures_of(node))
            for volume in started_volumes(scrape)
            if volume.rebalance is not None
            for node in volume.rebalance.nodes
        ],
    )
