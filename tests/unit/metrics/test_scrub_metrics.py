"""The metrics of the scrubbers."""

from __future__ import annotations

from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOW, POOL


def test_what_is_not_known_has_no_sample() -> None:
    lines = [
        line for line in render(POOL, HEALTH, NOW).decode().splitlines() if line.startswith("gluster_scrub_")
    ]
    labels = '{host="node1.lab.test",volume="dist2"}'
    assert lines == [
        f"gluster_scrub_corrupted_files{labels} 0.0",
        f"gluster_scrub_scrubbed_files{labels} 2.0",
        f"gluster_scrub_skipped_files{labels} 1.0",
        f"gluster_scrub_completed_timestamp_seconds{labels} 1.795483e+09",
    ]
