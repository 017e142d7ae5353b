"""The status file for the storage backend."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ganeti_gluster_mon.backend.blockdev.redundancy import Redundancy
from ganeti_gluster_mon.backend.status_file import known_volumes
from ganeti_gluster_mon.backend.volume import GlusterVolume
from ganeti_gluster_mon.daemon.web.storage_status import storage_status
from ganeti_gluster_mon.gluster.model import Brick, Subvolume
from tests.unit.backend.blockdev.test_redundancy import (
    DEGRADED,
    NOT_DEGRADED,
    copies,
    of,
    pool,
    publish_status,
)
from tests.unit.example_pool import NOTHING, POOL, TAKEN_AT


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "storage.json"


def test_percent_of_the_largest_backlog_until_it_is_empty(source: Path) -> None:
    peaks = publish_status(source, pool(copies(True, False, True, pending=3), pending=3))
    assert of(source) == DEGRADED, "while a brick is away nothing is being healed"
    peaks = publish_status(source, pool(copies(True, True, True, pending=8), pending=8), peaks)
    assert of(source) == Redundancy(True, 0.0)
    peaks = publish_status(source, pool(copies(True, True, True, pending=2), pending=2), peaks)
    assert of(source) == Redundancy(True, 75.0)
    peaks = publish_status(source, pool(copies(True, True, True, pending=None), pending=None), peaks)
    assert of(source) == NOT_DEGRADED, "not known"
    peaks = publish_status(source, pool(copies(True, True, True, pending=4), pending=4), peaks)
    assert of(source) == Redundancy(True, 50.0), "and the peak was not forgotten meanwhile"
    peaks = publish_status(source, pool(copies(True, True, True)), peaks)
    assert (of(source), peaks) == (NOT_DEGRADED, {})


def test_names_of_hosts_are_in_lower_case(source: Path) -> None:
    publish_status(source, POOL)
    assert json.loads(source.read_text())["hosts"] == ["node1.lab.test", "node2.lab.test", "node3.lab.test"]
    publish_status(source, pool(Subvolume("replicate", (Brick("gv0", "NODE9", "/b", online=False),))))
    assert of(source, volume=GlusterVolume("Node9", 24007, "gv0")) == DEGRADED


def test_the_example(source: Path) -> None:
    """gv0's brick on node2 is offline, dist2 is well, of old nothing is known."""
    peaks = publish_status(source, POOL)
    assert peaks == {"gv0": 7}
    assert of(source) == DEGRADED
    assert of(source, volume=GlusterVolume("127.0.0.1", 24007, "dist2")) == NOT_DEGRADED
    assert of(source, volume=GlusterVolume("127.0.0.1", 24007, "old")) == NOT_DEGRADED
    assert sorted(known_volumes(str(source))) == ["dist2", "gv0", "old"]
    publish_status(source, NOTHING)
    assert known_volumes(str(source)) == []
    assert json.loads(storage_status(POOL, {}, TAKEN_AT)[0])["boottime"] == TAKEN_AT
