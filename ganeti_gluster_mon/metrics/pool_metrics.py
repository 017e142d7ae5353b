"""All metrics of a pool.

What is not known has no sample: a 0 always means zero.  Families without a sample are left out.
"""

from __future__ import annotations

from itertools import chain
from typing import Iterator, Mapping, Optional

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from ganeti_gluster_mon.gc_pause import collection_paused
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.health import Health
from ganeti_gluster_mon.metrics import (
    brick_metrics,
    daemon_metrics,
    disk_metrics,
    geo_replication_metrics,
    log_metrics,
    lvm_metrics,
    node_metrics,
    peer_metrics,
    problem_metrics,
    profile_metrics,
    quota_metrics,
    rebalance_metrics,
    scrub_metrics,
    service_metrics,
    snapshot_metrics,
    subvolume_metrics,
    volume_metrics,
)
from ganeti_gluster_mon.metrics.exposition import prometheus_text
from ganeti_gluster_mon.metrics.families import AnyFamily, Families, Scrape

#: exported by the node that queries the pool, or by each node where no node leads
_POOL = (
    problem_metrics.active_families,
    peer_metrics.families,
    volume_metrics.families,
    subvolume_metrics.families,
    volume_metrics.heal_families,
    service_metrics.families,
    volume_metrics.task_families,
    rebalance_metrics.families,
    quota_metrics.families,
    scrub_metrics.families,
    geo_replication_metrics.families,
    snapshot_metrics.families,
    disk_metrics.families,
)
#: exported by every node.  Alerts on a node's own mounts, for example, need the mutes of that node
_NODE = (
    problem_metrics.muted_families,
    brick_metrics.families,
    profile_metrics.families,
    lvm_metrics.families,
    node_metrics.families,
    log_metrics.families,
)


class PoolMetrics(Collector):
    """The metrics of a pool, as a collector for a registry of prometheus_client."""

    def __init__(
        self,
        pool: Pool,
        health: Health,
        now: int,
        duration: Optional[float] = None,
        failures: Optional[Mapping[str, int]] = None,
        leader: Optional[bool] = None,
        latency_extremes: bool = False,
    ) -> None:
        """The metrics of *pool*, with its *health* evaluated at *now* (ns since the epoch).

        *duration*: seconds that the cycle took.  *failures*: failed cycles since the start, by reason.  *leader*:
        whether this node queries the whole pool; None where no node leads.  Where it is False, another node exports
        the pool, and this node exports its own bricks, mounts and processes only.  So fifty nodes do not export the
        pool fifty times.  *latency_extremes*: also the least and the largest latency of each kind of file operation,
        38 samples of a brick.
        """
        self._scrape = Scrape(pool, health, now, duration, failures or {}, leader, latency_extremes)

    def collect(self) -> Iterator[Metric]:
        """Every family that has a sample, for a registry of prometheus_client."""
        for family in self.families():
            if isinstance(family, Metric):
                yield family
            else:
                yield from family.families()

    def families(self) -> Iterator[AnyFamily]:
        """Every family that has a sample, and those that are made of rows, for `exposition`."""
        scrape, make = self._scrape, Families()
        sources = (daemon_metrics.families, *(() if scrape.leader is False else _POOL), *_NODE)
        # One family after the other: a large pool has a hundred thousand samples.
        found = chain.from_iterable(source(scrape, make) for source in sources)
        return (family for family in found if (family.samples if isinstance(family, Metric) else family.rows))


@collection_paused()
def render(
    pool: Pool,
    health: Health,
    now: int,
    duration: Optional[float] = None,
    failures: Optional[Mapping[str, int]] = None,
    leader: Optional[bool] = True,
    latency_extremes: bool = False,
) -> bytes:
    """The pool in Prometheus' text format; see `PoolMetrics`.  A single command leads: it queried Gluster itself."""
    made = PoolMetrics(pool, health, now, duration, failures, leader, latency_extremes)
    return prometheus_text(made.families())
