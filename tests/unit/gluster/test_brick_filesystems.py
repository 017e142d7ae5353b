"""The filesystems under bricks, by the text of mountinfo and a tree like sysfs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, Optional

import pytest

from ganeti_gluster_mon.gluster import brick_filesystems
from ganeti_gluster_mon.gluster.brick_filesystems import BrickFilesystem, found_in

MOUNTINFO = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 252:3 / /export/b1 rw,noatime shared:9 - ext4 /dev/mapper/vg-b1 rw
31 22 252:4 / /export/b2 rw,noatime shared:9 - btrfs /dev/mapper/vg-b2 rw
32 22 252:9 / /export/hidden rw - xfs /dev/mapper/vg-old rw
33 22 252:5 / /export/hidden rw - xfs /dev/mapper/vg-new rw
34 22 0:44 / /export/tmp rw - tmpfs tmpfs rw
35 22 8:2 / /export/with\\040blank rw - ext4 /dev/sdc rw
"""
UUID = "5f2d9f2c-5b2a-4a51-8e77-0e1f6f3a9d11"
STATS = "write_errs %d\nread_errs 2\nflush_errs 0\ncorruption_errs 0\ngeneration_errs 0\n"


@pytest.fixture
def kernel_names(monkeypatch: pytest.MonkeyPatch) -> Dict[str, Optional[str]]:
    names: Dict[str, Optional[str]] = {"/dev/mapper/vg-b1": "dm-3", "/dev/mapper/vg-b2": "dm-4"}
    monkeypatch.setattr(brick_filesystems, "kernel_name", names.get)
    return names


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def sysfs(top: Path) -> str:
    write(top / "fs/ext4/dm-3/errors_count", "7\n")
    write(top / f"fs/btrfs/{UUID}/devices/dm-4", "")
    write(top / f"fs/btrfs/{UUID}/devinfo/1/error_stats", STATS % 1)
    write(top / f"fs/btrfs/{UUID}/devinfo/2/error_stats", STATS % 0)
    (top / "fs/btrfs/features").mkdir()
    return str(top)


def errors(path: str, sys: str) -> Optional[int]:
    (found,) = found_in(MOUNTINFO, [path], sys)
    return found.errors


def test_a_brick_has_the_filesystem_that_its_directory_is_on(
    kernel_names: Dict[str, Optional[str]], tmp_path: Path
) -> None:
    found = found_in(MOUNTINFO, ["/export/b1/gv0", "/srv/brick", "/export/b1"], sysfs(tmp_path))
    assert found == (
        BrickFilesystem("/export/b1/gv0", "/export/b1", "ext4", "/dev/mapper/vg-b1", "dm-3", 7),
        BrickFilesystem("/srv/brick", "/", "ext4", "/dev/sda1"),
        BrickFilesystem("/export/b1", "/export/b1", "ext4", "/dev/mapper/vg-b1", "dm-3", 7),
    )


def test_the_logical_volume_and_the_pool_under_a_brick(
    kernel_names: Dict[str, Optional[str]], tmp_path: Path
) -> None:
    vg, lv = "g" * 32, "v" * 32
    write(tmp_path / "class/block/dm-3/dm/uuid", f"LVM-{vg}{lv}\n")
    write(tmp_path / "class/block/dm-3/slaves/dm-2", "")
    write(tmp_path / "class/block/dm-2/dm/uuid", f"LVM-{vg}{lv}-tpool\n")
    thin, plain = found_in(MOUNTINFO, ["/export/b1/gv0", "/export/b2/gv0"], str(tmp_path))
    assert (thin.logical_volume, thin.pool_device) == ("dm-3", "dm-2")
    assert (plain.logical_volume, plain.pool_device) == (None, None)


def test_a_mount_hides_the_one_before_it_and_names_are_decoded(
    kernel_names: Dict[str, Optional[str]], tmp_path: Path
) -> None:
    (found,) = found_in(MOUNTINFO, ["/export/hidden/b"], str(tmp_path))
    assert found.device == "/dev/mapper/vg-new"
    (found,) = found_in(MOUNTINFO, ["/export/with blank/b"], str(tmp_path))
    assert (found.mount, found.device) == ("/export/with blank", "/dev/sdc")


def test_what_is_no_block_device_is_left_out(tmp_path: Path) -> None:
    assert found_in(MOUNTINFO, ["/export/tmp/b"], str(tmp_path)) == ()
    assert found_in("nonsense\n", ["/export/b1"], str(tmp_path)) == found_in("", ["/b"], str(tmp_path)) == ()


def test_btrfs_errors_are_those_of_all_its_devices(
    kernel_names: Dict[str, Optional[str]], tmp_path: Path
) -> None:
    sys = sysfs(tmp_path)
    assert errors("/export/b2/v", sys) == 5
    (tmp_path / f"fs/btrfs/{UUID}/devinfo/2/error_stats").write_text("stats not available\n")
    assert errors("/export/b2/v", sys) is None
    (tmp_path / f"fs/btrfs/{UUID}/devices/dm-4").unlink()
    assert errors("/export/b2/v", sys) is None


@pytest.mark.parametrize("text", ["", "many\n", "-1\n", "9" * 40])
def test_a_count_that_is_none(kernel_names: Dict[str, Optional[str]], tmp_path: Path, text: str) -> None:
    sys = sysfs(tmp_path)
    (tmp_path / "fs/ext4/dm-3/errors_count").write_text(text)
    assert errors("/export/b1/gv0", sys) is None


def test_xfs_and_a_kernel_without_counts(kernel_names: Dict[str, Optional[str]], tmp_path: Path) -> None:
    kernel_names["/dev/mapper/vg-new"] = "dm-5"
    assert errors("/export/hidden/b", sysfs(tmp_path)) is None
    assert (
        errors("/export/b2/v", str(tmp_path / "none"))
        is errors("/export/b1/v", str(tmp_path / "none"))
        is None
    )


def test_this_node(tmp_path: Path) -> None:
    assert brick_filesystems.brick_filesystems([]) == ()
    for each in brick_filesystems.brick_filesystems([str(tmp_path)]):
        assert str(tmp_path).startswith(each.mount) and each.device.startswith("/dev/")


def test_a_brick_whose_mount_of_fstab_is_missing(
    kernel_names: Dict[str, Optional[str]], tmp_path: Path
) -> None:
    listed = ("/export", "/export/b1", "/export/gone", "/var/lib")

    def missing(path: str) -> Optional[str]:
        (found,) = found_in(MOUNTINFO, [path], str(tmp_path), listed)
        return found.not_mounted

    assert missing("/export/b1/gv0") is None
    assert missing("/export/gone/gv0") == "/export/gone"
    assert missing("/export/gone") == "/export/gone"
    assert missing("/export/gone2/gv0") == "/export"
    assert missing("/srv/brick") is None
    # the root filesystem may be no block device's
    overlay = "22 1 0:9 / / rw - overlay overlay rw\n"
    (found,) = found_in(overlay, ["/export/gone/gv0"], str(tmp_path), listed)
    assert (found.mount, found.device, found.name, found.not_mounted) == (
        "/",
        "overlay",
        None,
        "/export/gone",
    )
    assert found_in(overlay, ["/srv/brick"], str(tmp_path), listed) == ()


def test_a_mount_point_of_fstab_may_be_behind_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "data/b1").mkdir(parents=True)
    (tmp_path / "link").symlink_to("data")
    real = tmp_path.resolve() / "data/b1"
    mountinfo = f"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 8:2 / {real} rw - xfs /dev/sdb rw\n"
    paths, listed = [f"{tmp_path}/link/b1/gv0"], (f"{tmp_path}/link/b1",)
    (found,) = found_in(mountinfo, paths, str(tmp_path), listed)
    assert found.not_mounted is None
    (found,) = found_in(mountinfo.splitlines()[0], paths, str(tmp_path), listed)
    assert found.not_mounted == listed[0]


def test_the_record_on_a_mount_point_is_read_where_fstab_has_no_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def getxattr(path: str, name: str, *, follow_symlinks: bool) -> bytes:
        if (path, name) != ("/export/gone", brick_filesystems.RECORD):
            raise OSError(61, "No data available")
        return b"uuid"

    monkeypatch.setattr(os, "getxattr", getxattr)
    (found,) = found_in(MOUNTINFO, ["/export/gone/sub/gv0"], str(tmp_path))
    assert found.not_mounted == "/export/gone"
    # a filesystem that may hang receives no request
    (found,) = found_in(MOUNTINFO, ["/export/b1/gv0"], str(tmp_path))
    assert found.not_mounted is None


def test_fstab_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    table = tmp_path / "fstab"
    table.write_text(f"UUID=1 {tmp_path}/gone xfs defaults 0 0\n")
    monkeypatch.setattr(brick_filesystems, "_FSTAB", str(table))
    (found,) = brick_filesystems.brick_filesystems([f"{tmp_path}/gone/gv0"])
    assert found.not_mounted == f"{tmp_path}/gone"
    table.unlink()
    assert all(
        each.not_mounted is None for each in brick_filesystems.brick_filesystems([f"{tmp_path}/gone/gv0"])
    )
