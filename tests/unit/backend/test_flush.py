"""Which processes can still write to a device, by the tables of the kernel; and records of unsynced files."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import List, Tuple

import pytest

from ganeti_gluster_mon.backend import flush, loop, unsynced

DEVICE = "/dev/loop4711"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directories proc and sys that are read in place of the kernel's."""
    for name in ("proc", "sys"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(flush, "_PROC", str(tmp_path / "proc"))
    monkeypatch.setattr(flush, "_SYSFS", str(tmp_path / "sys"))
    monkeypatch.setattr(flush, "_CLOSING", 0.0)
    return tmp_path


def process(
    kernel: Path, pid: int, name: str, flags: int, command: bytes = b"sh\0", environ: bytes = b""
) -> None:
    """A process that has DEVICE open with *flags*."""
    directory = kernel / "proc" / str(pid)
    for part in ("fd", "fdinfo"):
        (directory / part).mkdir(parents=True)
    (directory / "fd" / "3").symlink_to(DEVICE)
    (directory / "fdinfo" / "3").write_text(f"pos:\t0\nflags:\t0{flags:o}\nmnt_id:\t25\n")
    (directory / "comm").write_text(f"{name}\n")
    (directory / "cmdline").write_bytes(command)
    (directory / "environ").write_bytes(environ)


def loop_device(kernel: Path, name: str, backing_file: str) -> None:
    (kernel / "sys" / name / "loop").mkdir(parents=True)
    (kernel / "sys" / name / "loop" / "backing_file").write_text(f"{backing_file}\n")


@pytest.mark.parametrize("flags", [os.O_WRONLY, os.O_RDWR | os.O_CLOEXEC])
def test_a_process_that_can_write_is_a_writer(kernel: Path, flags: int) -> None:
    process(kernel, 12, "dd", flags)
    assert flush.writers(DEVICE) == ["dd (12)"]
    assert flush.writers("/dev/loop47110") == []
    with pytest.raises(
        flush.FlushError, match=r"^/dev/loop4711 is in use by dd \(12\): .* end that use first$"
    ):
        flush.refuse_writers(DEVICE)


def test_a_process_that_only_reads_is_none(kernel: Path) -> None:
    process(kernel, 12, "gluster-holder", os.O_RDONLY | os.O_CLOEXEC)
    assert flush.writers(DEVICE) == []
    flush.refuse_writers(DEVICE)


def test_a_device_on_the_device_is_a_writer(kernel: Path) -> None:
    loop_device(kernel, "loop1", DEVICE)
    loop_device(kernel, "loop2", "/run/ganeti/gluster.d/gv0/ganeti/a.0 (deleted)")
    assert flush.writers(DEVICE) == ["/dev/loop1"]
    assert flush.devices_named("/run/ganeti/gluster.d/gv0/ganeti/a.0") == ["/dev/loop2"]
    assert flush.devices_named("/run/ganeti/gluster.d/gv0/ganeti/a") == []


@pytest.mark.parametrize(
    ("environ", "allowed"),
    [(b"DISK_1_PATH=/dev/loop4711\0", True), (b"DISK_1_PATH=/dev/loop47110\0", False), (b"", False)],
)
def test_a_copy_of_ganetis_may_go_on(kernel: Path, environ: bytes, allowed: bool) -> None:
    """It opens all disks of an instance again for each disk that an import script writes."""
    process(kernel, 12, "dd", os.O_WRONLY)
    command = b"/usr/bin/python3\0/usr/lib/ganeti/3.0/usr/lib/ganeti/import-export\0import\0"
    process(kernel, 13, "import-export", os.O_RDONLY, command, environ)
    if allowed:
        flush.refuse_writers(DEVICE)
    else:
        with pytest.raises(flush.FlushError):
            flush.refuse_writers(DEVICE)


def test_progress_is_what_was_written(kernel: Path) -> None:
    loop_device(kernel, "loop1", "/a")
    (kernel / "sys" / "loop1" / "stat").write_text("  5 0 40 1   7 0 4096 9   0 10 11\n")
    assert flush.sectors_written(["/dev/loop1", "/dev/loop2"]) == 4096


def test_a_failed_flush_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(
        flush.FlushError, match=r"^/dev/loop4711: data .* not on the bricks: Input/output error"
    ):
        flush.flush(0, DEVICE)


# --- records of unsynced files ----------------------------------------------------------------------------


@pytest.fixture
def volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tuple[str, Path]:
    """The directory for records, and where a volume is mounted, with two disks."""
    monkeypatch.setattr(loop, "on", lambda backing: [])
    (tmp_path / "place").mkdir()
    mount = tmp_path / "mount"
    (mount / "ganeti").mkdir(parents=True)
    for name in ("a.0", "b.0"):
        (mount / "ganeti" / name).write_bytes(b"data")
    return str(tmp_path / "place"), mount


def mark_both(place: str) -> None:
    for name in ("a.0", "b.0"):
        unsynced.mark(place, f"ganeti/{name}")


def test_recorded_files_are_synced_once(volume: Tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    place, mount = volume
    synced = mount.parent / "synced"
    monkeypatch.setattr(os, "fsync", lambda descriptor: _append(synced, descriptor))
    assert unsynced.sync(place, str(mount), 10)
    assert not synced.exists()
    mark_both(place)
    mark_both(place)
    assert unsynced.is_marked(place, "ganeti/a.0") and not unsynced.is_marked(place, "ganeti/c.0")
    assert unsynced.sync(place, str(mount), 10)
    assert sorted(synced.read_text().split()) == [f"{mount}/ganeti/a.0", f"{mount}/ganeti/b.0"]
    assert os.listdir(place) == []


def _append(file: Path, descriptor: int) -> None:
    with file.open("a") as out:
        out.write(os.readlink(f"/proc/self/fd/{descriptor}") + "\n")


def test_a_removed_file_needs_no_sync(volume: Tuple[str, Path]) -> None:
    place, mount = volume
    mark_both(place)
    (mount / "ganeti" / "a.0").unlink()
    assert unsynced.sync(place, str(mount), 10)
    assert os.listdir(place) == []


@pytest.mark.parametrize(("number", "synced"), [(errno.EIO, False), (errno.ENOTCONN, True)])
def test_a_sync_that_fails_forbids_the_unmount(
    volume: Tuple[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    number: int,
    synced: bool,
) -> None:
    """Only a client whose process has died has nothing left to write."""
    place, mount = volume
    mark_both(place)

    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    assert unsynced.sync(place, str(mount), 10) == synced
    assert len(os.listdir(place)) == (0 if synced else 2)
    assert ("stays mounted: its data is not on the bricks" in caplog.text) != synced


def test_a_sync_that_hangs_has_an_end(volume: Tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    place, mount = volume
    mark_both(place)
    monkeypatch.setattr(os, "fsync", lambda descriptor: time.sleep(600))
    began = time.monotonic()
    assert not unsynced.sync(place, str(mount), 0.2)
    assert time.monotonic() - began < 10
    assert len(os.listdir(place)) == 2


def test_a_file_with_a_loop_device_is_in_use(
    volume: Tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, mount = volume
    mark_both(place)
    found: List[str] = [DEVICE]
    monkeypatch.setattr(loop, "on", lambda backing: found if backing.path.endswith("b.0") else [])
    assert not unsynced.sync(place, str(mount), 10)
    assert len(os.listdir(place)) == 2
