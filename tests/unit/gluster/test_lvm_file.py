"""The file in which what `lvs` reports is left for the poller."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Dict

import pytest

from ganeti_gluster_mon.gluster.lvm import LogicalVolume, LvmPool, LvmReport
from ganeti_gluster_mon.gluster.lvm_file import read_lvm_file, remove_lvm_file, write_lvm_file

REPORT = LvmReport(
    5, (LogicalVolume("dm-3", "vg", "b1", 1, 2, 3, "tp"),), (LvmPool("vg", "tp", "thin", 9, 96.5),)
)


def boottime() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def test_it_comes_back_with_its_time_by_the_clock_of_now(tmp_path: Path) -> None:
    path = str(tmp_path / "lvm.json")
    write_lvm_file(path, REPORT, boottime() - 60 * 10**9)
    found = read_lvm_file(path)
    assert found is not None
    assert (found.volumes, found.pools) == (REPORT.volumes, REPORT.pools)
    assert 60 <= (time.time_ns() - found.taken_at) / 1e9 < 90
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["lvm.json"]
    remove_lvm_file(path)
    remove_lvm_file(path)
    assert read_lvm_file(path) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"format_version": 2},
        {"boottime": None},
        {"boottime": -1},
        # of an earlier boot
        {"boottime": 2**62},
        {"taken_at": "yesterday"},
        {"volumes": {}},
        {"volumes": [{"device": 3}]},
        {"pools": [{"vg": "vg", "name": "tp", "type": "thin", "data_percent": 101}]},
        {"pools": [{"vg": "vg", "name": "tp", "type": "thin", "size": float("inf")}]},
    ],
)
def test_a_report_that_is_malformed_is_none(tmp_path: Path, changes: Dict[str, Any]) -> None:
    path = tmp_path / "lvm.json"
    write_lvm_file(str(path), REPORT, boottime())
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    assert read_lvm_file(str(path)) is None


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 200_000, b" " * (5 << 20)])
def test_what_is_no_report_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "lvm.json").write_bytes(content)
    assert read_lvm_file(str(tmp_path / "lvm.json")) is None


def test_a_link_and_a_fifo_are_not_read(tmp_path: Path) -> None:
    write_lvm_file(str(tmp_path / "elsewhere"), REPORT, boottime())
    (tmp_path / "link").symlink_to("elsewhere")
    os.mkfifo(tmp_path / "fifo")
    assert read_lvm_file(str(tmp_path / "elsewhere")) is not None
    assert read_lvm_file(str(tmp_path / "link")) is read_lvm_file(str(tmp_path / "fifo")) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another user")
def test_a_file_of_another_user_is_not_read(tmp_path: Path) -> None:
    path = str(tmp_path / "lvm.json")
    write_lvm_file(path, REPORT, boottime())
    os.chown(path, 65534, 65534)
    assert read_lvm_file(path) is None
