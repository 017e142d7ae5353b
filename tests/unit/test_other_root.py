"""The root of another release: tests wait for one that is being made, and report why there is none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Dict

import pytest

from tests.lab.other_root import ArchiveUnreachable, made
from tests.lab.waiting import LabError, LabTimeout

SCRIPT = Path(__file__).parents[2] / "scripts" / "make-lab-root"


def make(root: Path, programs: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script, with *programs* before those of the machine."""
    path: Dict[str, str] = {"PATH": f"{programs}:{os.environ['PATH']}", **environment}
    return subprocess.run(
        [str(SCRIPT), "13", str(root), "glusterfs-server"],
        env=path,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def program(directory: Path, name: str, text: str) -> None:
    path = directory / name
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Those that a root is made by: an archive that is reached, and an installation that succeeds."""
    directory = tmp_path / "bin"
    directory.mkdir()
    program(directory, "id", "echo 0")
    program(directory, "curl", "exit 0")
    # the directory is the second word after the options
    program(directory, "mmdebstrap", 'while [[ $1 == --* ]]; do shift; done; mkdir -p "$2/usr"')
    return directory


def test_a_root_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    assert made(tmp_path / "root") == tmp_path / "root"


def test_none_was_made(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="root is missing: make lab-root DEBIAN=13"):
        made(tmp_path / "root")


def test_one_that_is_being_made_is_waited_for(tmp_path: Path, programs: Path) -> None:
    root = tmp_path / "root"
    os.mkfifo(tmp_path / "gate")
    program(
        programs,
        "mmdebstrap",
        f'while [[ $1 == --* ]]; do shift; done; read <{tmp_path}/gate; mkdir -p "$2/usr"',
    )
    maker = subprocess.Popen(
        [str(SCRIPT), "13", str(root), "x"],
        env={"PATH": f"{programs}:{os.environ['PATH']}"},
        stderr=subprocess.PIPE,
    )
    with maker, open(tmp_path / "gate", "w") as gate:  # which mmdebstrap has opened, too
        with pytest.raises(LabTimeout, match="make-lab-root"):
            made(root, 0)
        gate.write("go\n")
        gate.flush()
        assert made(root, 30) == root
    assert maker.returncode == 0


def test_an_archive_that_cannot_be_reached(tmp_path: Path, programs: Path) -> None:
    program(programs, "curl", "echo 'curl: (6) Could not resolve host: deb.debian.org' >&2; exit 6")
    ran = make(tmp_path / "root", programs)
    assert ran.returncode == 3
    assert "http://deb.debian.org/debian cannot be reached: curl: (6) Could not resolve host" in ran.stderr
    with pytest.raises(ArchiveUnreachable, match=r"deb\.debian\.org/debian cannot be reached: curl: \(6\)"):
        made(tmp_path / "root")
    # once it is reached, that is forgotten
    program(programs, "curl", "exit 0")
    assert make(tmp_path / "root", programs).returncode == 0
    assert made(tmp_path / "root").is_dir()
    assert not list(tmp_path.glob("*.unreachable"))


def test_an_installation_that_fails(tmp_path: Path, programs: Path) -> None:
    program(programs, "mmdebstrap", "echo 'E: Unable to locate package glusterfs-server' >&2; exit 1")
    ran = make(tmp_path / "root", programs)
    assert ran.returncode == 1
    assert "Unable to locate package" in ran.stderr
    with pytest.raises(LabError) as error:
        made(tmp_path / "root")
    assert not isinstance(error.value, ArchiveUnreachable)


def test_hosts_go_on_with_the_former_root(tmp_path: Path, programs: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "used").touch()
    used = os.open(root, os.O_PATH)  # as a mount has it
    assert make(root, programs).returncode == 0
    assert (root / "usr").is_dir()
    assert not (root / "used").exists()
    assert os.stat("used", dir_fd=used)
    os.close(used)


def test_a_root_of_the_same_packages_needs_no_archive(tmp_path: Path, programs: Path) -> None:
    assert make(tmp_path / "root", programs).returncode == 0
    program(programs, "curl", "exit 6")
    assert make(tmp_path / "root", programs).returncode == 0
