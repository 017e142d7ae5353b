"""The metrics of snapshots."""

from __future__ import annotations

from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOW, POOL


def test_of_a_volume_with_two_and_none_where_they_are_not_known() -> None:
    lines = render(POOL, HEALTH, NOW).decode().splitlines()
    assert [line for line in lines if line.startswith("gluster_volume_snapshot")] == [
        'gluster_volume_snapshots{volume="dist2"} 2.0',
        'gluster_volume_snapshots_activated{volume="dist2"} 1.0',
        'gluster_volume_snapshots_remaining{volume="dist2"} 254.0',
        'gluster_volume_snapshot_oldest_timestamp_seconds{volume="dist2"} 1.795e+09',
    ]
