"""Gluster's logs on this node: messages by level, and the size of the directory.  No text is exported."""

from __future__ import annotations

from typing import Iterator

from prometheus_client.core import Metric

from ganeti_gluster_mon.gluster.log_messages import LogReport
from ganeti_gluster_mon.metrics.families import Families, Scrape


def families(scrape: Scrape, make: Families) -> Iterator[Metric]:
    """Messages, bytes that were skipped, and the size of the directory."""
    logs = LogReport() if scrape.pool.logs is None else scrape.pool.logs
    yield make.counter(
        "gluster_log_messages_total",
        "Messages in the logs of Gluster's processes on this node since the daemon was started, by level.",
        ("process", "level"),
        list(logs.counts.items()),
    )
    yield make.counter(
        "gluster_log_skipped_bytes_total",
        "Bytes of logs that were not read, since more was written than is read in a cycle.",
        ("process",),
        [((process,), count) for process, count in logs.skipped.items()],
    )
    yield make.gauge(
        "gluster_log_directory_bytes",
        "Bytes that the files in Gluster's directory of logs take.",
        (),
        [((), logs.directory_size)],
    )
