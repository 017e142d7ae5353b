"""scripts/dropin puts our module in the place of Ganeti's, and that back again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[4]
OWN = "# Ganeti's own\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Below it there is as much of Ganeti as matters, in a path that a shell could take amiss."""
    root = tmp_path / "a $(reboot) 'b'"
    storage = root / "usr/share/ganeti/3.0/ganeti/storage"
    storage.mkdir(parents=True)
    (storage / "gluster.py").write_text(OWN)
    return root


def dropin(root: Path, what: str, code: int = 0) -> str:
    argv = [str(REPOSITORY / "scripts" / "dropin"), what]
    ran = subprocess.run(
        argv, env={**os.environ, "DESTDIR": str(root)}, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == code, ran.stderr
    return ran.stderr


def module(root: Path) -> Path:
    return root / "usr/share/ganeti/3.0/ganeti/storage/gluster.py"


def package(root: Path) -> Path:
    return root / "usr/lib/python3/dist-packages/ganeti_gluster_mon"


def test_it_is_put_there_and_taken_away(root: Path) -> None:
    ours = (REPOSITORY / "ganeti_gluster_mon/backend/blockdev/dropin/gluster.py").read_text()
    for _ in range(2):
        dropin(root, "install")
        assert module(root).read_text() == ours
        assert module(root).with_suffix(".py.distrib").read_text() == OWN
    code = "import ganeti_gluster_mon.backend.volume as v; print(v.__file__)"
    environment = {"PYTHONPATH": str(package(root).parent), "PATH": os.environ["PATH"]}
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.startswith(str(package(root)))
    for _ in range(2):
        dropin(root, "remove")
        assert module(root).read_text() == OWN
        assert not package(root).exists()
        assert [each.name for each in module(root).parent.iterdir()] == ["gluster.py"]


def test_what_a_package_brought_is_left_alone(root: Path) -> None:
    package(root).mkdir(parents=True)
    (package(root) / "__init__.py").write_text("# the Debian package's\n")
    assert "is there already, and not by this script" in dropin(root, "install", 1)
    assert module(root).read_text() == OWN
    dropin(root, "remove")
    assert (package(root) / "__init__.py").exists()


def test_without_ganeti_it_says_so(tmp_path: Path) -> None:
    for what in ("install", "remove"):
        assert "there is no Ganeti 3 below" in dropin(tmp_path, what, 1)
    assert list(tmp_path.iterdir()) == []


def test_with_nonsense_it_says_what_it_takes(root: Path) -> None:
    assert dropin(root, "replace", 2) == "usage: dropin install|remove\n"
    assert module(root).read_text() == OWN
