"""gluster:// URIs as Ganeti 3.1 hands them to QEMU: what is wrong there is replaced, what is right stays."""

from __future__ import annotations

import types
from typing import Any, Dict

import pytest

from ganeti_gluster_mon.backend import guests
from ganeti_gluster_mon.backend.kvm_blockdev import blockdev, flatten, is_in, repair
from ganeti_gluster_mon.backend.volume import GlusterVolume

URI = "gluster://node1:24007/gv0/ganeti/a.0"
INET = {"type": "inet", "host": "node1", "port": "24007"}
#: of Ganeti 3.1.0~rc2 on Debian 13 with `FlattenDict` repaired
COMMAND_LINE = (
    b"/usr/bin/kvm\0-name\0g1\0-blockdev\0driver=raw,node-name=disk-1,discard=ignore,cache.direct=on,"
    b"cache.no-flush=off,file.driver=gluster,file.server.0.type=inet,file.server.0.host=node1,"
    b"file.server.0.port=24007,file.volume=gv0,file.path=ganeti/a.0,auto-read-only=off\0"
)


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


def test_lists_are_flattened() -> None:
    tree = {"driver": "raw", "cache": {"direct": True, "no-flush": False}, "file": blockdev(URI)}
    assert flatten(tree) == {
        "driver": "raw",
        "cache.direct": "on",
        "cache.no-flush": "off",
        "file.driver": "gluster",
        "file.server.0.type": "inet",
        "file.server.0.host": "node1",
        "file.server.0.port": "24007",
        "file.volume": "gv0",
        "file.path": "ganeti/a.0",
    }


def ganetis(flatten_dict: Any, parse: Any) -> Any:
    """A module with the names of Ganeti's kvm_utils."""
    module = types.ModuleType("kvm_utils")
    module.FlattenDict = flatten_dict  # type: ignore[attr-defined]
    module.ParseStorageUriToBlockdevParam = parse  # type: ignore[attr-defined]
    return module


def as_in_3_1(d: Dict[str, Any], parent_key: str = "", sep: str = ".") -> Dict[str, Any]:
    """Does not flatten lists."""
    flat: Dict[str, Any] = {}
    for key, value in d.items():
        name = f"{parent_key}{sep}{key}" if parent_key else key
        flat.update(as_in_3_1(value, name) if isinstance(value, dict) else {name: value})
    return flat


def test_what_is_wrong_is_replaced() -> None:
    def refuses(uri: str) -> Any:
        raise ValueError(f"not for Gluster: {uri}")

    module = ganetis(as_in_3_1, refuses)
    assert repair(module) == ("FlattenDict", "ParseStorageUriToBlockdevParam")
    assert module.FlattenDict({"file": {"server": [INET]}})["file.server.0.host"] == "node1"
    assert module.FlattenDict({"path": "a,file.x=y"}) == {"path": "a,,file.x=y"}
    assert module.ParseStorageUriToBlockdevParam(URI)["volume"] == "gv0"
    with pytest.raises(ValueError, match="not for Gluster: rbd:pool/image"):
        module.ParseStorageUriToBlockdevParam("rbd:pool/image")
    assert repair(module) == ()


def test_what_is_right_stays() -> None:
    module = ganetis(flatten, blockdev)
    assert repair(module) == ()
    assert (module.FlattenDict, module.ParseStorageUriToBlockdevParam) == (flatten, blockdev)


def test_a_guest_of_3_1_is_found_by_its_block_device() -> None:
    assert guests.names(COMMAND_LINE, URI)
    # by whichever server: the volume and the path name the disk
    assert guests.names(COMMAND_LINE, URI.replace("node1", "node2"))
    assert not guests.names(COMMAND_LINE, URI.replace("a.0", "a.00"))
    assert not guests.names(COMMAND_LINE, URI.replace("gv0", "gv1"))
    assert not guests.names(COMMAND_LINE.replace(b"/usr/bin/kvm", b"/usr/bin/grep"), URI)


def test_a_doubled_comma_is_one_of_the_path() -> None:
    option = "driver=raw,file.driver=gluster,file.volume=gv0,file.path=a,,b,node-name=x"
    assert is_in(option, "gluster://node1:24007/gv0/a%2Cb")
    assert not is_in(option, "gluster://node1:24007/gv0/a")
