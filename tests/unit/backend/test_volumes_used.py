"""The volumes that this node has used."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from ganeti_gluster_mon.backend.volume import GlusterVolume
from ganeti_gluster_mon.backend.volumes_used import volumes_used
from tests.unit.backend.test_volume import SOCKET, volume


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path


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
