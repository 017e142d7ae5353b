"""The servers of a volume."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.backend.volume import GlusterVolume, VolumeError
from tests.unit.backend.test_volume import SOCKET

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


@pytest.mark.parametrize("port", ["", "0", "65536", "-1", "24007 ", "2e4", "²", None, 1.5, "9" * 300])
def test_a_port_that_is_none(port: object) -> None:
    with pytest.raises(VolumeError, match="is not a port"):
        GlusterVolume("127.0.0.1", port, "gv0")


def test_a_socket_stands_alone() -> None:
    for servers in ((SOCKET, "node1"), ("node1", SOCKET), (SOCKET, SOCKET)):
        with pytest.raises(VolumeError, match="with a socket there can be no other server"):
            GlusterVolume(servers[0], 24007, "gv0", servers[1:])
