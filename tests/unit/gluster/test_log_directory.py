"""The size of the directory of logs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ganeti_gluster_mon.gluster.log_directory import directory_size


def tree(top: Path) -> Path:
    (top / "bricks").mkdir(parents=True)
    (top / "glusterd.log").write_bytes(b"x" * 10_000)
    (top / "bricks/b1.log.1.gz").write_bytes(b"x" * 100)
    os.link(top / "glusterd.log", top / "bricks/same.log")
    return top


def test_it_is_what_du_counts(tmp_path: Path) -> None:
    top = tree(tmp_path / "logs")
    # a directory itself is counted by du alone
    found = subprocess.run(
        ["find", str(top), "-type", "f", "-exec", "du", "--block-size=1", "--total", "{}", "+"],
        check=True, capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    directories = sum(512 * (top / name).stat().st_blocks for name in ("bricks",))
    assert directory_size(str(top)) == int(found.stdout.split()[-2]) + directories


def test_symlinks_are_not_followed(tmp_path: Path) -> None:
    top, elsewhere = tree(tmp_path / "logs"), tree(tmp_path / "elsewhere")
    before = directory_size(str(top))
    (top / "link").symlink_to(elsewhere)
    (top / "loop").symlink_to(".")
    links = sum(512 * (top / name).lstat().st_blocks for name in ("link", "loop"))
    assert before is not None
    assert directory_size(str(top)) == before + links


def test_a_part_is_no_size(tmp_path: Path) -> None:
    top = tree(tmp_path / "logs")
    assert directory_size(str(top), most=4) is not None
    assert directory_size(str(top), most=3) is None
    assert directory_size(str(tmp_path / "none")) is None


def test_another_filesystem_is_not_entered() -> None:
    size, of_process = directory_size("/dev"), directory_size("/proc/self/fd")
    assert size is None or size < 1 << 40
    assert of_process is None or of_process < 1 << 40
