"""The metrics of geo-replication."""

from __future__ import annotations

from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOW, POOL

PREFIX = "gluster_geo_replication_"


def test_what_is_not_known_has_no_sample() -> None:
    lines = [line for line in render(POOL, HEALTH, NOW).decode().splitlines() if line.startswith(PREFIX)]
    host, path = 'host="node1.lab.test"', 'path="/export/b2/dist2"'
    secondary, volume = 'secondary="node9.far.test::backup"', 'volume="dist2"'
    of_worker = f"{host},{path},{secondary}"
    statuses = ("active", "created", "faulty", "initializing", "passive", "paused", "stopped")
    assert lines == [
        *(
            f'{PREFIX}worker_status{{{of_worker},status="{each}",{volume}}} {float(each == "active")}'
            for each in statuses
        ),
        f"{PREFIX}last_synced_timestamp_seconds{{{of_worker},{volume}}} 1.79548344e+09",
        f"{PREFIX}failures{{{of_worker},{volume}}} 2.0",
        f"{PREFIX}checkpoint_completed_timestamp_seconds{{{of_worker},{volume}}} 1.7954831e+09",
        f'{PREFIX}pending_changes{{{of_worker},type="entry",{volume}}} 1.0',
        f'{PREFIX}pending_changes{{{of_worker},type="data",{volume}}} 20.0',
        f'{PREFIX}pending_changes{{{of_worker},type="meta",{volume}}} 300.0',
        f"{PREFIX}queried_timestamp_seconds{{{secondary},{volume}}} 1.795483447e+09",
    ]
