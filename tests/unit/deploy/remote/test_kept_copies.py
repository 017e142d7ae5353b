"""Copies that were kept aside on a device."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

from ganeti_gluster_mon.deploy.remote import kept_copies, program

KEPT = ".ganeti-gluster-mon-kept"
NOTHING: Dict[str, Any] = {"files": [], "unmounted": []}


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
    assert kept_copies.kept_copies("/dev/null", KEPT) == {
        "files": [str(copy)],
        "unmounted": [],
    }
    copy.unlink()
    assert kept_copies.kept_copies("/dev/null", KEPT) == NOTHING
    assert kept_copies.kept_copies("/dev/null", "missing") == NOTHING


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
    assert found == NOTHING
    done = run("/dev/nope", KEPT)
    assert (done.returncode, done.stderr) == (1, "/dev/nope: No such file or directory\n")


@pytest.fixture(params=["xfs", "ext4"])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A filesystem in a file, with the directory KEPT in it."""
    path = tmp_path / "image"
    with open(path, "wb") as file:
        file.truncate(320 << 20)
    content = tmp_path / "content"
    (content / KEPT / "gv0").mkdir(parents=True)
    if request.param == "xfs":
        protofile = tmp_path / "proto"
        protofile.write_text(f"/dev/null\n0 0\nd--755 0 0\n{KEPT} d--755 0 0\n$\n$\n")
        make = ["mkfs.xfs", "-q", "-p", str(protofile), str(path)]
    else:
        make = ["mkfs.ext4", "-q", "-d", str(content), str(path)]
    path_of_tools = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    if shutil.which(make[0], path=path_of_tools["PATH"]) is None:
        pytest.skip(f"{make[0]} is not installed")
    subprocess.run(make, check=True, env=path_of_tools, timeout=60)
    return path


def test_an_unmounted_filesystem_is_looked_into(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    assert kept_copies.has_directory(str(image), KEPT)
    assert not kept_copies.has_directory(str(image), "missing")


def test_what_cannot_be_looked_into_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"blkid": "echo xfs", "xfs_db": "echo 'xfs_db: cannot read' >&2; exit 1"}
    for name, script in answers.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(OSError, match="xfs_db: xfs_db: cannot read"):
        kept_copies.has_directory("/dev/null", KEPT)
    (tmp_path / "blkid").write_text("#!/bin/sh\necho ext4\n")
    (tmp_path / "debugfs").write_text("#!/bin/sh\necho 'while trying to open' >&2\n")
    (tmp_path / "debugfs").chmod(0o755)
    with pytest.raises(OSError, match="debugfs: while trying to open"):
        kept_copies.has_directory("/dev/null", KEPT)
    (tmp_path / "debugfs").write_text("#!/bin/sh\nexec sleep 10\n")
    monkeypatch.setattr(kept_copies, "_TIMEOUT", 0.2)
    with pytest.raises(OSError, match=r"debugfs: no answer within 0.2 s"):
        kept_copies.has_directory("/dev/null", KEPT)


def test_partitions_are_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_copies, "partitions", lambda device: [f"{device}1", f"{device}2"])
    monkeypatch.setattr(kept_copies, "mount_points", lambda device: [])
    monkeypatch.setattr(kept_copies, "has_directory", lambda device, directory: device.endswith("2"))
    assert kept_copies.kept_copies("/dev/vdb", KEPT) == {"files": [], "unmounted": ["/dev/vdb2"]}
    monkeypatch.undo()
    assert kept_copies.partitions("/dev/null") == []
