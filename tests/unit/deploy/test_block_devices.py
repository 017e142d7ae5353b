"""Block devices, by lsblk and wipefs."""

from __future__ import annotations

from ganeti_gluster_mon.deploy.block_devices import filesystem_uuid
from tests.unit.deploy.fake_nodes import (
    device,
    lsblk,
    wipefs,
)


def test_the_uuid_is_that_of_the_disk_and_of_no_other() -> None:
    first, other = device(lsblk(serial="A1"), wipefs()), device(lsblk(serial="A2"), wipefs())
    mine = filesystem_uuid("cluster", "node1", "/dev/vdb", first)
    assert mine == filesystem_uuid("cluster", "node1", "/dev/vdc", first)
    different = {
        mine,
        filesystem_uuid("cluster", "node1", "/dev/vdb", other),
        filesystem_uuid("cluster", "node2", "/dev/vdb", first),
        filesystem_uuid("cluster2", "node1", "/dev/vdb", first),
    }
    assert len(different) == 4
    parts = (device(lsblk(wwn="0x5", type="part", path=f"/dev/sda{n}"), wipefs()) for n in (1, 2))
    assert len({filesystem_uuid("cluster", "node1", "/dev/x", part) for part in parts}) == 2
