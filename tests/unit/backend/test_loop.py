"""Loop devices: found without a request to a filesystem, and a lock for each volume.  Needs root and loop devices."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Iterator

import pytest

from ganeti_gluster_mon.backend import loop, loop_records
from tests.lab.waiting import wait_until

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not os.path.exists("/dev/loop-control"), reason="needs root and loop devices"
)


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(loop_records, "DIRECTORY", str(tmp_path / "loop-devices"))
    return tmp_path / "loop-devices"


@pytest.fixture
def backing(tmp_path: Path) -> Iterator[loop.Backing]:
    """A file of 1 MiB with a device, `device`; no device is left."""
    path = tmp_path / "disk"
    with open(path, "wb") as file:
        file.truncate(1 << 20)
    with open(path, "rb+") as file:
        _, descriptor = loop.lend(file.fileno(), str(path))
        yield loop.Backing.of(file.fileno(), str(path))
        os.close(descriptor)
    wait_until(lambda: not list(loop._named(str(path))), "the end of the device", 10)
    loop.sweep()


def device_of(backing: loop.Backing) -> str:
    (device,) = loop.on(backing)
    return device


def test_a_device_that_cannot_be_queried_is_named(
    backing: loop.Backing, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = device_of(backing)
    (directory / os.path.basename(device)).unlink()
    monkeypatch.setattr(loop, "_info", lambda descriptor: time.sleep(60))
    monkeypatch.setattr(loop, "_QUERY_TIMEOUT", 0.3)
    with pytest.raises(loop.LoopError) as caught:
        loop.on(backing)
    assert str(caught.value) == (
        f"{device} (on {backing.path}) does not answer within 0.3 s: the volume hangs; see `gluster volume status`"
    )


def test_a_device_that_is_made_to_stay_stays(backing: loop.Backing) -> None:
    device = device_of(backing)
    descriptor = os.open(device, os.O_RDONLY)
    loop.make_lasting(descriptor)
    assert loop.is_lasting(descriptor)
    os.truncate(backing.path, 2 << 20)
    loop.resize(device)
    assert os.lseek(descriptor, 0, os.SEEK_END) == 2 << 20
    os.close(descriptor)
    loop.clear(device)


def test_each_volume_has_a_lock_of_its_own(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_LOCK_TIMEOUT", 0.2)
    with loop.locked("0:1", "/gv0/a"):
        with loop.locked("0:2", "/gv1/a"):
            pass
        with pytest.raises(loop.LoopError) as caught, loop.locked("0:1", "/gv0/b"):
            pass
    assert str(caught.value).startswith(
        "/gv0/b: another process has held the lock for loop devices on this volume for 0.2 s"
    )
    assert f"`fuser {directory}/lock-0:1`" in str(caught.value)


def test_a_lock_is_given_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_LOCK_TIMEOUT", 30)
    began = threading.Event()

    def hold() -> None:
        with loop.locked("0:1", "/gv0/a"):
            began.set()
            time.sleep(0.3)

    holder = threading.Thread(target=hold)
    holder.start()
    began.wait(10)
    with loop.locked("0:1", "/gv0/b"):
        pass
    holder.join()


def test_a_call_that_hangs_does_not_keep_the_lock(
    backing: loop.Backing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given up, and its child process has no copy of the lock."""
    monkeypatch.setattr(loop, "_open_or_new", lambda *_: time.sleep(60))
    monkeypatch.setattr(loop, "_CALL_TIMEOUT", 0.3)
    monkeypatch.setattr(loop, "_LOCK_TIMEOUT", 0.1)
    with open(backing.path, "rb+") as file, pytest.raises(loop.LoopError, match="the volume hangs"):
        loop.lend(file.fileno(), backing.path)
    with loop.locked(backing.filesystem, backing.path):
        pass
