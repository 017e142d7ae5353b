"""The holders of a mount."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from ganeti_gluster_mon.backend.volume import VolumeError
from tests.unit.backend.test_volume import DISK, volume


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path


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


def test_a_holder_with_too_long_a_name(place: Path) -> None:
    with pytest.raises(VolumeError, match="too long"):
        volume(place).holds("x" * 300)
