"""Metrics of profiled bricks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict

import pytest

from ganeti_gluster_mon.gluster.profile import BrickProfile, FileOperation
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


def dumped(profile: BrickProfile, leader: bool) -> bytes:
    """The metrics of a pool whose only profile is *profile*, of a volume of which the node reads the dumps."""
    volumes = tuple(
        replace(volume, profile=(profile,) if volume.name == "dist2" else None)
        for volume in POOL.volumes or ()
    )
    return render(replace(POOL, volumes=volumes), HEALTH, NOW, leader=leader)


FAMILIES = (
    "fop_total",
    "fop_seconds_total",
    "read_bytes_total",
    "written_bytes_total",
    "io_size_bytes_count",
)


@pytest.mark.parametrize("leader", [True, False])
def test_a_node_exports_what_its_own_bricks_wrote(leader: bool) -> None:
    (of_gluster,) = next(volume.profile for volume in POOL.volumes or () if volume.name == "dist2") or ()
    text = dumped(replace(of_gluster, dumped_at=7_000_000_000), leader)
    assert of(text, "gluster_brick_stats_dump_timestamp_seconds") == [(BRICK, 7)]
    for name in FAMILIES:
        assert of(text, f"gluster_brick_{name}") == of(WHOLE, f"gluster_brick_{name}") != []
    # the answer of Gluster, about all bricks, is exported by the leader alone
    text = dumped(of_gluster, leader)
    assert of(text, "gluster_brick_stats_dump_timestamp_seconds") == []
    assert bool(of(text, "gluster_brick_fop_total")) is leader


def test_of_a_stale_dump_the_time_alone_is_exported() -> None:
    text = dumped(BrickProfile(BRICK["host"], BRICK["path"], (), dumped_at=7_000_000_000), True)
    assert of(text, "gluster_brick_stats_dump_timestamp_seconds") == [(BRICK, 7)]
    for name in FAMILIES:
        assert of(text, f"gluster_brick_{name}") == []


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


def test_a_brick_without_a_read_or_write_has_zeros() -> None:
    idle = tuple(
        replace(volume, profile=tuple(replace(one, blocks=()) for one in volume.profile or ()) or None)
        for volume in POOL.volumes or ()
    )
    found = of(render(replace(POOL, volumes=idle), HEALTH, NOW), "gluster_brick_io_size_bytes_count")
    assert found
    assert {value for _, value in found} == {0}


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


def test_the_shortest_and_the_longest_operation_are_exported_on_request() -> None:
    (of_gluster,) = next(volume.profile for volume in POOL.volumes or () if volume.name == "dist2") or ()
    operations = (FileOperation("WRITE", 2, 9e9, 1e9, 8e9), FileOperation("RELEASE", 1))
    volumes = tuple(
        replace(
            volume, profile=(replace(of_gluster, operations=operations),) if volume.name == "dist2" else None
        )
        for volume in POOL.volumes or ()
    )
    text = render(replace(POOL, volumes=volumes), HEALTH, NOW, latency_extremes=True)
    assert of(text, "gluster_brick_fop_min_seconds") == [({**BRICK, "fop": "write"}, 1.0)]
    assert of(text, "gluster_brick_fop_max_seconds") == [({**BRICK, "fop": "write"}, 8.0)]
    text = render(replace(POOL, volumes=volumes), HEALTH, NOW)
    assert of(text, "gluster_brick_fop_max_seconds") == []


@pytest.mark.parametrize("version", [None, "", "git"])
def test_a_version_that_is_not_known(version: str) -> None:
    text = render(replace(POOL, gluster_version=version), HEALTH, NOW)
    assert of(text, "gluster_brick_fop_seconds_total") == []
    assert len(of(text, "gluster_brick_fop_total")) == 2
