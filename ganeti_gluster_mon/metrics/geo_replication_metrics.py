"""The workers of geo-replication; no sample where a volume has no session."""

from __future__ import annotations

from typing import Iterator

from ganeti_gluster_mon.gluster.parse.geo_replication_xml import STATUSES
from ganeti_gluster_mon.metrics.families import AnyFamily, Families, Scrape
from ganeti_gluster_mon.metrics.volume_metrics import started_volumes

_WORKER = ("volume", "secondary", "host", "path")
_GAUGES = (
    (
        "gluster_geo_replication_last_synced_timestamp_seconds",
        "Up to when all changes are replicated, in seconds since 1970; the time of the last change while nothing "
        "changes.",
    ),
    ("gluster_geo_replication_failures", "Entries that could not be replicated."),
    (
        "gluster_geo_replication_checkpoint_completed_timestamp_seconds",
        "When all changes up to the checkpoint were replicated, in seconds since 1970.",
    ),
)


def families(scrape: Scrape, make: Families) -> Iterator[AnyFamily]:
    """How each worker is, and how far."""
    workers = [
        ((volume.name, session.secondary, worker.host, worker.path), worker)
        for volume in started_volumes(scrape)
        for session in volume.geo_replications or ()
        for worker in session.workers
    ]
    statuses = sorted(STATUSES)
    yield make.each(
        "gluster_geo_replication_worker_status",
        "1 for the status that the worker of the brick has and 0 for the others.  Of a replica set one worker is "
        "active and the others are passive.",
        _WORKER,
        "status",
        statuses,
        [
            (labels, [float(worker.status == status) for status in statuses])
            for labels, worker in workers
            if worker.status is not None
        ],
    )
    yield make.group(
        _WORKER,
        _GAUGES,
        [
            (labels, (worker.last_synced_at, worker.failures, worker.checkpoint_completed_at))
            for labels, worker in workers
        ],
    )
    yield make.each(
        "gluster_geo_replication_pending_changes",
        "Changes that wait to be replicated: of names (entry), contents (data) and attributes (meta).",
        _WORKER,
        "type",
        ("entry", "data", "meta"),
        [(labels, (worker.entry, worker.data, worker.meta)) for labels, worker in workers],
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
