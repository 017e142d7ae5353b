"""This node's bricks, as glusterd's own files tell of them, and which of them has a disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ganeti_gluster_mon.backend.local_bricks import holds, local_bricks

DISK = "ganeti/0a1b.0"


@pytest.fixture
def glusterd(tmp_path: Path) -> Path:
    """What glusterd keeps of a volume with two bricks here and one on node2."""
    (tmp_path / "glusterd.info").write_text("UUID=u1\noperating-version=100000\n")
    bricks = tmp_path / "vols" / "gv0" / "bricks"
    bricks.mkdir(parents=True)
    for name, host, uuid, path in (
        ("node1.lab.test:-b-1", "Node1.lab.test", "u1", "/b/1"),
        ("node1.lab.test:-b-2", "node1.lab.test", "u1", "/b/2=x"),
        ("node2.lab.test:-b-1", "node2.lab.test", "u2", "/b/1"),
    ):
        (bricks / name).write_text(f"uuid={uuid}\nhostname={host}\npath={path}\nlisten-port=0\nnonsense\n")
    return tmp_path


@pytest.mark.parametrize(
    ("server", "ours"),
    [
        ("127.0.0.1", True),
        ("127.0.0.5", True),
        ("::1", True),
        ("localhost", True),
        ("/var/run/glusterd.socket", True),
        ("node1.lab.test", True),
        ("node2.lab.test", True),
        ("192.0.2.7", False),
        ("elsewhere.example.org", False),
    ],
)
def test_only_of_this_pool(glusterd: Path, server: str, ours: bool) -> None:
    found = sorted(local_bricks(server, "gv0", str(glusterd)))
    assert found == (["/b/1", "/b/2=x"] if ours else [])


def test_nothing_there_is_nothing_known(glusterd: Path, tmp_path: Path) -> None:
    assert local_bricks("127.0.0.1", "gv1", str(glusterd)) == []
    assert local_bricks("127.0.0.1", "gv0", str(tmp_path / "none")) == []
    (glusterd / "glusterd.info").write_text("")
    assert local_bricks("127.0.0.1", "gv0", str(glusterd)) == []


def test_a_brick_holds_a_disk_if_it_is_a_file_with_data(tmp_path: Path) -> None:
    brick = str(tmp_path)
    (tmp_path / "ganeti").mkdir()
    assert not holds(brick, DISK)
    (tmp_path / DISK).touch()
    (tmp_path / DISK).chmod(0o600)
    assert holds(brick, DISK)
    (tmp_path / DISK).chmod(0o1000)
    assert not holds(brick, DISK), "it points to another brick"
    assert not holds(brick, "ganeti")


def test_no_way_leads_out_of_a_brick(tmp_path: Path) -> None:
    brick, outside = tmp_path / "brick", tmp_path / "outside"
    brick.mkdir()
    outside.mkdir()
    (outside / "a.0").touch()
    os.symlink(outside, brick / "way")
    os.symlink(outside / "a.0", brick / "a.0")
    for path in ("way/a.0", "a.0", "../outside/a.0", str(outside / "a.0")):
        assert not holds(str(brick), path)
