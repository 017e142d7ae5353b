"""A file is replaced as a whole, or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import List

import pytest

from ganeti_gluster_mon import atomic_file


def test_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "file"
    before = os.umask(0o077)
    try:
        atomic_file.write(str(path), b"one", mode=0o640, group=os.getegid())
    finally:
        os.umask(before)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"one", 0o640)


def test_what_a_killed_process_left_is_replaced_and_no_link_is_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"keep")
    (tmp_path / f".file.{os.getpid()}").symlink_to(other)
    (tmp_path / "file").symlink_to(other)
    atomic_file.write(str(tmp_path / "file"), b"new")
    assert (other.read_bytes(), (tmp_path / "file").read_bytes()) == (b"keep", b"new")
    assert sorted(os.listdir(tmp_path)) == ["file", "other"]


def test_a_failure_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        atomic_file.write(str(path), b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("durable", [False, True])
def test_only_a_durable_file_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    synced: List[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    atomic_file.write(str(tmp_path / "file"), b"new", durable=durable)
    assert len(synced) == durable


def test_relative_to_a_directory(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        atomic_file.write("file", b"new", directory=directory)
    finally:
        os.close(directory)
    assert (tmp_path / "file").read_bytes() == b"new"
