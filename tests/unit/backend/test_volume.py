"""A Gluster volume as a place for disks: its names, its URIs, the words for glusterfs, and nothing waits for ever.

What needs a mount is in tests/lab_tests/test_backend.py.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import List
from urllib.parse import quote

import psutil
import pytest

from ganeti_gluster_mon.backend import mount as mount_module
from ganeti_gluster_mon.backend import mount_users
from ganeti_gluster_mon.backend.directory import Directory
from ganeti_gluster_mon.backend.mount import VolumeMount
from ganeti_gluster_mon.backend.volume import GlusterVolume, VolumeError
from ganeti_gluster_mon.backend.volumes_used import volumes_used
from tests.lab.waiting import wait_until

#: how Ganeti 3.1 reads a URI
GANETI_31 = re.compile(r"^gluster:\/\/([a-z0-9-.]+):(\d+)/([^/]+)/(.+)$")
DISK = "ganeti/164e8e2b-1bf0-4656-a15f-4b78ef93b895.0"
SOCKET = "/var/run/glusterd.socket"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path


def volume(place: Path, server: str = "127.0.0.1", *backup: str, port: object = 24007) -> GlusterVolume:
    return GlusterVolume(server, port, "gv0", backup, str(place / "gluster"), str(place / "uses"))


@pytest.mark.parametrize(
    "server",
    ["127.0.0.1", "node1.example.org", "Node1.Example.ORG", "localhost", "n-1", "x" * 63 + ".example.org"],
)
def test_ganeti_31_reads_our_uris(server: str) -> None:
    uri = GlusterVolume(server, 24008, "gv-0_a").GetKVMMountString(DISK)
    found = GANETI_31.match(uri)
    assert found
    assert found.groups() == (server.lower(), "24008", "gv-0_a", DISK)


@pytest.mark.parametrize(
    ("server", "uri"),
    [
        ("fd99::1", "gluster://fd99%3A%3A1:24007/gv0/a.0"),
        ("[FD99:0:0::1]", "gluster://fd99%3A%3A1:24007/gv0/a.0"),
        (SOCKET, f"gluster+unix:///gv0/a.0?socket={SOCKET}"),
    ],
)
def test_uris_of_other_addresses(server: str, uri: str) -> None:
    assert GlusterVolume(server, 24007, "gv0").GetKVMMountString("a.0") == uri


def test_a_path_cannot_end_the_uri_nor_the_option_of_qemu() -> None:
    uri = GlusterVolume("127.0.0.1", 24007, "gv0").GetKVMMountString("a b,c=d?e#f%20/ö")
    assert uri == "gluster://127.0.0.1:24007/gv0/a%20b%2Cc%3Dd%3Fe%23f%2520/%C3%B6"


HOSTILE = [
    "",
    " ",
    "a b",
    "-o",
    "--volfile=/etc/passwd",
    "$(reboot)",
    "a;b",
    "a\nb",
    "a\0b",
    "..",
    ".",
    "a/../b",
    "a,b",
    "a@b",
    "ö",
    "x" * 300,
    "[::1",
    "::1]",
    "[]",
    "fe80::1%eth0; reboot",
    "1:2",
    "a..b",
    ".a",
    "a.",
    "x" * 64,
    "x" * 64 + ".example",
    "example." + "x" * 64,
    ".".join(["x" * 60] * 5),
    "/",
    "/a/../b",
    "/a//b",
    "/a:/gv1",
    "/" + "x" * 120,
    "/a b",
]


@pytest.mark.parametrize("server", HOSTILE)
def test_a_server_that_is_none(server: str) -> None:
    for servers in ((server, ()), ("127.0.0.1", (server,))):
        with pytest.raises(VolumeError, match="can be neither a host nor a socket"):
            GlusterVolume(servers[0], 24007, "gv0", servers[1])


@pytest.mark.parametrize("name", ["", "-v", "a b", "a/b", "..", "$(id)", "a;b", "a\n", "ö", "a.b", "a:b"])
def test_a_name_that_is_no_volumes(name: str) -> None:
    with pytest.raises(VolumeError, match="cannot be the name of a Gluster volume"):
        GlusterVolume("127.0.0.1", 24007, name)


@pytest.mark.parametrize("port", ["", "0", "65536", "-1", "24007 ", "2e4", "²", None, 1.5, "9" * 300])
def test_a_port_that_is_none(port: object) -> None:
    with pytest.raises(VolumeError, match="is not a port"):
        GlusterVolume("127.0.0.1", port, "gv0")


def test_a_directory_has_to_be_absolute() -> None:
    with pytest.raises(VolumeError, match="absolute"):
        GlusterVolume("127.0.0.1", 24007, "gv0", (), "gluster")


def test_the_same_volume_is_equal_whatever_else_differs(place: Path) -> None:
    assert volume(place, "Node1") == GlusterVolume("node1", "24007", "gv0", ["node2"])
    assert len({volume(place, "node1"), volume(place, "NODE1"), volume(place, "node1", port=24008)}) == 2
    assert volume(place) != "gv0"
    assert repr(volume(place)) == 'GlusterVolume("127.0.0.1", 24007, "gv0")'


def test_each_volume_has_a_mount_point_of_its_own(place: Path) -> None:
    assert volume(place).mount_point == f"{place}/gluster.d/gv0@127.0.0.1:24007"
    assert volume(place, SOCKET).mount_point == f"{place}/gluster.d/gv0@%2Fvar%2Frun%2Fglusterd.socket:24007"
    (place / "link").symlink_to(place)
    through = GlusterVolume("::1", 24007, "gv0", (), f"{place}/link/gluster")
    assert through.mount_point == f"{place}/gluster.d/gv0@::1:24007", "as the kernel will name it"


def fake(place: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A `glusterfs` that does what *script* says, and mounts nothing."""
    (place / "bin").mkdir()
    program = place / "bin" / "glusterfs"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}/bin:{os.environ['PATH']}")


def words(place: Path) -> List[str]:
    return (place / "words").read_text().split("\0")[:-1]


def test_what_glusterfs_is_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    """Then it is not they who are to blame, or not they alone."""
    fake(place, monkeypatch, "exit 107")
    with socket.create_server(("127.0.0.3", 0)) as listening:
        mine = volume(place, "127.0.0.1", "127.0.0.3", port=listening.getsockname()[1])
        with pytest.raises(VolumeError) as caught:
            mine.Mount()
    assert "127.0.0.1:" in str(caught.value)
    assert "is it there, and started? `gluster volume info gv0`" in str(caught.value)


def test_a_socket_stands_alone() -> None:
    for servers in ((SOCKET, "node1"), ("node1", SOCKET), (SOCKET, SOCKET)):
        with pytest.raises(VolumeError, match="with a socket there can be no other server"):
            GlusterVolume(servers[0], 24007, "gv0", servers[1:])


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


def test_who_is_killed_while_it_mounts_is_waited_for(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.parametrize("holder", [DISK, "a/b", "..", "ö", "a b", "$(x)"])
def test_a_holder_is_one_file_whatever_its_name(place: Path, holder: str) -> None:
    mine = volume(place)
    mine.unmount_when_idle()
    (directory,) = (place / "uses").iterdir()
    (directory / f"use-{quote(holder, safe='')}").touch()
    assert mine.holds(holder)
    assert mine.is_held()
    mine.release(holder)
    assert not mine.is_held()
    assert sorted(each.name for each in directory.iterdir()) == ["change", "lock"]


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


def test_a_holder_with_too_long_a_name(place: Path) -> None:
    with pytest.raises(VolumeError, match="too long"):
        volume(place).holds("x" * 300)


def test_the_volumes_that_were_used(place: Path) -> None:
    mine = [volume(place), volume(place, SOCKET), volume(place, "fd99::1", port=24008)]
    for each in (*mine, volume(place, "only.tried")):
        each.unmount_when_idle()
    for each in mine:
        (place / "uses" / quote(each.own_mount_point, safe="") / "held").touch()
    elsewhere = GlusterVolume("127.0.0.1", 24007, "gv1", (), "/elsewhere", str(place / "uses"))
    elsewhere.unmount_when_idle()
    (place / "uses" / quote(elsewhere.own_mount_point, safe="") / "held").touch()
    (place / "uses" / "nonsense").mkdir()
    found = volumes_used(str(place / "gluster"), str(place / "uses"))
    assert set(found) == set(mine)
    assert {each.own_mount_point for each in found} == {each.own_mount_point for each in mine}
    assert volumes_used(str(place / "gluster"), str(place / "none")) == []


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
    """noded makes what only root can look into, unless it is told otherwise."""
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
