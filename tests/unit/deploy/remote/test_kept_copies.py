"""Copies that were kept aside on a device."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

from ganeti_gluster_mon.deploy.remote import kept_copies, program

KEPT = ".ganeti-gluster-mon-kept"


def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    table = tmp_path / "mountinfo"
    table.write_text("".join(f"{line}\n" for line in lines))
    monkeypatch.setattr(kept_copies, "_MOUNTS", str(table))


def test_the_copies_on_a_mounted_device_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = os.stat("/dev/null").st_rdev
    device, point = f"{os.major(number)}:{os.minor(number)}", tmp_path / "brick 1"
    copy = point / KEPT / "gv0" / "ganeti" / "1.0.17"
    copy.parent.mkdir(parents=True)
    copy.touch()
    mounts(
        tmp_path,
        monkeypatch,
        "22 1 0:1 / / rw - ext4 /dev/sda1 rw",
        f"23 22 {device} /sub /elsewhere rw - xfs /dev/vdb rw",
        f"24 22 {device} / {str(point).replace(' ', chr(92) + '040')} rw shared:1 - xfs /dev/vdb rw",
    )
    assert kept_copies.kept_copies("/dev/null", KEPT) == {"mounted": True, "files": [str(copy)]}
    copy.unlink()
    assert kept_copies.kept_copies("/dev/null", KEPT) == {"mounted": True, "files": []}
    assert kept_copies.kept_copies("/dev/null", "missing") == {"mounted": True, "files": []}


def test_many_copies_are_cut_and_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    for number in range(1010):
        (tmp_path / str(number)).touch()
    assert len(kept_copies.files_below(str(tmp_path))) == 1000
    with pytest.raises(NotADirectoryError):
        kept_copies.files_below(str(tmp_path / "1"))


def run(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, *program(kept_copies, *words)[1:]]
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=20)


def test_a_device_that_is_not_mounted_or_not_there() -> None:
    found: Dict[str, Any] = json.loads(run("/dev/null", KEPT).stdout)
    assert found == {"mounted": False, "files": []}
    done = run("/dev/nope", KEPT)
    assert (done.returncode, done.stderr) == (1, "/dev/nope: No such file or directory\n")
