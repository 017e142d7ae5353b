"""A Gluster volume as a place for disks: its names, its URIs, the words for glusterfs, and nothing waits for ever.

What needs a mount is in tests/lab_tests/test_backend.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ganeti_gluster_mon.backend.volume import GlusterVolume, VolumeError

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


@pytest.mark.parametrize("name", ["", "-v", "a b", "a/b", "..", "$(id)", "a;b", "a\n", "ö", "a.b", "a:b"])
def test_a_name_that_is_no_volumes(name: str) -> None:
    with pytest.raises(VolumeError, match="cannot be the name of a Gluster volume"):
        GlusterVolume("127.0.0.1", 24007, name)


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
