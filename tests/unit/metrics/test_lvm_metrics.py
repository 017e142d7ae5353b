"""The metrics of LVM under bricks."""

from __future__ import annotations

from dataclasses import replace
from typing import List

from ganeti_gluster_mon.gluster.lvm import BrickLvm, LogicalVolume, LvmPool
from ganeti_gluster_mon.gluster.model import Brick
from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOW, POOL
from tests.unit.metrics.samples import pool_of

THIN = LvmPool("vg", "tp", "thin", 100, 96.5, None)
LV = LogicalVolume("dm-3", "vg", "b1", 10, 200, 50, "tp")
LVM = BrickLvm(LV, (THIN,), 10**9)


def lines(*bricks: Brick) -> List[str]:
    text = render(pool_of(bricks), HEALTH, NOW).decode()
    return [line for line in text.splitlines() if "lvm" in line and not line.startswith("#")]


def test_a_pool_under_two_bricks_is_exported_once() -> None:
    other = replace(LVM, volume=replace(LV, name="b2", device="dm-4"))
    assert lines(Brick("gv0", "h", "/a", lvm=LVM), Brick("gv0", "h", "/b", lvm=other)) == [
        'gluster_brick_lvm_info{host="h",lv="b1",path="/a",pool="tp",vg="vg",volume="gv0"} 1.0',
        'gluster_brick_lvm_info{host="h",lv="b2",path="/b",pool="tp",vg="vg",volume="gv0"} 1.0',
        'gluster_lvm_lv_size_bytes{host="h",lv="b1",vg="vg"} 10.0',
        'gluster_lvm_lv_size_bytes{host="h",lv="b2",vg="vg"} 10.0',
        'gluster_lvm_vg_size_bytes{host="h",vg="vg"} 200.0',
        'gluster_lvm_vg_free_bytes{host="h",vg="vg"} 50.0',
        'gluster_lvm_timestamp_seconds{host="h",vg="vg"} 1.0',
        'gluster_lvm_pool_size_bytes{host="h",pool="tp",type="thin",vg="vg"} 100.0',
        'gluster_lvm_pool_data_ratio{host="h",pool="tp",type="thin",vg="vg"} 0.965',
    ]


def test_where_no_brick_is_on_lvm_there_is_no_sample() -> None:
    assert lines(Brick("gv0", "h", "/a", device="/dev/sdb")) == []


def test_each_node_exports_its_own() -> None:
    assert b"gluster_lvm_pool_data_ratio{" in render(POOL, HEALTH, NOW, leader=False)
