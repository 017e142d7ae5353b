"""The report of data that may be lost, once for each disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, cast

import pytest

from ganeti_gluster_mon.backend import dead_mount, disk_records
from ganeti_gluster_mon.backend.data_loss import report_loss
from ganeti_gluster_mon.backend.flush import FlushError
from ganeti_gluster_mon.backend.volume import GlusterVolume

DISK, OTHER = "ganeti/a.0", "ganeti/b.0"


class FakeVolume:
    """A volume with records in two directories, one for each of its mounts."""

    def __init__(self, directories: List[Path]) -> None:
        self.directories = directories
        self.removed = 0

    def remove_dead(self) -> None:
        self.removed += 1

    def records(self) -> List[str]:
        return [str(directory) for directory in self.directories]


@pytest.fixture
def volume(tmp_path: Path) -> Any:
    directories = [tmp_path / "one", tmp_path / "two"]
    for directory in directories:
        directory.mkdir()
    return FakeVolume(directories)


def lost(volume: Any, disk: str) -> None:
    disk_records.write(str(volume.directories[1]), dead_mount._LOST, disk)


def test_without_a_loss_dead_mounts_are_removed_all_the_same(volume: Any) -> None:
    report_loss(cast(GlusterVolume, volume), DISK)
    assert volume.removed == 1


def test_a_loss_is_reported_once_and_for_its_disk_only(volume: Any) -> None:
    lost(volume, DISK)
    report_loss(cast(GlusterVolume, volume), OTHER)
    with pytest.raises(FlushError, match="may be lost"):
        report_loss(cast(GlusterVolume, volume), DISK)
    report_loss(cast(GlusterVolume, volume), DISK)


def test_a_mount_that_is_found_dead_just_now_counts(volume: Any) -> None:
    volume.remove_dead = lambda: lost(volume, DISK)
    with pytest.raises(FlushError, match=DISK):
        report_loss(cast(GlusterVolume, volume), DISK)
