"""Metrics of instances' disks."""

from __future__ import annotations

from dataclasses import replace

from ganeti_gluster_mon.gluster.model import Disk
from ganeti_gluster_mon.health import DISK_STATUSES
from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOW, POOL
from tests.unit.metrics.samples import WHOLE, of

ROOT = {"instance": "web.example.org", "disk": "disk/0", "volume": "gv0"}


def test_each_disk_has_one_status() -> None:
    found = of(WHOLE, "gluster_disk_status")
    assert POOL.disks is not None
    assert len(found) == len(POOL.disks) * len(DISK_STATUSES)
    status = {
        labels.pop("status"): value
        for labels, value in found
        if labels["disk"] == "disk/0" and ROOT.items() <= labels.items()
    }
    assert status == {**dict.fromkeys(DISK_STATUSES, 0), "degraded": 1}
    gone = [labels["status"] for labels, value in found if labels["volume"] == "gone" and value]
    assert gone == ["down"]


def test_what_is_not_known_of_a_disk_has_no_sample() -> None:
    at_risk = {
        (labels["instance"], labels["disk"]): value for labels, value in of(WHOLE, "gluster_disk_at_risk")
    }
    assert at_risk == {
        ("web.example.org", "disk/0"): 1,
        ("web.example.org", "disk/1"): 0,
        ("db.example.org", "disk/1"): 1,
    }
    allocated = of(WHOLE, "gluster_disk_allocated_bytes")
    assert (ROOT, 3 << 20) in allocated
    assert {labels["disk"] for labels, _ in allocated if labels["instance"] == "web.example.org"} == {
        "disk/0"
    }
    assert (ROOT, 10 << 30) in of(WHOLE, "gluster_disk_size_bytes")


def test_hostile_names_of_instances() -> None:
    name = 'a"b\\c\nd\udcff'
    text = render(replace(POOL, disks=(Disk(name, "disk/0", "gv0", "x", size=1),)), HEALTH, NOW)
    ((labels, value),) = of(text, "gluster_disk_size_bytes")
    assert (labels["instance"], value) == ('a"b\\c\nd\\udcff', 1)


def test_disks_that_are_not_known_have_no_family() -> None:
    assert b"gluster_disk_" not in render(replace(POOL, disks=None), HEALTH, NOW)
