"""The comparison of bricks by what they contain."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Sequence

from ganeti_gluster_mon.deploy.remote import brick_contents, program
from tests.unit.deploy.test_heal_steps import count


def make(brick: Path, names: Sequence[str]) -> None:
    for name in names:
        path = brick / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 5000)


def test_bricks_are_compared_by_names_and_kinds_in_any_order(tmp_path: Path) -> None:
    make(
        tmp_path / "one",
        ["a", "d/b", "d/c", ".shard/1.1", ".glusterfs/00/1", ".glusterfs-anonymous-inode-1/x"],
    )
    make(tmp_path / "two", [".shard/1.1", "d/c", "d/b", "a", ".glusterfs/11/2", ".trashcan/y"])
    one, two = count(tmp_path / "one"), count(tmp_path / "two")
    assert one == two and one["entries"] == 6
    (tmp_path / "two" / "d" / "b").rename(tmp_path / "two" / "d" / "e")
    assert count(tmp_path / "two")["entries"] == 6 and count(tmp_path / "two") != one
    (tmp_path / "two" / "d" / "e").unlink()
    (tmp_path / "two" / "d" / "b").mkdir()
    assert count(tmp_path / "two")["entries"] == 6 and count(tmp_path / "two") != one


def test_the_sizes_of_a_brick(tmp_path: Path) -> None:
    make(tmp_path, ["a", "d/b"])
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1 << 30)
    parsed = count(tmp_path, "--sizes")
    allocated, filesystem, available = (parsed[name] for name in ("allocated", "filesystem", "available"))
    assert isinstance(allocated, int) and 10000 <= allocated < 1 << 20
    assert isinstance(filesystem, int) and isinstance(available, int) and filesystem >= available > 0


def test_a_brick_that_is_not_there_is_not_an_empty_one(tmp_path: Path) -> None:
    argv = [sys.executable, *program(brick_contents, str(tmp_path / "none"))[1:]]
    reply = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    assert (reply.returncode, reply.stdout) == (1, "")
    assert reply.stderr == f"{tmp_path}/none: No such file or directory\n"
