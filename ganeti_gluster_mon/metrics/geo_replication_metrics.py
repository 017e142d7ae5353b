"""The workers of geo-replication; no sample where a volume has no session."""

from __future__ import annotations

from typing import Iterator

from prometheus_client.core import Metric

from ganeti_gluster_mon.gluster.parse.geo_replication_xml import STATUSES
from ganeti_gluster_mon.metrics.families import Families, Scrape
from ganeti_gluster_mon.metrics.volume_metrics import started_volumes

_WORKER = ("volume", "secondary", "host", "path")


def families(scrape: Scrape, make: Families) -> Iterator[Metric]:
    """How each worker is, and how far."""
    workers = [
        ((volume.name, session.secondary, worker.host, worker.path), worker)
        for volume in started_volumes(scrape)
        for session in volume.geo_replications or ()
        for worker in session.workers
    ]
    yield make.gauge(
        "gluster_geo_replication_worker_status",
        "1 for the status that the worker of the brick has and 0 for the others.  Of a replica set one worker is "
        "active and the others are passive.",
        (*_WORKER, "status"),
        [
            ((*labels, status), float(worker.status == status))
            for labels, worker in workers
            if worker.status is not None
            for status in sorted(STATUSES)
        ],
    )
    yield make.gauge(
        "gluster_geo_replication_last_synced_timestamp_seconds",
        "Up to when all changes are replicated, in seconds since 1970; the time of the last change while nothing "
        "changes.",
        _WORKER,
        [(labels, worker.last_synced_at) for labels, worker in workers],
    )
    yield make.gauge(
        "gluster_geo_replication_pending_changes",
        "Changes that wait to be replicated: of names (entry), contents (data) and attributes (meta).",
        (*_WORKER, "type"),
        [
            ((*labels, kind), value)
            for labels, worker in workers
            for kind, value in (("entry", worker.entry), ("data", worker.data), ("meta", worker.meta))
        ],
    )
    yield make.gauge(
        "gluster_geo_replication_failures",
        "Entries that could not be replicated.",
        _WORKER,
        [(labels, worker.failures) for labels, worker in workers],
    )
    yield make.gauge(
        "gluster_geo_replication_checkpoint_completed_timestamp_seconds",
        "When all changes up to the checkpoint were replicated, in seconds since 1970.",
        _WORKER,
        [(labels, worker.checkpoint_completed_at) for labels, worker in workers],
    )
    yield make.gauge(
        "gluster_geo_replication_queried_timestamp_seconds",
        "When Gluster was queried for the session, in seconds since 1970.",
        ("volume", "secondary"),
        [
            ((volume.name, session.secondary), session.queried_at // 10**9)
            for volume in started_volumes(scrape)
            for session in volume.geo_replications or ()
            if session.workers
        ],
    )
