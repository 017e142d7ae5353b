"""The logical volume under a device, and the pools below it."""

from __future__ import annotations

from ganeti_gluster_mon.gluster.lvm import BrickLvm, LogicalVolume, LvmPool, LvmReport

THIN = LvmPool("vg", "tp", "thin", pool="vpool")
VDO = LvmPool("vg", "vpool", "vdo")
OTHER = LvmPool("other", "tp", "thin")
LV = LogicalVolume("dm-3", "vg", "b1", pool="tp")


def test_the_pools_one_below_the_other_in_its_own_volume_group() -> None:
    report = LvmReport(7, (LogicalVolume("dm-1", "vg", "root"), LV), (OTHER, VDO, THIN))
    assert report.under("dm-3") == BrickLvm(LV, (THIN, VDO), 7)
    assert report.under("dm-1") == BrickLvm(report.volumes[0], (), 7)
    assert report.under("dm-30") is None
    assert THIN.label == "vg/tp"


def test_pools_that_name_each_other_are_reported_once() -> None:
    below = LvmPool("vg", "vpool", "vdo", pool="tp")
    found = LvmReport(7, (LV,), (THIN, below)).under("dm-3")
    assert found is not None and found.pools == (THIN, below)
