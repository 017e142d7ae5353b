"""The heal index of a brick: files with attributes as GlusterFS sets them, on a filesystem of this machine.

tests/lab_tests/test_heal_index.py reads one of GlusterFS itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Optional

import pytest

from ganeti_gluster_mon.gluster import child, heal_index, heal_index_client
from ganeti_gluster_mon.gluster.heal_index_client import SHARDS, to_heal

#: of copies that lack data; and of a write that is under way
LACKS, DIRTY = b"\0\0\0\1" + bytes(8), b"\0\0\0\1" + bytes(8)


class Brick:
    """A brick with files, as GlusterFS lays them out."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.index = root / ".glusterfs" / "indices" / "xattrop"
        self.index.mkdir(parents=True)
        (self.index / f"xattrop-{uuid.uuid4()}").touch()

    def file(self, path: str, parent: str = str(uuid.uuid4()), pending: Optional[bytes] = None) -> str:
        """A file at *path*; *pending*: of the attribute for the second copy.  Returns its gfid."""
        gfid = str(uuid.uuid4())
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.setxattr(file, "trusted.gfid", uuid.UUID(gfid).bytes)
        os.setxattr(file, "trusted.gfid2path.0123456789abcdef", os.fsencode(f"{parent}/{file.name}"))
        os.setxattr(file, "trusted.afr.dirty", DIRTY)
        if pending is not None:
            os.setxattr(file, "trusted.afr.gv0-client-1", pending)
        link = self.root / ".glusterfs" / gfid[:2] / gfid[2:4] / gfid
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(file, link)
        return gfid

    def wait(self, gfid: str, index: str = "xattrop") -> None:
        place = self.index.with_name(index)
        place.mkdir(exist_ok=True)
        (place / gfid).touch()


@pytest.fixture
def brick(tmp_path: Path) -> Brick:
    try:
        os.setxattr(tmp_path, "trusted.test", b"x")
    except OSError as err:
        pytest.skip(f"no trusted attributes here: {err.strerror}")
    return Brick(tmp_path / "brick")


def test_the_disk_itself_and_its_shards_are_counted(brick: Brick) -> None:
    disk = brick.file("ganeti/a.0", pending=LACKS)
    other = brick.file("ganeti/b.0")
    brick.wait(disk)
    for number in (1, 2, 3):
        brick.wait(brick.file(f".shard/{disk}.{number}", SHARDS, LACKS))
    brick.wait(brick.file(f".shard/{other}.1", SHARDS, LACKS))
    brick.wait(brick.file("not-a-disk", pending=LACKS))
    assert to_heal(str(brick.root), ["ganeti/a.0", "ganeti/b.0", "ganeti/gone.0"]) == {
        "ganeti/a.0": 4,
        "ganeti/b.0": 1,
    }


def test_a_write_that_is_under_way_is_not_counted(brick: Brick) -> None:
    brick.wait(brick.file("ganeti/a.0"))
    brick.wait(brick.file("ganeti/b.0", pending=bytes(12)))
    assert to_heal(str(brick.root), ["ganeti/a.0", "ganeti/b.0"]) == {"ganeti/a.0": 0, "ganeti/b.0": 0}


def test_a_file_that_a_client_did_not_complete_is_counted_when_it_has_not_changed_for_a_minute(
    brick: Brick, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client ended meanwhile, and which copy lacks something was not written down."""
    disk = brick.file("ganeti/a.0")
    for number, index in ((1, "dirty"), (2, "xattrop"), (3, "dirty")):
        brick.wait(brick.file(f".shard/{disk}.{number}", SHARDS), index)
    both = brick.file(f".shard/{disk}.4", SHARDS, LACKS)
    for index in ("dirty", "xattrop"):
        brick.wait(both, index)
    clean = brick.file(f".shard/{disk}.5", SHARDS)
    os.setxattr(brick.root / f".shard/{disk}.5", "trusted.afr.dirty", bytes(12))
    brick.wait(clean, "dirty")
    assert to_heal(str(brick.root), ["ganeti/a.0"]) == {"ganeti/a.0": 1}
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + heal_index_client.UNCHANGED + 1)
    assert to_heal(str(brick.root), ["ganeti/a.0"]) == {"ganeti/a.0": 4}


def test_a_file_that_only_looks_like_a_shard_is_not_counted(brick: Brick) -> None:
    disk = brick.file("ganeti/a.0")
    brick.wait(brick.file(f"elsewhere/{disk}.1", pending=LACKS))
    brick.wait(brick.file(f".shard/{disk}.x", SHARDS, LACKS))
    assert to_heal(str(brick.root), ["ganeti/a.0"]) == {"ganeti/a.0": 0}


def test_an_entry_without_a_file_is_left_out(brick: Brick) -> None:
    brick.file("ganeti/a.0")
    brick.wait(str(uuid.uuid4()))
    (brick.index / "..%2f").touch()
    assert to_heal(str(brick.root), ["ganeti/a.0"]) == {"ganeti/a.0": 0}


def test_of_too_many_entries_nothing_is_known(brick: Brick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heal_index_client, "MOST_ENTRIES", 3)
    disk = brick.file("ganeti/a.0", pending=LACKS)
    brick.wait(disk)
    for _ in range(2):
        brick.wait(str(uuid.uuid4()))
    assert to_heal(str(brick.root), ["ganeti/a.0"]) == {"ganeti/a.0": 1}
    brick.wait(str(uuid.uuid4()))
    assert to_heal(str(brick.root), ["ganeti/a.0"]) is None


def run(*words: str) -> subprocess.CompletedProcess[bytes]:
    argv = [sys.executable, *heal_index.PROGRAM, *words]
    return subprocess.run(argv, capture_output=True, env=child.ENVIRONMENT, timeout=60, check=False)


def test_it_is_a_program_that_needs_nothing_of_the_package(brick: Brick) -> None:
    name = "ganeti/\udcff ö.0"
    brick.wait(brick.file(name, pending=LACKS))
    done = run(str(brick.root), name)
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, {name: 1}, b"")


def test_a_brick_that_is_not_there_is_not_known(tmp_path: Path) -> None:
    done = run(str(tmp_path / "gone"), "ganeti/a.0")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.count(b"\n") == 1
    assert heal_index.counts(done.stdout) == {}
