"""The report `gluster-bricks`."""

from __future__ import annotations

from dataclasses import fields

from ganeti_gluster_mon.collectors.gluster_bricks import GlusterBricks, brick_data
from ganeti_gluster_mon.gluster.lvm import BrickLvm, LogicalVolume, LvmPool
from ganeti_gluster_mon.gluster.model import Brick
from tests.unit.example_pool import HEALTH, NOTHING, NOW, POOL


def test_the_bricks_of_all_volumes_in_their_order() -> None:
    bricks = GlusterBricks().collect(POOL, HEALTH, NOW)["bricks"]
    assert [(brick["volume"], brick["host"]) for brick in bricks] == [
        (brick.volume, brick.host) for volume in POOL.volumes or () for brick in volume.bricks
    ]


def test_each_value_is_that_of_its_field() -> None:
    names = [field.name for field in fields(Brick)]
    values = {name: f"value of {name}" for name in names if name != "lvm"}
    reported = brick_data(Brick(**values), NOW)  # type: ignore[arg-type]
    for name, value in reported.items():
        if name in values:
            assert value == values[name]
    assert set(reported) - set(values) == {"client_count", "lvm"}


def test_bricks_that_are_not_known_are_null() -> None:
    assert GlusterBricks().collect(NOTHING, HEALTH, NOW) == {"bricks": None}


def test_the_logical_volume_under_a_brick() -> None:
    pool = LvmPool("vg", "tp", "thin", 100, 96.5, 3.75, "out of data space")
    lvm = BrickLvm(LogicalVolume("dm-3", "vg", "b1", 10, 200, 50, "tp"), (pool,), NOW - 10**9)
    assert brick_data(Brick("gv0", "h", "/b", lvm=lvm), NOW)["lvm"] == {
        "vg": "vg",
        "lv": "b1",
        "size": 10,
        "vg_size": 200,
        "vg_free": 50,
        "pools": [
            {
                "name": "tp",
                "type": "thin",
                "size": 100,
                "data_percent": 96.5,
                "metadata_percent": 3.75,
                "fault": "out of data space",
            }
        ],
        "age": 1.0,
    }
    assert brick_data(Brick("gv0", "h", "/b"), NOW)["lvm"] is None
