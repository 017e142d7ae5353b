"""A disk that QEMU has open by its URI is grown by QEMU: on a real QEMU, without a machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, ContextManager, Iterator

import pytest

from ganeti_gluster_mon.backend import qemu_monitor, qemu_processes
from ganeti_gluster_mon.backend.directory import Directory
from ganeti_gluster_mon.backend.disk_error import DiskError
from ganeti_gluster_mon.backend.file_device import MEBIBYTE, FileDeviceHelper
from tests.lab import wait_until

URI = "gluster://node1:24007/gv0/ganeti/a.0"
QEMU = shutil.which("qemu-system-x86_64")
#: as Ganeti 3.1 writes them; blkdebug stands for a driver whose disks are no files of the node, and can be resized
BY_URI = "driver=raw,node-name=disk-1,file.driver=blkdebug,file.image.driver=file,file.image.filename={path}"
BY_PATH = "driver=raw,node-name=disk-1,file.driver=file,file.filename={path}"

pytestmark = pytest.mark.skipif(QEMU is None, reason="qemu-system-x86_64 is not installed")

Start = Callable[..., ContextManager["subprocess.Popen[bytes]"]]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FileDeviceHelper]:
    """Of 2 MiB."""
    descriptor = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    yield FileDeviceHelper.CreateFile(Directory(str(tmp_path), descriptor), "a.0", 2)
    os.close(descriptor)


def _listens(path: Path) -> bool:
    """Whether a process listens on the socket at *path*, which is there a moment before that."""
    sockets = [line.split() for line in Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()]
    accepts_connections = "00010000"  # the flag __SO_ACCEPTCON of the kernel
    return any(words[-1] == str(path) and words[3] == accepts_connections for words in sockets)


@pytest.fixture
def start(disk: FileDeviceHelper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Starts a guest that has the disk, with Ganeti's files about it."""
    ganeti = tmp_path / "kvm"
    monkeypatch.setattr(qemu_processes, "GANETI", str(ganeti))

    @contextmanager
    def started(option: str = BY_URI, uri: str = URI) -> Iterator[subprocess.Popen[bytes]]:
        for name in ("pid", "conf", "ctrl"):
            (ganeti / name).mkdir(parents=True, exist_ok=True)
        monitor = ganeti / "ctrl/guest.qmp"
        monitor.unlink(missing_ok=True)
        words = ["-machine", "none", "-display", "none", "-nodefaults", "-S"]
        assert QEMU is not None
        process = subprocess.Popen(
            [
                QEMU,
                *words,
                "-blockdev",
                option.format(path=disk.path),
                "-qmp",
                f"unix:{monitor},server=on,wait=off",
            ]
        )
        try:
            (ganeti / "pid/guest").write_text(str(process.pid))
            given = [{"hvinfo": {"id": "disk-1"}}, "/var/run/ganeti/instance-disks/guest:0", uri]
            (ganeti / "conf/guest.runtime").write_text(json.dumps([["kvm"], [], {}, [given]]))
            wait_until(lambda: _listens(monitor), "the monitor of QEMU", 20, 0.02)
            yield process
        finally:
            process.kill()
            process.wait()

    return started


def test_qemu_grows_a_disk_that_it_has_open_by_uri(disk: FileDeviceHelper, start: Start) -> None:
    with start():
        assert qemu_monitor.grow(disk, 3, URI.replace("node1", "node2")), "by whatever server"
        assert disk.Size() == 3 * MEBIBYTE
        assert not qemu_monitor.grow(disk, 3, URI), "a repeated call does nothing"
        with pytest.raises(DiskError, match="cannot shrink to 2 MiB"):
            qemu_monitor.grow(disk, 2, URI)


def test_without_such_a_guest_the_file_grows(disk: FileDeviceHelper, start: Start) -> None:
    assert not qemu_monitor.grow(disk, 3, URI)
    assert not qemu_monitor.grow(disk, 4, None)
    with start(BY_PATH):
        assert not qemu_monitor.grow(disk, 5, URI), "QEMU has it by its path"
    with start(BY_URI.replace("disk-1", "other")):
        assert not qemu_monitor.grow(disk, 6, URI), "Ganeti 3.0 names no block devices"
    with start(uri=URI + "0"):
        assert not qemu_monitor.grow(disk, 7, URI), "the guest has another disk"
    assert disk.Size() == 7 * MEBIBYTE


def test_where_qemu_refuses_the_disk_keeps_its_size(disk: FileDeviceHelper, start: Start) -> None:
    with start(BY_URI + ",read-only=on"), pytest.raises(DiskError) as caught:
        qemu_monitor.grow(disk, 3, URI)
    assert str(caught.value).startswith("the QEMU monitor of guest: block_resize: "), caught.value
    assert disk.Size() == 2 * MEBIBYTE


def test_a_qemu_that_does_not_answer(
    disk: FileDeviceHelper, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qemu_monitor, "_ANSWER_TIMEOUT", 0.3)
    with start() as process:
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(DiskError, match=r"the QEMU monitor of guest: no answer within 0.3 s; .* repeat"):
            qemu_monitor.grow(disk, 3, URI)
    assert disk.Size() == 2 * MEBIBYTE
    with start():
        (Path(qemu_processes.GANETI) / "ctrl/guest.qmp").unlink()
        with pytest.raises(DiskError, match="of guest: cannot be reached: No such file or directory"):
            qemu_monitor.grow(disk, 3, URI)
