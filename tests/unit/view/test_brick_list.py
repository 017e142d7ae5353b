"""gnt-gluster list-bricks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict

import pytest

from ganeti_gluster_mon.gluster.lvm import BrickLvm, LogicalVolume, LvmPool
from ganeti_gluster_mon.gluster.model import Brick, Volume
from ganeti_gluster_mon.view.brick_list import FIELDS, BrickRow
from ganeti_gluster_mon.view.fields import Special, Value
from tests.unit.view.test_listing import shown


def test_the_bricks() -> None:
    assert shown(
        "list-bricks", "brick", "subvolume", "arbiter", "status", "pid", "free", "heal", "kernel_name"
    ) == [
        "Brick                           Set Arbiter Status  PID Free Heal Disk",
        "node1.lab.test:/export/b2/dist2   1 N       online  120 319M    - ?",
        "node2.lab.test:/export/b2/dist2   2 N       online  121 319M    - ?",
        "node1.lab.test:/export/b1/gv0     1 N       online   89 1.8G    7 dm-3",
        "node2.lab.test:/export/b1/gv0     1 N       offline   -    -    ? ?",
        "node3.lab.test:/export/b1/gv0     1 Y       online   91    ?    6 ?",
        "node1.lab.test:/export/b2/old     1 N       stopped   -    -    - -",
        "node2.lab.test:/export/b2/old     1 N       stopped   -    -    - -",
        "node3.lab.test:/export/b2/old     1 N       stopped   -    -    - -",
    ]


def test_the_logical_volumes_of_this_nodes_bricks() -> None:
    assert shown("list-bricks", "brick", "lv", "pool_used")[:4] == [
        "Brick                           LV    PoolUsed",
        "node1.lab.test:/export/b2/dist2 ?     ?",
        "node2.lab.test:/export/b2/dist2 ?     ?",
        "node1.lab.test:/export/b1/gv0   vg/b1 47.0/21.0",
    ]


ON_LVM = BrickLvm(LogicalVolume("dm-3", "vg", "b1"), (), 1)


@pytest.mark.parametrize(
    ("changes", "lv", "used"),
    [
        ({}, None, None),
        ({"name": "dm-3"}, None, None),
        ({"name": "sdb"}, Special.UNAVAILABLE, Special.UNAVAILABLE),
        ({"lvm": ON_LVM}, "vg/b1", Special.UNAVAILABLE),
        ({"lvm": replace(ON_LVM, volume=replace(ON_LVM.volume, pool="tp"))}, "vg/b1", Special.NOT_KNOWN),
        ({"lvm": replace(ON_LVM, pools=(LvmPool("vg", "tp", "thin", 1, 96.54, 3.0),))}, "vg/b1", "96.5/3.0"),
        ({"lvm": replace(ON_LVM, pools=(LvmPool("vg", "v", "vdo", 1, 30.16),))}, "vg/b1", "30.2"),
        ({"lvm": replace(ON_LVM, pools=(LvmPool("vg", "tp", "thin"),))}, "vg/b1", None),
    ],
)
def test_a_brick_with_and_without_lvm(changes: Dict[str, Any], lv: Value, used: Value) -> None:
    brick = Brick("gv0", "node1", "/b", **changes)
    volume = Volume("gv0", "u", "replicate", "started", "tcp", (brick,), ())
    values = {field.name: field.value(BrickRow(brick, volume, None, None)) for field in FIELDS}
    assert (values["lv"], values["pool_used"]) == (lv, used)
