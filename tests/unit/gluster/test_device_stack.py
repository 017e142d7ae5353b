"""The devices under a device, by a tree like sysfs."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Tuple

import pytest

from ganeti_gluster_mon.gluster.device_stack import LvmDevices, lvm_devices, physical_volumes

VG, OTHER_VG, LV = "g" * 32, "h" * 32, "v" * 32

#: by name: the name and the uuid that the device mapper has, and the devices below
Tree = Dict[str, Tuple[str, str, str]]

#: a thin volume on two disks, one of them by multipath, and a linear one on the same volume group
THIN: Tree = {
    "dm-0": ("vg-tp_tmeta", f"LVM-{VG}{LV}-tmeta", "sda3"),
    "dm-1": ("vg-tp_tdata", f"LVM-{VG}{LV}-tdata", "dm-9"),
    "dm-2": ("vg-tp-tpool", f"LVM-{VG}{LV}-tpool", "dm-0 dm-1"),
    "dm-3": ("vg-b1", f"LVM-{VG}{LV}", "dm-2"),
    "dm-4": ("vg-root", f"LVM-{VG}{LV}", "cciss/c0d0p1"),
    "dm-5": ("luks-b1", "CRYPT-LUKS2-0b4-luks-b1", "dm-3"),
    "dm-6": ("other-x", f"LVM-{OTHER_VG}{LV}", "sdz"),
    "dm-9": ("mpatha", "mpath-36001405", "sdb sdc"),
}


def sysfs(top: Path, tree: Tree) -> str:
    for name, (mapped, uuid, below) in tree.items():
        directory = top / "class/block" / name
        (directory / "dm").mkdir(parents=True)
        (directory / "dm/name").write_text(f"{mapped}\n")
        (directory / "dm/uuid").write_text(f"{uuid}\n")
        for each in below.split():
            (directory / "slaves" / each.replace("/", "!")).mkdir(parents=True)
    for disk in ("sda3", "sdb"):
        (top / "class/block" / disk).mkdir()
    return str(top)


@pytest.mark.parametrize(
    ("name", "volume", "pool"),
    [
        ("dm-3", "dm-3", "dm-2"),
        ("dm-5", "dm-3", "dm-2"),
        ("dm-4", "dm-4", None),
        ("dm-9", None, None),
        ("sda3", None, None),
        ("gone", None, None),
        ("cciss/c0d0p1", None, None),
    ],
)
def test_the_logical_volume_and_the_pool_under_a_device(
    tmp_path: Path, name: str, volume: str, pool: str
) -> None:
    assert lvm_devices(name, sysfs(tmp_path, THIN)) == LvmDevices(volume, pool)


def test_a_vdo_pool(tmp_path: Path) -> None:
    tree = {
        "dm-1": ("vg-vpool0-vpool", f"LVM-{VG}{LV}-vpool", "dm-0"),
        "dm-2": ("vg-vdo0", f"LVM-{VG}{LV}", "dm-1"),
    }
    assert lvm_devices("dm-2", sysfs(tmp_path, tree)) == LvmDevices("dm-2", "dm-1")


@pytest.mark.parametrize("uuid", ["", "LVM-", f"LVM-{VG}", f"xLVM-{VG}{LV}", "part1-mpath-3600"])
def test_what_is_not_of_lvm(tmp_path: Path, uuid: str) -> None:
    assert lvm_devices("dm-0", sysfs(tmp_path, {"dm-0": ("x", uuid, "sda3")})) == LvmDevices()


def test_devices_that_stand_on_each_other_end(tmp_path: Path) -> None:
    tree = {"dm-0": ("a", "x", "dm-1"), "dm-1": ("b", f"LVM-{VG}{LV}", "dm-0")}
    assert lvm_devices("dm-0", sysfs(tmp_path, tree)) == LvmDevices("dm-1", None)


def test_the_disks_of_a_volume_group_are_those_of_all_its_logical_volumes(tmp_path: Path) -> None:
    sys = sysfs(tmp_path, THIN)
    assert physical_volumes(["dm-3"], sys) == ("/dev/cciss/c0d0p1", "/dev/mapper/mpatha", "/dev/sda3")
    assert physical_volumes(["dm-6"], sys) == ("/dev/sdz",)
    assert physical_volumes(["dm-9", "gone"], sys) == physical_volumes([], sys) == ()


@pytest.mark.parametrize("disk", ["loop0", "loop12p1", "drbd3", "rbd0", "nbd1"])
def test_a_disk_that_may_hang_is_never_named(tmp_path: Path, disk: str) -> None:
    tree = {"dm-0": ("vg-b1", f"LVM-{VG}{LV}", f"{disk} sda3")}
    assert physical_volumes(["dm-0"], sysfs(tmp_path, tree)) == ("/dev/sda3",)
