"""The process that removes a disk's device when a guest has the disk: one for each disk, and it ends."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Iterator, List

import psutil
import pytest

from ganeti_gluster_mon.backend import flush, qemu_processes
from ganeti_gluster_mon.backend.extstorage import guest_watch, lease
from ganeti_gluster_mon.backend.volume import GlusterVolume
from tests.lab.waiting import wait_until

URI = "gluster://127.0.0.1:24007/gv0/ganeti/a.0"
DEVICE = "/dev/loop4711"


@pytest.fixture
def volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GlusterVolume:
    """A volume with a disk whose device is there as long as the file `device` is."""
    for name in ("ganeti/conf", "ganeti/pid"):
        (tmp_path / name).mkdir(parents=True)
    device = tmp_path / "device"
    device.touch()
    monkeypatch.setattr(qemu_processes, "GANETI", str(tmp_path / "ganeti"))
    monkeypatch.setattr(guest_watch, "DIRECTORY", str(tmp_path / "watchers"))
    monkeypatch.setattr(lease, "devices", lambda volume, path: [DEVICE] if device.exists() else [])
    monkeypatch.setattr(guest_watch, "remove_device", lambda volume, path: device.unlink())
    monkeypatch.setattr(flush, "flush_device", lambda device: (tmp_path / "flushed").touch())
    monkeypatch.setattr(
        qemu_processes, "has_open", lambda uri: (tmp_path / "ganeti/conf/guest.runtime").exists()
    )
    return GlusterVolume("127.0.0.1", 24007, "gv0", (), str(tmp_path / "gluster"), str(tmp_path / "uses"))


@pytest.fixture
def caller() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def watchers() -> List[psutil.Process]:
    return [
        each
        for each in psutil.Process().children()
        if each.status() != psutil.STATUS_ZOMBIE and each.name() == guest_watch.WATCHER
    ]


def start(volume: GlusterVolume, caller: subprocess.Popen[bytes]) -> psutil.Process:
    guest_watch.start(volume, "ganeti/a.0", URI, os.pidfd_open(caller.pid))

    def has_number() -> bool:
        # the process has its name before it makes the directory
        file = guest_watch._file(URI)
        return bool(watchers()) and os.path.exists(file) and os.path.getsize(file) > 0

    wait_until(has_number, "a watcher and its number")
    (watcher,) = watchers()
    return watcher


def ended(watcher: psutil.Process) -> bool:
    return not watcher.is_running() or watcher.status() == psutil.STATUS_ZOMBIE


def test_the_device_stays_until_the_guest_has_the_disk(
    volume: GlusterVolume, caller: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    watcher = start(volume, caller)
    assert not (tmp_path / "flushed").exists()
    caller.kill()
    wait_until(lambda: (tmp_path / "flushed").exists(), "the flush")
    assert (tmp_path / "device").exists() and not ended(watcher)
    (tmp_path / "ganeti/conf/guest.runtime").write_text("[]")
    wait_until(lambda: not (tmp_path / "device").exists(), "the end of the device")
    wait_until(lambda: ended(watcher), "the end of the watcher")
    assert os.listdir(guest_watch.DIRECTORY) == []


def test_a_guest_that_has_the_disk_when_the_caller_ends_needs_no_event(
    volume: GlusterVolume, caller: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    watcher = start(volume, caller)
    (tmp_path / "ganeti/conf/guest.runtime").write_text("[]")
    caller.kill()
    wait_until(lambda: ended(watcher), "the end of the watcher")
    assert not (tmp_path / "device").exists()


def test_it_does_not_wait_for_ever(
    volume: GlusterVolume,
    caller: subprocess.Popen[bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guest_watch, "HOTPLUG_TIMEOUT", 0.1)
    watcher = start(volume, caller)
    caller.kill()
    wait_until(lambda: ended(watcher), "the end of the watcher")
    assert (tmp_path / "device").exists()


def test_there_is_one_for_each_disk_and_detach_ends_it(
    volume: GlusterVolume, caller: subprocess.Popen[bytes]
) -> None:
    first = start(volume, caller)
    second = start(volume, caller)
    assert ended(first) and not ended(second)
    guest_watch.stop(URI)
    assert ended(second)
    assert os.listdir(guest_watch.DIRECTORY) == []
    guest_watch.stop(URI)
