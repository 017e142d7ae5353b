"""What the scrubbers of bitrot have found; no sample where bitrot is off."""

from __future__ import annotations

from typing import Iterator

from prometheus_client.core import Metric

from ganeti_gluster_mon.metrics.families import Families, Scrape
from ganeti_gluster_mon.metrics.volume_metrics import started_volumes

_SCRUB = ("volume", "host")


def families(scrape: Scrape, make: Families) -> Iterator[Metric]:
    """Files and the end of the last run, by volume and node."""
    scrubs = [
        ((volume.name, scrub.host), scrub)
        for volume in started_volumes(scrape)
        for scrub in volume.scrubs or ()
    ]
    yield make.gauge(
        "gluster_scrub_corrupted_files",
        "Files on the node that differ from their signatures.",
        _SCRUB,
        [(labels, scrub.errors) for labels, scrub in scrubs],
    )
    yield make.gauge(
        "gluster_scrub_scrubbed_files",
        "Files that the last run of the scrubber compared with their signatures.",
        _SCRUB,
        [(labels, scrub.scrubbed) for labels, scrub in scrubs],
    )
    yield make.gauge(
        "gluster_scrub_skipped_files",
        "Files that the last run of the scrubber skipped, since they were open.",
        _SCRUB,
        [(labels, scrub.skipped) for labels, scrub in scrubs],
    )
    yield make.gauge(
        "gluster_scrub_completed_timestamp_seconds",
        "When the last run of the scrubber ended, in seconds since 1970.",
        _SCRUB,
        [(labels, scrub.completed_at) for labels, scrub in scrubs],
    )
