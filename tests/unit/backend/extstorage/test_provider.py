"""What the ExtStorage provider makes of its environment and of command lines; its scripts as Ganeti sees them."""

from __future__ import annotations

from typing import Dict, List

import pytest

from ganeti_gluster_mon.backend import flush, qemu_processes
from ganeti_gluster_mon.backend.blockdev import kvm_blockdev
from ganeti_gluster_mon.backend.extstorage import lease, provider
from ganeti_gluster_mon.backend.extstorage.request import read
from ganeti_gluster_mon.backend.file_device import DiskError
from ganeti_gluster_mon.backend.volume import GlusterVolume

NAME = "6f1d0f5e-5b0c-4c57-b8f1-3f0c5f8e0e5d.ext.disk0"
#: as Ganeti 3.0.2 gives it to attach
GIVEN = {
    "VOL_NAME": NAME,
    "VOL_UUID": "52c94d7d-d42c-4dcb-83f8-d61276d1560d",
    "EXTP_ACCESS": "userspace",
    "EXTP_VOLUME": "gv0",
}


def given_also(**more: str) -> Dict[str, str]:
    return {**GIVEN, **more}


# --- without a device -------------------------------------------------------------------------------------


@pytest.fixture
def brick(monkeypatch: pytest.MonkeyPatch) -> List[str]:
    """This node has a brick with the disk; no guest has it open.  The devices that have its name are in the list."""
    devices: List[str] = []
    monkeypatch.setattr(qemu_processes, "has_open", lambda uri: False)
    monkeypatch.setattr(provider, "local_bricks", lambda server, volume: ["/brick"])
    monkeypatch.setattr(provider, "holds", lambda brick, path: True)
    monkeypatch.setattr(flush, "devices_named", lambda path: devices)
    monkeypatch.setattr(GlusterVolume, "may_be_unsynced", lambda self, path: False)
    return devices


def lending(monkeypatch: pytest.MonkeyPatch, error: DiskError) -> None:
    def fail(*words: object, **more: object) -> str:
        raise error

    monkeypatch.setattr(lease, "lend", fail)


def test_qemu_needs_no_mount(brick: List[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lending(monkeypatch, DiskError("cannot be mounted"))
    request = read("attach", GIVEN)
    assert provider.attach(request, None) == ["", f"kvm:{provider.uri_of(request)}"]


@pytest.mark.parametrize("reason", ["a flush failed", "a device is there", "data may be on its way"])
def test_qemu_has_to_wait_for_data_that_is_not_on_the_bricks(
    brick: List[str], monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    lending(monkeypatch, flush.FlushError("x") if reason == "a flush failed" else DiskError("x"))
    if reason == "a device is there":
        brick.append("/dev/loop1")
    monkeypatch.setattr(
        GlusterVolume, "may_be_unsynced", lambda self, path: reason == "data may be on its way"
    )
    with pytest.raises(DiskError):
        provider.attach(read("attach", GIVEN), None)


def test_a_migration_opens_no_device(brick: List[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kvm_blockdev, "unrepaired", lambda: False)  # whatever Ganeti is installed here
    monkeypatch.setattr(lease, "make_lasting", lambda *words, **more: pytest.fail("a device was made"))
    assert provider.open_(read("open", given_also(VOL_OPEN_EXCLUSIVE="False")), None) == []


# --- the guest's command line -----------------------------------------------------------------------------


# --- the scripts ------------------------------------------------------------------------------------------
