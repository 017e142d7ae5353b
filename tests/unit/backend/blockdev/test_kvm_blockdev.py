"""gluster:// URIs as Ganeti 3.1 hands them to QEMU: what is wrong there is replaced, what is right stays."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, Dict, Optional

import pytest

from ganeti_gluster_mon.backend.blockdev import kvm_blockdev
from ganeti_gluster_mon.backend.blockdev.kvm_blockdev import flatten, repair, unrepaired
from ganeti_gluster_mon.backend.extstorage import provider
from ganeti_gluster_mon.backend.extstorage.request import Request
from ganeti_gluster_mon.backend.file_device import DiskError
from ganeti_gluster_mon.backend.gluster_uri import blockdev

URI = "gluster://node1:24007/gv0/ganeti/a.0"
INET = {"type": "inet", "host": "node1", "port": "24007"}


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


#: of kvm_utils of Ganeti 3.1.0~rc2
KVM_UTILS = """
from ganeti import constants

def TranslateBoolToOnOff(value):
  return "on" if value else "off"

def FlattenDict(d, parent_key='', sep='.'):
  items = []
  for k, v in d.items():
    if isinstance(v, bool):
      v = TranslateBoolToOnOff(v)
    new_key = f"{parent_key}{sep}{k}" if parent_key else k
    if isinstance(v, dict):
      items.extend(FlattenDict(v, new_key, sep=sep).items())
    else:
      items.append((new_key, v))
  return dict(items)
"""
PATCHED = KVM_UTILS.replace(
    "    if isinstance(v, dict):",
    "    if isinstance(v, list):\n"
    "      v = {str(index): item for index, item in enumerate(v)}\n"
    "    if isinstance(v, dict):",
)


@pytest.mark.parametrize(
    ("text", "dropin", "expected"),
    [
        (KVM_UTILS, False, True),
        (KVM_UTILS, True, False),
        (PATCHED, False, False),
        ("def Another():\n  pass\n", False, False),
        ("no Python", False, False),
        (None, False, False),
    ],
    ids=["3.1", "3.1 with the drop-in", "a later one", "another", "broken", "3.0"],
)
def test_whether_guests_start_with_userspace_access(
    tmp_path: Path, text: Optional[str], dropin: bool, expected: bool
) -> None:
    (tmp_path / "hypervisor/hv_kvm").mkdir(parents=True)
    (tmp_path / "storage").mkdir()
    if text is not None:
        (tmp_path / "hypervisor/hv_kvm/kvm_utils.py").write_text(text)
    if dropin:
        (tmp_path / "storage/gluster.py.distrib").touch()
    assert unrepaired(str(tmp_path)) is expected


@pytest.mark.parametrize("action", ["create", "open"])
def test_the_provider_refuses_a_disk_with_which_no_guest_would_start(
    action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is mounted: there is no volume here."""
    monkeypatch.setattr(kvm_blockdev, "unrepaired", lambda: True)
    request = Request("disk", "gv0", ("127.0.0.1",), "24007", "ganeti", userspace=True, size=1)
    with pytest.raises(
        DiskError, match=r"^userspace access does not work .*ganeti-gluster-backend on every node"
    ):
        provider.ACTIONS[action](request, None)
