"""The report `gluster-capacity`."""

from __future__ import annotations

from ganeti_gluster_mon.collectors.gluster_capacity import GlusterCapacity, capacity_data, inodes_data
from ganeti_gluster_mon.gluster.model import Capacity, Inodes
from tests.unit.example_pool import HEALTH, NOTHING, NOW, POOL


def test_each_volume_has_its_space_or_null() -> None:
    volumes = GlusterCapacity().collect(POOL, HEALTH, NOW)["volumes"]
    assert [(volume["name"], volume["capacity"] is None, volume["inodes"] is None) for volume in volumes] == [
        ("gv0", False, False),
        ("dist2", False, True),
        ("old", True, True),
    ]


def test_figures_and_their_source() -> None:
    assert capacity_data(Capacity(100, 30, 60, "bricks")) == {
        "size": 100,
        "used": 30,
        "available": 60,
        "source": "bricks",
    }
    assert inodes_data(Inodes(10, 3, 7)) == {"total": 10, "used": 3, "free": 7}
    assert capacity_data(None) is None and inodes_data(None) is None


def test_volumes_that_are_not_known_are_null() -> None:
    assert GlusterCapacity().collect(NOTHING, HEALTH, NOW) == {"volumes": None}
