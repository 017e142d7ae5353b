"""The model of geo-replication."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.gluster.geo_replication import GeoReplicationWorker


@pytest.mark.parametrize(
    ("counts", "pending"), [((1, 20, 300), 321), ((0, 0, 0), 0), ((None, 0, 0), None), ((0, 0, None), None)]
)
def test_changes_that_wait(counts: tuple[int | None, ...], pending: int | None) -> None:
    entry, data, meta = counts
    assert GeoReplicationWorker("node1", "/b", entry=entry, data=data, meta=meta).pending == pending


def test_the_label_is_as_gluster_writes_a_brick() -> None:
    assert GeoReplicationWorker("node1", "/b").label == "node1:/b"
