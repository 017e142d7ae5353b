"""The quotas of directories of started volumes."""

from __future__ import annotations

from typing import Iterator

from prometheus_client.core import Metric

from ganeti_gluster_mon.metrics.families import Families, Scrape
from ganeti_gluster_mon.metrics.volume_metrics import started_volumes

_QUOTA = ("volume", "path")


def families(scrape: Scrape, make: Families) -> Iterator[Metric]:
    """Limits and use of each directory that has a limit; none where quota is off."""
    limits = [
        ((volume.name, limit.path), limit)
        for volume in started_volumes(scrape)
        for limit in volume.quota or ()
    ]
    yield make.gauge(
        "gluster_quota_hard_limit_bytes",
        "Bytes that may be in this directory of the volume; writes fail when there are more.",
        _QUOTA,
        [(labels, limit.hard_limit) for labels, limit in limits],
    )
    yield make.gauge(
        "gluster_quota_soft_limit_bytes",
        "Bytes in this directory of the volume from which Gluster warns in its logs.",
        _QUOTA,
        [(labels, limit.soft_limit) for labels, limit in limits],
    )
    yield make.gauge(
        "gluster_quota_used_bytes",
        "Bytes that are in this directory of the volume, by Gluster's count.",
        _QUOTA,
        [(labels, limit.used) for labels, limit in limits],
    )
