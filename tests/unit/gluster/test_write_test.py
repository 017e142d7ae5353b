"""A small file is written to a mount, and removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import List, Tuple

import pytest

from ganeti_gluster_mon.gluster import mounts, write_test
from ganeti_gluster_mon.gluster.model import Mount

NAME = f".ganeti-gluster-mon.write-test.{os.uname().nodename}"


def run(directory: str, *argv: str) -> Tuple[int, List[str]]:
    program = [sys.executable, "-I", "-S", write_test.__file__, directory, *(argv or ("echo", "figures"))]
    done = subprocess.run(program, capture_output=True, text=True, timeout=20, check=False)
    return done.returncode, done.stdout.splitlines()


def test_the_other_program_runs_first_and_no_file_is_left(tmp_path: Path) -> None:
    assert run(str(tmp_path)) == (0, ["figures", "written"])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_a_killed_test_has_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("left")
    assert run(str(tmp_path))[1][-1] == "written"
    assert list(tmp_path.iterdir()) == []


def test_a_link_with_the_name_of_the_file_is_not_followed(tmp_path: Path) -> None:
    mount, guest = tmp_path / "mount", tmp_path / "guest"
    mount.mkdir()
    guest.write_text("a guest's disk")
    (mount / NAME).symlink_to(guest)
    assert run(str(mount))[1][-1] == "written"
    assert guest.read_text() == "a guest's disk"


def test_why_it_cannot_be_written() -> None:
    # no one creates a file there, not even root
    assert run("/proc")[1] == ["figures", "not written: No such file or directory"]


def test_nothing_is_written_where_the_other_program_fails(tmp_path: Path) -> None:
    assert run(str(tmp_path), "false") == (1, [])


def statvfs(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timeout: float = 10.0) -> Mount:
    """What a query with a test of writes finds at *path*, whose filesystem is taken for FUSE."""
    kind = subprocess.run(["stat", "-f", "-c", "%t", "--", path], check=True, capture_output=True).stdout
    monkeypatch.setattr(mounts, "_FUSE", kind.strip())
    (found,) = mounts.statvfs(
        [Mount("v", path, device_number="0:1")], timeout, str(tmp_path / "locks"), test_writes=True
    )
    return found


def test_the_figures_and_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = statvfs(str(tmp_path), tmp_path, monkeypatch)
    assert (found.answered, found.writable, found.write_failure) == (True, True, None)
    found = statvfs("/proc", tmp_path, monkeypatch)
    assert (found.answered, found.writable) == (True, False)
    assert found.write_failure == "No such file or directory"


def test_a_write_that_hangs_takes_no_figures_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "hangs.py"
    script.write_text(
        "import subprocess, sys, time\nsubprocess.run(sys.argv[2:], check=True)\ntime.sleep(60)\n"
    )
    monkeypatch.setattr(mounts, "write_test", SimpleNamespace(__file__=str(script)))
    found = statvfs(str(tmp_path), tmp_path, monkeypatch, timeout=2.0)
    assert (found.answered, found.writable) == (True, False)
    assert found.write_failure == "no answer within 2 s"
