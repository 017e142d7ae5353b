"""A mount whose client has ended: how it differs from one that reaches no brick, and what is recorded."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List

import pytest

from ganeti_gluster_mon.backend import dead_mount, loop, loop_records, qemu_processes
from ganeti_gluster_mon.backend.disk_error import DiskError
from ganeti_gluster_mon.backend.flush import FlushError

#: labs on this machine have mounts with the usual names
PLACE = f"/run/ganeti/gluster.d/{uuid.uuid4().hex}@127.0.0.1:24007"
DISK = "ganeti/guest.0"


@contextmanager
def process(device: str, *words: str) -> Iterator[None]:
    """A process with *words* in its command line that has *device* open."""
    code = f"import sys; file = open({device!r}); print(flush=True); sys.stdin.read()"
    argv = [sys.executable, "-c", code, *words]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None and running.stdin is not None
        running.stdout.readline()
        yield
        running.stdin.close()


def test_a_client_is_a_process_with_the_device_and_the_mount_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_mount, "_DEVICE", os.devnull)
    assert not dead_mount.has_client(PLACE)
    # umount(8) and stat(1) have the mount point in their command line, too.
    with process("/dev/zero", PLACE):
        assert not dead_mount.has_client(PLACE)
    with process(os.devnull, "--process-name=fuse", f"{PLACE}1"):
        assert not dead_mount.has_client(PLACE)
    with process(os.devnull, "--process-name=fuse", PLACE):
        assert dead_mount.has_client(PLACE)
    # /var/run is a symlink: a mount by hand may be named so.
    with process(os.devnull, f"/var{PLACE}"):
        assert dead_mount.has_client(PLACE)


def devices(monkeypatch: pytest.MonkeyPatch, guest: bool = False) -> List[str]:
    """One loop device on DISK; what is done."""
    done: List[str] = []
    monkeypatch.setattr(loop, "recorded_on", lambda _filesystem: [("/dev/loop4444", f"{PLACE}/{DISK}")])
    monkeypatch.setattr(loop, "clear", done.append)
    monkeypatch.setattr(qemu_processes, "has_device", lambda _device: guest)
    return done


def test_what_may_be_lost_is_reported_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done = devices(monkeypatch)
    dead_mount.take_loss(str(tmp_path), DISK)
    dead_mount.undo_devices("0:99", PLACE, str(tmp_path))
    assert done == ["/dev/loop4444"]
    dead_mount.take_loss(str(tmp_path), "ganeti/guest.1")
    with pytest.raises(FlushError, match=r"ganeti/guest\.0: .* may be lost"):
        dead_mount.take_loss(str(tmp_path), DISK)
    dead_mount.take_loss(str(tmp_path), DISK)


def test_the_disk_of_a_guest_is_as_after_a_power_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = devices(monkeypatch, guest=True)
    dead_mount.undo_devices("0:99", PLACE, str(tmp_path))
    assert done == ["/dev/loop4444"]
    dead_mount.take_loss(str(tmp_path), DISK)


def test_a_device_stays_where_the_loss_cannot_be_recorded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without the device nothing would remind of it."""
    done = devices(monkeypatch)
    with pytest.raises(DiskError, match=r"ganeti/guest\.0: cannot write"):
        dead_mount.undo_devices("0:99", PLACE, str(tmp_path / "missing"))
    assert done == []


def test_a_disk_that_was_removed_has_lost_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    devices(monkeypatch)
    dead_mount.undo_devices("0:99", PLACE, str(tmp_path))
    for _ in range(2):
        dead_mount.forget(str(tmp_path), DISK)
    dead_mount.take_loss(str(tmp_path), DISK)


def test_devices_of_a_filesystem_by_the_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("loop1", "loop2", "loop3", "sda"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(loop, "_SYSFS", str(tmp_path))
    records = {"loop1": ("0:99", 5), "loop2": ("0:98", 5)}
    monkeypatch.setattr(loop_records, "read", records.get)
    monkeypatch.setattr(loop_records, "backing_file", lambda name: f"{PLACE}/{name} (deleted)")
    assert loop.recorded_on("0:99") == [("/dev/loop1", f"{PLACE}/loop1")]


def test_the_device_of_a_guest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(qemu_processes, "LINKS", str(tmp_path / "links"))
    assert not qemu_processes.has_device("/dev/loop4444")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "guest.example.org:0").symlink_to("/dev/loop4444")
    assert qemu_processes.has_device("/dev/loop4444")
    assert not qemu_processes.has_device("/dev/loop444")
    # A QEMU that Ganeti has no link for any more.
    qemu = tmp_path / "qemu-system-x86_64"
    qemu.symlink_to("/bin/sleep")
    with open(os.devnull, "rb") as file, subprocess.Popen([str(qemu), "60"], stdin=file) as running:
        try:
            # The kernel shows its command line a moment after exec.
            until = time.monotonic() + 10
            while not qemu_processes.has_device(os.devnull):
                assert time.monotonic() < until
        finally:
            running.kill()


def test_a_use_by_the_path_is_a_loss_unless_it_has_ended_or_is_a_guests(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = str(tmp_path)
    monkeypatch.setattr(loop, "recorded_on", lambda _filesystem: [])
    monkeypatch.setattr(qemu_processes, "has_device", lambda file: file == f"{PLACE}/ganeti/guest.0")
    for disk in ("ganeti/guest.0", "ganeti/flushed.0", "ganeti/script.0"):
        dead_mount.note_use(place, disk)
        dead_mount.note_use(place, disk)
    dead_mount.forget_use(place, "ganeti/flushed.0")
    dead_mount.undo_devices("0:99", PLACE, place)
    for disk in ("ganeti/guest.0", "ganeti/flushed.0"):
        dead_mount.take_loss(place, disk)
    with pytest.raises(FlushError, match="may be lost"):
        dead_mount.take_loss(place, "ganeti/script.0")
    assert list(tmp_path.iterdir()) == []
    dead_mount.note_use(place, "ganeti/script.0")
    dead_mount.forget_uses(place)
    dead_mount.undo_devices("0:99", PLACE, place)
    assert list(tmp_path.iterdir()) == []
