"""The records of loop devices."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any, Iterator

import pytest

from ganeti_gluster_mon.backend import loop, loop_records
from tests.lab.waiting import wait_until
from tests.unit.backend.test_loop import device_of


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


def no_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each call fail that sends a request to the filesystem of the file."""
    ioctl = fcntl.ioctl

    def checked(descriptor: int, request: int, *arguments: Any) -> Any:
        assert request != loop._GET_STATUS64, "a request to the filesystem"
        return ioctl(descriptor, request, *arguments)

    monkeypatch.setattr(fcntl, "ioctl", checked)


def test_a_device_is_found_without_a_request_to_the_filesystem(
    backing: loop.Backing, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_queries(monkeypatch)
    device = device_of(backing)
    assert loop.on(loop.Backing(backing.path, backing.filesystem)) == [device]
    assert loop.on(loop.Backing(backing.path, "0:1")) == []
    assert loop.on(loop.Backing(backing.path, backing.filesystem, 1)) == []
    with open(backing.path, "rb+") as file:
        found, descriptor = loop.lend(file.fileno(), backing.path)
    assert found == device
    assert not loop.is_lasting(descriptor)
    os.close(descriptor)


@pytest.mark.parametrize("record", [None, "", "0 {} {}\n", "1 0:1 1\n", "x"])
def test_a_device_without_its_record_is_queried(backing: loop.Backing, directory: Path, record: str) -> None:
    """One that an earlier version made, or losetup; or the record is of an earlier file."""
    device = device_of(backing)
    path = directory / os.path.basename(device)
    path.unlink()
    if record is not None:
        path.write_text(record.format(backing.filesystem, backing.inode))
    assert loop.on(backing) == [device]
    assert loop.on(loop.Backing(backing.path, backing.filesystem, 1)) == []


def test_records_go_with_their_devices(backing: loop.Backing, directory: Path) -> None:
    name = os.path.basename(device_of(backing))
    (directory / "loop1048577").write_text("1 0:1 1\n")
    loop.sweep()
    assert sorted(each.name for each in directory.iterdir() if each.name.startswith("loop")) == [name]
