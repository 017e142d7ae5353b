"""Mounts of a volume by glusterfs."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import List

import psutil
import pytest

from ganeti_gluster_mon.backend import mount as mount_module
from ganeti_gluster_mon.backend import mount_users
from ganeti_gluster_mon.backend.directory import Directory
from ganeti_gluster_mon.backend.mount import VolumeMount
from ganeti_gluster_mon.backend.volume import GlusterVolume, VolumeError
from tests.lab.waiting import wait_until
from tests.unit.backend.test_volume import DISK, SOCKET, volume


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path


def fake(place: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A `glusterfs` that does what *script* says, and mounts nothing."""
    (place / "bin").mkdir()
    program = place / "bin" / "glusterfs"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}/bin:{os.environ['PATH']}")


def words(place: Path) -> List[str]:
    return (place / "words").read_text().split("\0")[:-1]


def test_arguments_of_glusterfs(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Port and transport come after the server they are for: before it, glusterfs ignores them."""
    fake(place, monkeypatch, f"printf '%s\\0' \"$@\" > {place}/words")
    mine = volume(place, "Node1", "fd99::2", port="24010")
    with pytest.raises(VolumeError):
        mine.Mount()
    assert words(place) == [
        "--volfile-server=node1",
        "--volfile-server-transport=tcp",
        "--volfile-server-port=24010",
        "--volfile-server=fd99::2",
        "--volfile-server-transport=tcp",
        "--volfile-server-port=24010",
        "--volfile-id=/gv0",
        "--process-name=fuse",
        "--direct-io-mode=enable",
        "--reader-thread-count=2",
        f"{place}/gluster.d/gv0@node1:24010",
    ]
    assert not (place / "gluster.d" / "gv0@node1:24010").exists(), "no mount point is left behind"
    with pytest.raises(VolumeError):
        volume(place, SOCKET).Mount()
    assert words(place)[:2] == [f"--volfile-server={SOCKET}", "--volfile-server-transport=unix"]


def test_a_failure_says_which_volume_and_what_to_do(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(place, monkeypatch, "exit 107")
    for servers, why in (
        (("127.0.0.1", "127.0.0.2"), "127.0.0.1:1: Connection refused; 127.0.0.2:1: Connection refused"),
        (("/run/none.socket",), "/run/none.socket: No such file or directory"),
    ):
        with pytest.raises(VolumeError) as caught:
            volume(place, *servers, port=1).Mount()
        assert str(caught.value) == (
            f"volume gv0 cannot be mounted from {', '.join(servers)}: {why}; is glusterd running there?"
        )


def test_one_of_several_servers_is_enough(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that cannot be reached is not the cause, or not the only one."""
    fake(place, monkeypatch, "exit 107")
    with socket.create_server(("127.0.0.3", 0)) as listening:
        mine = volume(place, "127.0.0.1", "127.0.0.3", port=listening.getsockname()[1])
        with pytest.raises(VolumeError) as caught:
            mine.Mount()
    assert "127.0.0.1:" in str(caught.value)
    assert "is it there, and started? `gluster volume info gv0`" in str(caught.value)


def test_there_may_be_no_glusterfs_at_all(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(place))
    with pytest.raises(VolumeError, match="cannot be mounted"):
        volume(place, port=1).Mount()


def test_a_mount_that_hangs_is_given_up(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(place, monkeypatch, f"echo $$ > {place}/pid; sleep 600")
    monkeypatch.setattr(mount_module, "_MOUNT_TIMEOUT", 0.5)
    monkeypatch.setattr(mount_module, "try_connect", lambda server, port: None)
    started = time.monotonic()
    with pytest.raises(VolumeError, match=r"glusterfs did not end within 0\.5 s"):
        volume(place).Mount()
    assert time.monotonic() - started < 10
    pid = int((place / "pid").read_text())
    wait_until(lambda: has_ended(pid), "the end of what was killed", 10)


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or waits for init to take note of its end."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_lock_that_is_never_given_up(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = volume(place)
    assert not mine.holds("a")
    assert mine.unmount_when_idle(), "it is not mounted"
    (directory,) = (place / "uses").iterdir()
    monkeypatch.setattr(mount_users, "LOCK_TIMEOUT", 0.2)
    with open(directory / "lock") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        for act in (mine.Mount, mine.unmount_when_idle, lambda: mine.hold("a"), lambda: mine.release("a")):
            with pytest.raises(VolumeError, match="volume gv0: another process has kept its lock"):
                act()


def test_a_process_killed_while_it_mounts_is_waited_for(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it started goes on, and would mount it under the feet of the next one."""
    fake(place, monkeypatch, f"echo > {place}/began; read line < {place}/pipe; echo > {place}/ended")
    os.mkfifo(place / "pipe")
    script = (
        "import sys; from ganeti_gluster_mon.backend.volume import GlusterVolume; "
        "GlusterVolume('127.0.0.1', 24007, 'gv0', (), sys.argv[1] + '/gluster', sys.argv[1] + '/uses').Mount()"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(place)]) as killed:
        wait_until((place / "began").exists, "glusterfs")
        killed.kill()
    monkeypatch.setattr(mount_users, "LOCK_TIMEOUT", 0.2)
    with pytest.raises(VolumeError, match="another process has kept its lock"):
        volume(place).unmount_when_idle()
    (place / "pipe").write_text("go on\n")
    monkeypatch.setattr(mount_users, "LOCK_TIMEOUT", 30)
    assert volume(place).unmount_when_idle()
    assert (place / "ended").exists()


def test_what_is_not_mounted_cannot_be_unmounted_nor_looked_at(place: Path) -> None:
    mine = volume(place)
    assert not mine.is_mounted()
    for act in (mine.Unmount, mine.statvfs):
        with pytest.raises(VolumeError, match="volume gv0 is not mounted at"):
            act()
    mine.release("nobody")


def test_a_mount_that_disappears_while_it_is_opened(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is below the mount point is not the volume: no disk may be made there."""
    mine = volume(place)
    monkeypatch.setattr(VolumeMount, "mount", lambda self: os.makedirs(self.path))
    with pytest.raises(VolumeError, match=r"volume gv0: its mount at \S+ disappeared"), mine.mounted():
        pass
    monkeypatch.setattr(VolumeMount, "mount", lambda self: None)
    os.rmdir(mine.own_mount_point)
    with pytest.raises(VolumeError, match=r"volume gv0: cannot open \S+: No such file"), mine.mounted():
        pass


def test_where_no_file_can_be_created(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where /run is full: one clear line, and what was mounted is unmounted."""
    mine = volume(place)
    mounted: List[str] = []
    real = os.open

    def no_space(path: str, flags: int, *more: int) -> int:
        if flags & os.O_CREAT and os.path.basename(path) not in ("lock", "change"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, flags, *more)

    monkeypatch.setattr(VolumeMount, "mount", lambda self: mounted.append("gv0"))
    monkeypatch.setattr(VolumeMount, "unmount_if_unused_locked", lambda self: mounted.clear())
    monkeypatch.setattr(VolumeMount, "open_root", lambda self: Directory("/", real("/", os.O_PATH)))
    monkeypatch.setattr(os, "open", no_space)
    for act in (lambda: mine.hold(DISK), mine.keep, lambda: mine.mounted().__enter__()):
        with pytest.raises(VolumeError, match=r"volume gv0: cannot open \S+: No space left on device"):
            act()
        assert mounted == []


def test_nothing_of_a_name_reaches_a_shell(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even what passes as a directory: it is one word of the mount's."""
    fake(place, monkeypatch, f"printf '%s\\0' \"$@\" > {place}/words")
    strange = place / "$(touch pwned); `id` 'x'"
    mine = GlusterVolume("127.0.0.1", 1, "gv0", (), str(strange), str(place / "uses"))
    with pytest.raises(VolumeError):
        mine.Mount()
    assert words(place)[-1] == f"{strange}.d/gv0@127.0.0.1:1"
    assert not (place / "pwned").exists()


def test_children_do_not_inherit_the_lock(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(place, monkeypatch, f"ls -l /proc/self/fd > {place}/words")
    with pytest.raises(VolumeError):
        volume(place, port=1).Mount()
    listed = (place / "words").read_text()
    assert "lock" not in listed and "change" not in listed
    assert subprocess.run(["pgrep", "-f", f"{place}/bin/glusterfs"], check=False).returncode == 1


def test_the_daemon_is_not_shut_out(place: Path) -> None:
    """noded has the umask 077.  The daemon can read the directory all the same."""
    before = os.umask(0o077)
    try:
        GlusterVolume(
            "127.0.0.1", 24007, "gv0", (), str(place / "gluster"), str(place / "run" / "mounts")
        ).unmount_when_idle()
    finally:
        os.umask(before)
    assert (place / "run").stat().st_mode & 0o777 == 0o755
    (mounts,) = (place / "run" / "mounts").iterdir()
    assert mounts.stat().st_mode & 0o777 == 0o700
