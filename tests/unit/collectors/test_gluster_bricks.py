"""The report `gluster-bricks`."""

from __future__ import annotations

from dataclasses import fields

from ganeti_gluster_mon.collectors.gluster_bricks import GlusterBricks, brick_data
from ganeti_gluster_mon.gluster.model import Brick
from tests.unit.example_pool import HEALTH, NOTHING, NOW, POOL


def test_the_bricks_of_all_volumes_in_their_order() -> None:
    bricks = GlusterBricks().collect(POOL, HEALTH, NOW)["bricks"]
    assert [(brick["volume"], brick["host"]) for brick in bricks] == [
        (brick.volume, brick.host) for volume in POOL.volumes or () for brick in volume.bricks
    ]


def test_each_value_is_that_of_its_field() -> None:
    names = [field.name for field in fields(Brick)]
    values = {name: f"value of {name}" for name in names}
    reported = brick_data(Brick(**values))  # type: ignore[arg-type]
    for name, value in reported.items():
        if name in values:
            assert value == values[name]
    assert set(reported) - set(values) == {"client_count"}


def test_bricks_that_are_not_known_are_null() -> None:
    assert GlusterBricks().collect(NOTHING, HEALTH, NOW) == {"bricks": None}
