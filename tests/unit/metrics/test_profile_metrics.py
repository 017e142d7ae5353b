"""Metrics of profiled bricks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict

import pytest

from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOW, POOL
from tests.unit.metrics.samples import WHOLE, of

BRICK = {"volume": "dist2", "host": "node1.lab.test", "path": "/export/b2/dist2"}


def test_counters_of_each_brick() -> None:
    assert of(WHOLE, "gluster_brick_fop_total") == [
        ({**BRICK, "fop": "write"}, 186),
        ({**BRICK, "fop": "release"}, 1),
    ]
    # a latency that is not known has no sample
    ((labels, seconds),) = of(WHOLE, "gluster_brick_fop_seconds_total")
    assert labels == {**BRICK, "fop": "write"}
    assert seconds == pytest.approx(0.023767797)
    assert of(WHOLE, "gluster_brick_read_bytes_total") == [(BRICK, 0)]
    assert of(WHOLE, "gluster_brick_written_bytes_total") == [(BRICK, 2048000)]


def test_sizes_of_reads_and_writes() -> None:
    found = {
        (labels["operation"], labels["le"]): value
        for labels, value in of(WHOLE, "gluster_brick_io_size_bytes_bucket")
        if labels.items() >= BRICK.items()
    }
    assert len(found) == 28
    assert [found["write", limit] for limit in ("4095", "8191", "16383", "2097151", "+Inf")] == [
        0, 100, 185, 185, 186,
    ]  # fmt: skip
    assert found["read", "+Inf"] == 0
    assert ({**BRICK, "operation": "write"}, 2048000) in of(WHOLE, "gluster_brick_io_size_bytes_sum")
    assert ({**BRICK, "operation": "write"}, 186) in of(WHOLE, "gluster_brick_io_size_bytes_count")


@pytest.mark.parametrize("missing", ["blocks", "read"])
def test_sizes_that_are_not_known(missing: str) -> None:
    without: Dict[str, Any] = {missing: None}
    volumes = tuple(
        replace(volume, profile=tuple(replace(one, **without) for one in volume.profile or ()) or None)
        for volume in POOL.volumes or ()
    )
    found = of(render(replace(POOL, volumes=volumes), HEALTH, NOW), "gluster_brick_io_size_bytes_count")
    assert {labels["operation"] for labels, _ in found} == ({"write"} if missing == "read" else set())


@pytest.mark.parametrize(
    ("version", "seconds"),
    [("8.0", 0.023767797), ("11.1", 0.023767797), ("7.9", 23.767797), ("4.1.5", 23.767797)],
)
def test_the_unit_of_latencies_changed_with_version_8(version: str, seconds: float) -> None:
    text = render(replace(POOL, gluster_version=version), HEALTH, NOW)
    ((_, found),) = of(text, "gluster_brick_fop_seconds_total")
    assert found == pytest.approx(seconds)


@pytest.mark.parametrize("version", [None, "", "git"])
def test_a_version_that_is_not_known(version: str) -> None:
    text = render(replace(POOL, gluster_version=version), HEALTH, NOW)
    assert of(text, "gluster_brick_fop_seconds_total") == []
    assert len(of(text, "gluster_brick_fop_total")) == 2
