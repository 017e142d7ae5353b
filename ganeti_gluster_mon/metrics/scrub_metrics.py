"""What the scrubbers of bitrot have found; no sample where bitrot is off."""

from __future__ import annotations

from operator import attrgetter
from typing import Iterator

from ganeti_gluster_mon.metrics.families import Families, MetricGroup, Scrape
from ganeti_gluster_mon.metrics.volume_metrics import started_volumes

#: metric, help, attribute of the scrubber's status
_GAUGES = (
    ("gluster_scrub_corrupted_files", "Files on the node that differ from their signatures.", "errors"),
    (
        "gluster_scrub_scrubbed_files",
        "Files that the last run of the scrubber compared with their signatures.",
        "scrubbed",
    ),
    (
        "gluster_scrub_skipped_files",
        "Files that the last run of the scrubber skipped, since they were open.",
        "skipped",
    ),
    (
        "gluster_scrub_completed_timestamp_seconds",
        "When the last run of the scrubber ended, in seconds since 1970.",
        "completed_at",
    ),
)


def families(scrape: Scrape, make: Families) -> Iterator[MetricGroup]:
    """Files and the end of the last run, by volume and node."""
    figures_of = attrgetter(*[attribute for _, _, attribute in _GAUGES])
    yield make.group(
        ("volume", "host"),
        [(name, text) for name, text, _ in _GAUGES],
        [
            ((volume.name, scrub.host), figures_of(scrub))
            for volume in started_volumes(scrape)
            for scrub in volume.scrubs or ()
        ],
    )
