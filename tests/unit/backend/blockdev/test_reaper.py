"""The process that unmounts a volume later: it waits for events, and ends when nothing is left for it to unmount."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Iterable, Iterator, List

import pytest

from ganeti_gluster_mon.backend import mount as mount_module
from ganeti_gluster_mon.backend.blockdev import reaper
from ganeti_gluster_mon.backend.mount import VolumeMount
from ganeti_gluster_mon.backend.volume import GlusterVolume, UnmountResult
from ganeti_gluster_mon.gluster.model import Mount
from tests.lab.waiting import wait_until


def volume(tmp_path: Path) -> GlusterVolume:
    return GlusterVolume("127.0.0.1", 24007, "gv0", (), str(tmp_path / "gluster"), str(tmp_path / "uses"))


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> List[Mount]:
    """The kernel's table of mounts."""
    found: List[Mount] = []
    monkeypatch.setattr(mount_module, "_volume_mounts", lambda: list(found))

    def unmount(self: VolumeMount, lazy: bool) -> None:
        found[:] = [each for each in found if each.path != self.path]

    monkeypatch.setattr(VolumeMount, "unmount", unmount)
    return found


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> List[float]:
    """When all processes were looked through."""
    found: List[float] = []
    copiers = reaper.copiers

    def counted() -> List[int]:
        found.append(time.monotonic())
        return copiers()

    monkeypatch.setattr(reaper, "copiers", counted)
    return found


def reap(tmp_path: Path, pid: int) -> None:
    reaper.main(str(pid), json.dumps(asdict(reaper.mount_target(volume(tmp_path)))))


def ended() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
        return process.pid


def own(tmp_path: Path) -> Mount:
    return Mount("gv0", volume(tmp_path).own_mount_point, ("127.0.0.1",), device_number="0:57")


def test_a_mount_at_ganetis_own_directory_is_nothing_to_wait_for(
    tmp_path: Path, table: List[Mount], looks: List[float]
) -> None:
    table.append(Mount("gv0", str(tmp_path / "gluster"), ("127.0.0.1",), device_number="0:57"))
    began = time.monotonic()
    reap(tmp_path, ended())
    assert time.monotonic() - began < 5
    assert len(looks) == 1
    assert len(table) == 1


def test_a_mount_that_a_disk_holds_is_left_to_its_release(
    tmp_path: Path, table: List[Mount], looks: List[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    table.append(own(tmp_path))
    monkeypatch.setattr(VolumeMount, "mount", lambda self: None)
    volume(tmp_path).hold("ganeti/a.0")
    reap(tmp_path, ended())
    assert (len(looks), len(table)) == (1, 1)


def test_it_is_unmounted_when_the_process_has_ended(
    tmp_path: Path, table: List[Mount], looks: List[float]
) -> None:
    table.append(own(tmp_path))
    with subprocess.Popen(["sleep", "60"]) as process:
        threading.Timer(0.5, process.kill).start()
        began = time.monotonic()
        reap(tmp_path, process.pid)
        assert 0.4 < time.monotonic() - began < 10
    assert (len(looks), table) == (1, [])


@pytest.fixture
def copier(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that looks like Ganeti's program that copies disks."""
    program = tmp_path / "import-export"
    shutil.copy("/bin/sleep", program)
    with subprocess.Popen([program, "60"]) as process:
        yield process
        process.kill()


@pytest.mark.slow
def test_a_copy_of_a_disk_is_waited_for(
    tmp_path: Path, table: List[Mount], looks: List[float], copier: subprocess.Popen[bytes]
) -> None:
    """By its end, not by looking again and again."""
    table.append(own(tmp_path))
    timer = threading.Timer(2, copier.kill)
    timer.start()
    began = time.monotonic()
    wait_until(lambda: copier.pid in reaper.copiers(), "the copy", 10)
    looks.clear()
    reap(tmp_path, ended())
    assert time.monotonic() - began > 1.9
    assert len(looks) <= 3
    assert table == []


@pytest.mark.slow
def test_a_process_that_uses_the_mount_for_a_moment_is_waited_for(
    tmp_path: Path, table: List[Mount], looks: List[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    table.append(own(tmp_path))
    monkeypatch.setattr(VolumeMount, "mount", lambda self: None)
    reading, writing = os.pipe()
    user = os.fork()
    if user == 0:
        try:
            volume(tmp_path).keep()
            os.write(writing, b".")
            signal.pause()
        finally:
            os._exit(0)
    os.read(reading, 1)
    threading.Timer(2, os.kill, [user, signal.SIGKILL]).start()
    reap(tmp_path, ended())
    os.waitpid(user, 0)
    assert len(looks) <= 3
    assert table == []


def test_a_busy_mount_is_tried_again_when_its_user_ends(
    tmp_path: Path, looks: List[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GlusterVolume, "mounts", lambda self: [own(tmp_path)])
    path = Path(own(tmp_path).path)
    path.mkdir(parents=True)
    monkeypatch.setattr(reaper, "_PAUSE", 30.0)
    with subprocess.Popen(["sleep", "60"], cwd=path) as user:
        monkeypatch.setattr(
            GlusterVolume,
            "unmount_if_unused",
            lambda self: UnmountResult.BUSY if user.poll() is None else UnmountResult.DONE,
        )
        find = reaper._users

        def found(paths: Iterable[str]) -> List[int]:
            pids = find(paths)
            threading.Timer(0.5, user.kill).start()
            return pids

        monkeypatch.setattr(reaper, "_users", found)
        began = time.monotonic()
        reap(tmp_path, ended())
        assert time.monotonic() - began < 15
    assert len(looks) == 2


def test_a_mount_that_stays_busy_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GlusterVolume, "mounts", lambda self: [])
    monkeypatch.setattr(GlusterVolume, "unmount_if_unused", lambda self: UnmountResult.BUSY)
    monkeypatch.setattr(reaper, "_BUSY_TIMEOUT", 0.3)
    reap(tmp_path, ended())
