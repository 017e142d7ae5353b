"""The report `gluster-disks`."""

from __future__ import annotations

from dataclasses import replace

from ganeti_gluster_mon.collectors.gluster_disks import GlusterDisks
from ganeti_gluster_mon.health import evaluate_disk
from tests.unit.example_pool import HEALTH, NOTHING, NOW, POOL


def test_each_disk_with_the_status_that_health_gives_it() -> None:
    disks = GlusterDisks().collect(POOL, HEALTH, NOW)["disks"]
    volumes = {volume.name: volume for volume in POOL.volumes or ()}
    for disk, reported in zip(POOL.disks or (), disks):
        judged = evaluate_disk(disk, POOL, volumes)
        assert (reported["instance"], reported["path"]) == (disk.instance, disk.path)
        assert (reported["status"], reported["at_risk"], reported["message"]) == (
            judged.status,
            judged.at_risk,
            judged.message,
        )
    assert len(disks) == len(POOL.disks or ()) > 0


def test_the_bricks_of_a_disk_are_null_where_they_are_not_known() -> None:
    web, other, *_ = GlusterDisks().collect(POOL, HEALTH, NOW)["disks"]
    assert [brick["online"] for brick in web["bricks"]] == [True, False, True]
    assert other["bricks"] is None


def test_disks_that_are_not_known_come_with_the_reason() -> None:
    collect = GlusterDisks().collect
    assert collect(NOTHING, HEALTH, NOW) == {"disks": None, "message": "the disks were not queried"}
    why = replace(NOTHING, disks_unknown="no candidate")
    assert collect(why, HEALTH, NOW) == {"disks": None, "message": "no candidate"}
