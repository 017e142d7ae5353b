"""The URI of a disk as parameters of QEMU's block driver."""

from __future__ import annotations

from typing import Dict

import pytest

from ganeti_gluster_mon.backend.gluster_uri import blockdev, is_in
from ganeti_gluster_mon.backend.volume import GlusterVolume
from tests.unit.backend.blockdev.test_kvm_blockdev import INET, URI


@pytest.mark.parametrize(
    ("uri", "server", "volume", "path"),
    [
        (URI, INET, "gv0", "ganeti/a.0"),
        ("gluster://node1/gv0/a", INET, "gv0", "a"),
        ("gluster+tcp://node1:24007/gv0/a", INET, "gv0", "a"),
        ("gluster://node_1.lab:1/g_v/a", {**INET, "host": "node_1.lab", "port": "1"}, "g_v", "a"),
        ("gluster://[fd99::1]:24007/gv0/a", {**INET, "host": "fd99::1"}, "gv0", "a"),
        ("gluster://fd99%3A%3A1:24007/gv0/a%2Cb", {**INET, "host": "fd99::1"}, "gv0", "a,b"),
        ("gluster+unix:///gv0/a/b?socket=/run/x", {"type": "unix", "path": "/run/x"}, "gv0", "a/b"),
    ],
)
def test_a_uri_as_parameters_of_a_block_device(
    uri: str, server: Dict[str, str], volume: str, path: str
) -> None:
    assert blockdev(uri) == {"driver": "gluster", "server": [server], "volume": volume, "path": path}


@pytest.mark.parametrize(
    "uri",
    [
        "rbd:pool/image",
        "/dev/loop0",
        "gluster://node1:24007/gv0",
        "gluster:///gv0/a",
        "gluster+unix:///gv0/a",
    ],
)
def test_no_uri_of_a_file_on_gluster(uri: str) -> None:
    assert blockdev(uri) is None


@pytest.mark.parametrize("server", ["node1", "node_1.lab", "10.0.0.1", "fd99::1", "/run/glusterd.socket"])
def test_what_the_backend_writes_is_read_back(server: str) -> None:
    volume = GlusterVolume(server, 24007, "gv0", (), "/var/run/ganeti/gluster")
    found = blockdev(volume.GetKVMMountString("ganeti/a b,c.0"))
    assert found is not None
    assert (found["volume"], found["path"]) == ("gv0", "ganeti/a b,c.0")
    assert server in found["server"][0].values()


def test_a_doubled_comma_is_one_of_the_path() -> None:
    option = "driver=raw,file.driver=gluster,file.volume=gv0,file.path=a,,b,node-name=x"
    assert is_in(option, "gluster://node1:24007/gv0/a%2Cb")
    assert not is_in(option, "gluster://node1:24007/gv0/a")
