"""Looking at disks: on real files, with a `stat` that hangs, and by a client that does or does not answer."""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, List, Optional, Sequence

import pytest

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.gluster import child, disk_files, query
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.disk_files import DiskFileQuery
from ganeti_gluster_mon.gluster.facts import BrickInfo, VolumeInfo
from ganeti_gluster_mon.gluster.model import DiskFile
from tests.lab.waiting import wait_until
from tests.unit.gluster.test_heal_index_client import LACKS, Brick

HERE, THERE = "11111111-0000-4000-8000-000000000000", "22222222-0000-4000-8000-000000000000"
FILE = DiskFile("web", "disk/0", "v", "ganeti/a.0", 1 << 20)


def volume(bricks: Sequence[BrickInfo], **more: Any) -> VolumeInfo:
    info = VolumeInfo("v", "", "started", "distribute", "tcp", tuple(bricks), 1, 0, 0, 0)
    return replace(info, **more)


def brick(path: Path, uuid: str = HERE, arbiter: bool = False) -> BrickInfo:
    return BrickInfo(host="n1" if uuid == HERE else "n2", path=str(path), uuid=uuid, arbiter=arbiter)


def look(
    tmp_path: Path,
    volumes: Sequence[VolumeInfo],
    *disks: DiskFile,
    previous: Optional[Capture] = None,
    as_client: bool = False,
    timeout: float = 30.0,
) -> List[DiskFile]:
    looking = DiskFileQuery(
        lambda: disks, volumes, [HERE], previous, timeout, as_client, str(tmp_path / "locks")
    )
    looking.start()
    found, why = looking.result()
    assert found is not None and why is None
    return list(found)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A brick of this node with the disk, of which 8 kB are written."""
    root = tmp_path / "b 1"
    (root / "ganeti").mkdir(parents=True)
    with open(root / FILE.path, "wb") as file:
        file.write(os.urandom(8192))
        file.truncate(1 << 20)
    return root


def test_a_file_on_a_brick_of_this_node(tmp_path: Path, here: Path) -> None:
    (disk,) = look(tmp_path, [volume([brick(here)])], FILE)
    assert disk.copies == {f"n1:{here}": 8192}


def test_what_is_no_copy(tmp_path: Path, here: Path) -> None:
    """A pointer to another subvolume, a folder, a link, a brick elsewhere, a volume that is not started."""
    os.chmod(here / FILE.path, 0o1000)
    (here / "ganeti" / "folder").mkdir()
    os.symlink("/etc/passwd", here / "ganeti" / "link")
    disks = [FILE, *(replace(FILE, path=f"ganeti/{name}") for name in ("folder", "link", "nosuch", "-x\n"))]
    assert [disk.copies for disk in look(tmp_path, [volume([brick(here)])], *disks)] == [{}] * 5
    os.chmod(here / FILE.path, 0o600)
    assert look(tmp_path, [volume([brick(here, THERE)])], FILE)[0].copies == {}
    assert look(tmp_path, [volume([brick(here)], state="stopped")], FILE)[0].copies == {}
    assert look(tmp_path, [], FILE) == [FILE]


def test_any_name(tmp_path: Path, here: Path) -> None:
    name = "ganeti/-a\n|b 'c' \udcff"
    with open(os.fsencode(here / "ganeti") + os.fsencode(name[6:]), "wb") as file:
        file.write(b"x")
    (disk,) = look(tmp_path, [volume([brick(here)])], replace(FILE, path=name))
    assert list(disk.copies) == [f"n1:{here}"]


def test_why_there_are_no_disks_is_reported(tmp_path: Path) -> None:
    def fails() -> Sequence[DiskFile]:
        raise CommandError("no cluster")

    looking = DiskFileQuery(fails, [], [], None, 1.0)
    looking.start()
    assert looking.result() == (None, "no cluster")


def test_a_brick_that_hangs_costs_its_deadline_and_one_process(
    tmp_path: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`stat` is one that waits for ever: it is ended, and while one is stuck there is no second."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "stat").write_text("#!/bin/sh\nexec sleep 1000\n")
    (programs / "stat").chmod(0o755)
    monkeypatch.setitem(child.ENVIRONMENT, "PATH", f"{programs}:{child.ENVIRONMENT['PATH']}")
    began = time.monotonic()
    (disk,) = look(tmp_path, [volume([brick(here)])], FILE, timeout=0.3)
    assert disk.copies == {}
    assert time.monotonic() - began < 20
    # Another's is stuck, in the kernel, where it cannot be ended: its lock says so.
    with open(tmp_path / "locks" / "stat-disks", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        began = time.monotonic()
        assert look(tmp_path, [volume([brick(here)])], FILE, timeout=600)[0].copies == {}
        assert time.monotonic() - began < 100


def test_its_end_ends_what_it_started(tmp_path: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "stat").write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 1000\n")
    (programs / "stat").chmod(0o755)
    monkeypatch.setitem(child.ENVIRONMENT, "PATH", f"{programs}:{child.ENVIRONMENT['PATH']}")
    looking = DiskFileQuery(
        lambda: [FILE], [volume([brick(here)])], [HERE], None, 600.0, False, str(tmp_path / "locks")
    )
    looking.start()
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip(), "stat to run")
    looking.end()
    assert looking.result()[0] == (FILE,)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


# --- as a client -----------------------------------------------------------------------------------


@pytest.fixture
def requested(monkeypatch: pytest.MonkeyPatch) -> List[List[str]]:
    """The requests to a client; it reports all files on the brick n2:/far, with 5 bytes each."""
    requested: List[List[str]] = []

    def clients(_children: Any, wanted: Any, _deadline: float) -> Any:
        requested.extend([volume, *paths] for volume, paths in wanted.items())
        return {(volume, path): (("n2:/far",), 5) for volume, paths in wanted.items() for path in paths}

    monkeypatch.setattr(disk_files, "_clients", clients)
    return requested


def test_a_client_is_queried_for_what_is_not_here(
    tmp_path: Path, here: Path, requested: List[List[str]]
) -> None:
    bricks = [brick(here), brick(Path("/far"), THERE)]
    far = replace(FILE, path="ganeti/b.0")
    first, second = look(tmp_path, [volume(bricks)], FILE, far, as_client=True)
    assert requested == [["v", "ganeti/b.0"]]
    assert (first.bricks, first.queried_at) == (None, None)
    assert (second.bricks, second.allocated) == (("n2:/far",), 5)
    # Once in ten minutes, and at once when the bricks are others.
    before = Capture(1, (), disks=(first, second))
    assert look(tmp_path, [volume(bricks)], FILE, far, as_client=True, previous=before)[1] == second
    assert len(requested) == 1
    old = replace(second, queried_at=time.time_ns() - 601 * 10**9)
    look(tmp_path, [volume(bricks)], far, as_client=True, previous=replace(before, disks=(old,)))
    assert len(requested) == 2
    moved = [brick(here), brick(Path("/other"), THERE)]
    look(tmp_path, [volume(moved)], far, as_client=True, previous=before)
    assert len(requested) == 3
    # A follower leaves it to the leader.
    assert look(tmp_path, [volume(bricks)], far)[0].bricks is None
    assert len(requested) == 3


def test_a_client_is_queried_where_this_node_knows_half(
    tmp_path: Path, here: Path, requested: List[List[str]]
) -> None:
    """An arbiter has no data, and the first shard is not the whole."""
    look(tmp_path, [volume([brick(here, arbiter=True)])], FILE, as_client=True)
    assert len(requested) == 1
    look(tmp_path, [volume([brick(here)], options={"features.shard": "on"})], FILE, as_client=True)
    assert len(requested) == 2


def test_what_was_left_out_is_queried_the_next_time(
    tmp_path: Path, requested: List[List[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_files, "MOST", 2)
    disks = [replace(FILE, path=f"ganeti/{number}") for number in range(5)]
    volumes = [volume([brick(Path("/far"), THERE)])]
    previous: Optional[Capture] = None
    for known in (2, 4, 5):
        found = look(tmp_path, volumes, *disks, as_client=True, previous=previous)
        assert [disk.bricks for disk in found] == [("n2:/far",)] * known + [None] * (5 - known)
        previous = Capture(1, (), disks=tuple(found))
    assert [len(paths) - 1 for paths in requested] == [2, 2, 1]


def test_no_place_for_a_lock_is_reported(tmp_path: Path, here: Path) -> None:
    (tmp_path / "locks").write_text("a file")
    looking = DiskFileQuery(
        lambda: [FILE], [volume([brick(here)])], [HERE], None, 1.0, False, str(tmp_path / "locks")
    )
    looking.start()
    assert looking.result() == (None, "they could not be looked at: File exists")


def test_a_client_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here is no glusterd to tell it of the volume."""
    (disk,) = look(tmp_path, [volume([brick(Path("/far"), THERE)])], FILE, as_client=True)
    assert (disk.bricks, disk.allocated) == (None, None)
    assert disk.queried_at is not None  # and it is not queried again at once


def test_the_entries_that_wait_by_the_index_of_a_brick_of_this_node(tmp_path: Path, here: Path) -> None:
    """The program is the real one; the brick has no attributes, or, where that can be, those of a disk that waits."""
    replicated = volume([brick(here)], type="replicate", replica_count=3)
    output = b"<totalNumberOfEntries>1</totalNumberOfEntries>"
    pending = Capture(recorded_at=1, answers=(Answer(query.heal_summary("v"), output),))
    assert look(tmp_path, [replicated], FILE, previous=pending)[0].to_heal == {}
    try:
        os.setxattr(here, "trusted.test", b"x")
    except OSError as err:
        pytest.skip(f"no trusted attributes here: {err.strerror}")
    layout = Brick(here)
    os.setxattr(here / FILE.path, "trusted.gfid", bytes(range(16)))
    gfid = layout.file("ganeti/b.0", pending=LACKS)
    layout.wait(gfid)
    disks = [FILE, replace(FILE, path="ganeti/b.0"), replace(FILE, volume="other")]
    found = [disk.to_heal for disk in look(tmp_path, [replicated], *disks, previous=pending)]
    assert found == [{f"n1:{here}": 0}, {f"n1:{here}": 1}, {}]
    assert [disk.to_heal for disk in look(tmp_path, [replicated], *disks)] == [{}] * 3, (
        "nothing waited before"
    )
    elsewhere = volume([brick(here, THERE)], type="replicate", replica_count=3)
    assert [disk.to_heal for disk in look(tmp_path, [elsewhere], *disks, previous=pending)] == [{}] * 3
    with open(tmp_path / "locks" / "heal-index", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert [disk.to_heal for disk in look(tmp_path, [replicated], *disks, previous=pending)] == [{}] * 3
