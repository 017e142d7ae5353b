"""The daemon and its last cycle."""

from __future__ import annotations

from typing import Iterator

from prometheus_client.core import Metric

from ganeti_gluster_mon import __version__
from ganeti_gluster_mon.collectors import StatusCollector, collectors
from ganeti_gluster_mon.health import UNKNOWN
from ganeti_gluster_mon.metrics.families import Families, LabelledValue, Scrape


def families(scrape: Scrape, make: Families) -> Iterator[Metric]:
    """Whether Gluster answered, which node queries the pool, versions, the last cycle, and the status codes."""
    pool = scrape.pool
    yield make.gauge(
        "gluster_up",
        "Whether Gluster answered: 1 if it is known which volumes there are, 0 if not.",
        (),
        [((), 0 if pool.volumes is None else 1)],
    )
    yield make.gauge(
        "gluster_leader",
        "Whether this node queries Gluster for the whole pool (1) or another node does (0).",
        (),
        [((), scrape.leader)],
    )
    yield make.info(
        "gluster_build_info",
        "Versions of ganeti-gluster-mon and of GlusterFS; always 1.",
        {"version": __version__, "gluster_version": pool.gluster_version},
    )
    yield make.gauge(
        "gluster_collect_duration_seconds",
        "Seconds that all queries of the last cycle took.",
        (),
        [((), scrape.duration)],
    )
    yield make.gauge(
        "gluster_collect_timestamp_seconds",
        "When the answers were taken, in seconds since the epoch; the oldest, if some were kept.",
        (),
        [((), pool.taken_at / 10**9)],
    )
    yield make.counter(
        "gluster_collect_failures_total",
        "Cycles since the start that failed to get all answers, by reason.",
        ("reason",),
        [((reason,), count) for reason, count in scrape.failures.items()],
    )
    repairs = scrape.pool.auto_repairs
    yield make.counter(
        "gluster_auto_repairs_total",
        "Automatic repairs that the poller tried since its start, by the result of the command.",
        ("volume", "action", "result"),
        [] if repairs is None else list(repairs.counts.items()),
    )
    yield make.gauge(
        "gluster_status_code",
        "Status of each report that has one: 0 works as it should, 1 is being repaired automatically, "
        "2 not known, 4 needs attention.",
        ("collector",),
        _status_codes(scrape),
    )


def _status_codes(scrape: Scrape) -> Iterator[LabelledValue]:
    for name, collector in collectors().items():
        if isinstance(collector, StatusCollector):
            try:
                code = collector.evaluate(scrape.pool, scrape.health).code
            except Exception:  # the fault of one collector; its report names the error
                code = UNKNOWN
            yield (name,), code
