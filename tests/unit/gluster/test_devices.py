"""The kernel's name of a block device."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ganeti_gluster_mon.gluster.devices import kernel_name, kernel_names


def a_block_device() -> str:
    for entry in sorted(os.listdir("/sys/class/block")):
        path = f"/dev/{entry}"
        if os.path.exists(path):
            return path
    pytest.skip("this machine has no block device in /dev")


def test_a_block_device_has_its_name_in_sysfs() -> None:
    device = a_block_device()
    assert kernel_name(device) == os.path.basename(device)


@pytest.mark.parametrize(
    "device",
    [
        "",
        "tmpfs",
        "/dev/null",
        "/dev/no-such-device",
        "/dev/../etc/passwd",
        "/dev/a\0b",
        "/dev/\udcff",
        "/devil/sda",
    ],
)
def test_anything_else_has_none(device: str) -> None:
    assert kernel_name(device) is None


def test_a_link_that_leads_out_of_dev_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = a_block_device()
    monkeypatch.setattr(os.path, "realpath", lambda path: str(tmp_path / "b"))
    assert kernel_name(device) is None


def test_a_slash_of_the_kernels_name_is_written_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    device = a_block_device()
    monkeypatch.setattr(os, "readlink", lambda path: "../../devices/block/cciss!c0d0")
    assert kernel_name(device) == "cciss/c0d0"


def test_what_is_no_block_device_is_left_out() -> None:
    device = a_block_device()
    assert kernel_names([device, "/dev/null"]) == {device: os.path.basename(device)}
