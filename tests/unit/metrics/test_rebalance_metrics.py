"""Metrics of rebalances: a host of which a count is not known has no sample."""

from __future__ import annotations

from tests.unit.metrics.samples import WHOLE, of

FIRST = {"volume": "dist2", "host": "node1.lab.test"}


def test_each_host_has_its_counts() -> None:
    assert of(WHOLE, "gluster_rebalance_files") == [(FIRST, 12)]
    assert of(WHOLE, "gluster_rebalance_bytes") == [(FIRST, 3 << 20)]
    assert of(WHOLE, "gluster_rebalance_lookups") == [(FIRST, 40)]
    assert of(WHOLE, "gluster_rebalance_skipped") == [(FIRST, 2)]
    failures = {labels["host"]: value for labels, value in of(WHOLE, "gluster_rebalance_failures")}
    assert failures == {"node1.lab.test": 1, "node2.lab.test": 0}
