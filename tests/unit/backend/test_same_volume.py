"""A mount is known by its volume, whatever server it was made from; and never taken for another pool's volume."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Any, Callable, Dict, FrozenSet, List, Tuple

import pytest

from ganeti_gluster_mon.backend import mount as mount_module
from ganeti_gluster_mon.backend import same_volume
from ganeti_gluster_mon.backend.directory import Directory
from ganeti_gluster_mon.backend.mount import UnmountResult, VolumeMount
from ganeti_gluster_mon.backend.volume import GlusterVolume, VolumeError
from ganeti_gluster_mon.backend.volumes_used import volumes_used
from ganeti_gluster_mon.gluster import lookup, volfile
from ganeti_gluster_mon.gluster.model import Mount

DISK = "ganeti/164e8e2b-1bf0-4656-a15f-4b78ef93b895.0"
VOLFILE = """
volume gv0-client-0
    type protocol/client
    option remote-subvolume /export/b 1/gv0
    option remote-host Node1.lab.test
    option ping-timeout 42
end-volume

volume gv0-client-1
    type protocol/client
    option remote-host node2.lab.test
    option remote-subvolume /export/b1/gv0
end-volume

volume gv0-replicate-0
    type cluster/replicate
    option remote-host nowhere
    option remote-subvolume /nothing
    subvolumes gv0-client-0 gv0-client-1
end-volume
"""
BRICKS = frozenset({("node1.lab.test", "/export/b 1/gv0"), ("node2.lab.test", "/export/b1/gv0")})


# --- the volfile --------------------------------------------------------------------------------------------------


# --- one volume or two --------------------------------------------------------------------------------------------

NAMES = {
    "node1": ["192.0.2.1"],
    "node1.example.org": ["192.0.2.1", "2001:db8::1"],
    "node2": ["192.0.2.2"],
    "here": ["127.0.0.1"],
    "other": ["192.0.2.9"],
}


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> Dict[str, FrozenSet[volfile.Brick]]:
    """Names as in NAMES, and no server that answers; the bricks that servers and mounts show can be put in."""

    def addresses(host: str, flags: int) -> Tuple[lookup.Address, ...]:
        if flags == socket.AI_NUMERICHOST:
            try:
                found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
            except OSError:
                return ()
            return tuple((family, address) for family, _, _, _, address in found)
        return tuple(
            (socket.AF_INET6, (each, 0, 0, 0)) if ":" in each else (socket.AF_INET, (each, 0))
            for each in NAMES.get(host, [])
        )

    bricks: Dict[str, FrozenSet[volfile.Brick]] = {}
    monkeypatch.setattr(lookup, "_addresses", addresses)
    monkeypatch.setattr(
        same_volume,
        "_bricks_by_server",
        lambda volume, servers, port, addresses: bricks.get(servers[0], frozenset()),
    )
    monkeypatch.setattr(same_volume, "_bricks_by_client", lambda mount: bricks.get(mount.path, frozenset()))
    return bricks


def at(path: str, *servers: str, volume: str = "gv0", subdirectory: str = "") -> Mount:
    return Mount(volume, path, servers, subdirectory, device_number="0:57")


GANETI = "/run/ganeti/gluster"
OURS = f"{GANETI}.d/gv0@node1:24007"


@pytest.mark.parametrize(
    ("mount", "servers", "same"),
    [
        (at(GANETI, "node1"), ["node1"], True),
        (at(GANETI, "node1"), ["node2", "node1"], True),
        (at(GANETI, "192.0.2.1"), ["node1"], True),
        (at(GANETI, "2001:db8::1"), ["node1.example.org"], True),
        (at(GANETI, "node1"), ["node1.example.org"], True),
        (at(GANETI, "127.0.0.2"), ["here"], True),  # all of 127/8 is this host
        (at(GANETI, "127.0.0.1"), ["node1"], False),
        (at(GANETI, "node1"), ["other"], False),
        (at(GANETI, "nowhere"), ["nobody"], False),
        (at(GANETI, "node1"), ["/var/run/glusterd.socket"], False),
        (at(GANETI, "node1", volume="gv1"), ["node1"], False),
        (at(GANETI, "node1", subdirectory="a"), ["node1"], False),
        (at(OURS, "node1"), ["node1"], True),
        (at(f"{GANETI}.d/gv0@node1:24010", "node1"), ["node1"], False),
    ],
)
def test_whether_a_mount_is_of_the_volume(mount: Mount, servers: List[str], same: bool) -> None:
    assert same_volume.is_same(mount, "gv0", servers, 24007) is same


def test_a_common_brick_shows_the_same_pool(network: Dict[str, FrozenSet[volfile.Brick]]) -> None:
    mount = at(GANETI, "node1")
    network["other"] = BRICKS
    assert not same_volume.is_same(mount, "gv0", ["other"], 24007), "the mount does not answer"
    network[GANETI] = frozenset({("node2.lab.test", "/export/b1/gv0"), ("node3.lab.test", "/export/b1/gv0")})
    assert same_volume.is_same(mount, "gv0", ["other"], 24007)
    network["other"] = frozenset({("node8.lab.test", "/export/b1/gv0")})
    assert not same_volume.is_same(mount, "gv0", ["other"], 24007), "another pool's volume of this name"


def test_bricks_of_a_mount_are_read_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(same_volume, "_CLIENT_TIMEOUT", 0.3)
    mount = at(str(tmp_path), "node1")
    assert same_volume._bricks_by_client(mount) == frozenset()
    file = tmp_path / ".meta" / "graphs" / "active" / "volfile"
    file.parent.mkdir(parents=True)
    os.mkfifo(file)  # which hangs when it is opened
    assert same_volume._bricks_by_client(mount) == frozenset()
    file.unlink()
    file.write_text(VOLFILE)
    monkeypatch.setattr(same_volume, "_CLIENT_TIMEOUT", 10)
    assert same_volume._bricks_by_client(mount) == BRICKS


# --- what becomes of mounts when host= is changed -----------------------------------------------------------------


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> List[Mount]:
    """The kernel's table of mounts; mounting and unmounting change nothing else."""
    found: List[Mount] = []

    def mount(self: VolumeMount) -> None:
        if self.current() is None:
            found.append(at(self.path, *self.servers[:1], volume=self.volume))

    def unmount(self: VolumeMount, lazy: bool) -> None:
        found[:] = [each for each in found if each.path != self.path]

    monkeypatch.setattr(mount_module, "_volume_mounts", lambda: list(found))
    monkeypatch.setattr(VolumeMount, "mount", mount)
    monkeypatch.setattr(VolumeMount, "unmount", unmount)
    return found


def volume(tmp_path: Path, server: str, *backup: str, name: str = "gv0", port: int = 24007) -> GlusterVolume:
    return GlusterVolume(server, port, name, backup, str(tmp_path / "gluster"), str(tmp_path / "uses"))


def test_a_disk_is_released_from_the_mount_that_it_was_held_on(tmp_path: Path, table: List[Mount]) -> None:
    """The servers were changed while the guest ran, to ones that are not known to be of the same pool."""
    before, after = volume(tmp_path, "node1", "node2"), volume(tmp_path, "other")
    point = before.hold(DISK)
    assert after.holds(DISK)
    assert after.is_held()
    assert after.path_of(DISK) == point
    assert after.mount_point != point
    assert [each.path for each in after.mounts()] == [point]
    after.release(DISK)
    assert not before.is_held()
    assert table == []


def test_another_server_of_the_pool_uses_the_same_mount(
    tmp_path: Path, table: List[Mount], network: Dict[str, FrozenSet[volfile.Brick]]
) -> None:
    before, swapped = volume(tmp_path, "node1", "node2"), volume(tmp_path, "node2", "node1")
    by_address, by_bricks = volume(tmp_path, "192.0.2.1"), volume(tmp_path, "other")
    point = before.hold(DISK)
    network.update({"other": BRICKS, point: BRICKS})
    for each in (swapped, by_address, by_bricks):
        assert each.own_mount_point != point
        assert each.hold("ganeti/second.0") == each.mount_point == point
        assert each.device_number == "0:57"
        assert len(table) == 1
        each.release("ganeti/second.0")
    assert len(table) == 1
    swapped.release(DISK)
    assert table == []
    assert swapped.hold(DISK) == swapped.own_mount_point, "not mounted any more, it is mounted at its own"


def test_a_volume_of_another_pool_has_a_mount_of_its_own(tmp_path: Path, table: List[Mount]) -> None:
    here, there = volume(tmp_path, "node1"), volume(tmp_path, "other")
    points = [here.hold("ganeti/here.0"), there.hold("ganeti/there.0")]
    assert points == [here.own_mount_point, there.own_mount_point]
    assert len(table) == 2
    here.release("ganeti/here.0")
    assert [each.path for each in table] == [there.own_mount_point]
    assert here.unmount_if_unused() is UnmountResult.HELD
    there.release("ganeti/there.0")
    assert table == []


def test_a_mount_of_ganetis_own_by_address_is_used_and_left(tmp_path: Path, table: List[Mount]) -> None:
    own = str(tmp_path / "gluster")
    table.append(at(own, "192.0.2.1"))
    mine = volume(tmp_path, "node1")
    assert mine.mount_point == own
    assert mine.hold(DISK) == own
    mine.release(DISK)
    assert mine.unmount_if_unused() is UnmountResult.DONE, "nothing is left that it may unmount"
    assert not mine.is_needed()
    assert len(table) == 1


def test_a_holder_that_an_earlier_version_recorded_is_released(tmp_path: Path, table: List[Mount]) -> None:
    """It recorded those of a mount at Ganeti's own directory at the volume's own mount point."""
    mine = volume(tmp_path, "node1")
    mine.hold(DISK)
    table[:] = [at(str(tmp_path / "gluster"), "node1")]
    assert mine.holds(DISK)
    assert mine.path_of(DISK) == str(tmp_path / "gluster")
    mine.release(DISK)
    assert not mine.holds(DISK)


def test_a_moment_ends_with_the_mount_it_began_with(
    tmp_path: Path, table: List[Mount], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VolumeMount, "open_root", lambda self: Directory(self.path, os.open("/", os.O_PATH)))
    before, after = volume(tmp_path, "node1"), volume(tmp_path, "other")
    with before.mounted():
        assert before.unmount_if_unused() is UnmountResult.IN_USE
        assert after.unmount_if_unused() is UnmountResult.IN_USE
        assert after.is_needed()
    assert table == []


def test_the_volumes_used_are_those_of_their_own_mount_points(tmp_path: Path, table: List[Mount]) -> None:
    mine = volume(tmp_path, "node1")
    mine.hold(DISK)
    table.append(at(str(tmp_path / "gluster"), "192.0.2.7", volume="gv7"))
    found = volumes_used(str(tmp_path / "gluster"), str(tmp_path / "uses"))
    assert [(each.volume, each.server_addr) for each in found] == [("gv0", "node1"), ("gv7", "192.0.2.7")]


# --- names --------------------------------------------------------------------------------------------------------


def test_a_volume_may_be_written_with_a_slash(tmp_path: Path) -> None:
    assert volume(tmp_path, "node1", name="/testvol") == volume(tmp_path, "node1", name="testvol")
    for name in ("//testvol", "/", "/a/b", "/-a"):
        with pytest.raises(VolumeError, match="cannot be the name of a Gluster volume"):
            volume(tmp_path, "node1", name=name)


def test_a_host_that_cannot_be_resolved_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before glusterfs is started, which would only report that it failed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    words = (
        r"volume gv0: the host name nobody cannot be resolved on this node: correct the disk parameter host"
    )
    with pytest.raises(VolumeError, match=words):
        volume(tmp_path, "nobody").Mount()
    with pytest.raises(VolumeError, match="the host name nobody and none cannot be resolved"):
        volume(tmp_path, "nobody", "none").Mount()
    with pytest.raises(VolumeError, match=r"cannot be mounted from nobody, 127\.0\.0\.1"):
        volume(tmp_path, "nobody", "127.0.0.1", port=1).Mount()
    with pytest.raises(VolumeError, match=words):
        volume(tmp_path, "nobody", "node1").check_server()
    for server in ("node1", "192.0.2.1", "::1", "/run/socket"):
        volume(tmp_path, server).check_server()


def recording(function: Callable[..., Any], paths: List[str]) -> Callable[..., Any]:
    """*function*, which records the path that it is called with."""

    def called(path: Any, *more: Any, **named: Any) -> Any:
        paths.append(str(path))
        return function(path, *more, **named)

    return called


def test_a_mount_at_ganetis_directory_is_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """lstat(2) of it hangs where its volume does; all other volumes would hang with it."""
    (tmp_path / "real" / "gluster").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "end").symlink_to("gluster")
    looked_at: List[str] = []
    for name in ("stat", "lstat"):
        monkeypatch.setattr(os, name, recording(getattr(os, name), looked_at))
    for directory in ("link/gluster", "link/end", "real/gluster"):
        mine = GlusterVolume("node1", 24007, "gv0", (), str(tmp_path / directory), str(tmp_path / "uses"))
        assert mine.mount_point == f"{tmp_path}/real/gluster.d/gv0@node1:24007"
    assert looked_at
    assert not [path for path in looked_at if path.endswith(("/gluster", "/end"))]
    assert stat.S_ISDIR(os.stat(tmp_path / "real" / "gluster").st_mode)
