"""The file of tries survives a restart, and a damaged one allows nothing for an hour."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from ganeti_gluster_mon.daemon.poller.tries_file import TriesFile
from ganeti_gluster_mon.repair_tries import FILE, PERIOD, START_BRICK, RepairTries, RepairTry

NOW = 1_795_000_000.0
TRIES = RepairTries((RepairTry("gv0", START_BRICK, "why", NOW - 5),))


def test_without_a_file_nothing_was_tried(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert TriesFile(str(tmp_path)).read(NOW) == RepairTries()
    assert caplog.records == []


def test_what_was_written_is_read(tmp_path: Path) -> None:
    TriesFile(str(tmp_path)).write(TRIES)
    assert TriesFile(str(tmp_path)).read(NOW) == TRIES
    assert os.listdir(tmp_path) == [FILE]


@pytest.mark.parametrize("damage", ["cut", "empty", "directory", "symlink"])
def test_a_damaged_file_allows_nothing_for_an_hour(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    file, path = TriesFile(str(tmp_path)), tmp_path / FILE
    file.write(TRIES)
    if damage == "directory":
        path.unlink()
        path.mkdir()
    elif damage == "symlink":
        path.rename(tmp_path / "other")
        path.symlink_to(tmp_path / "other")
    else:
        path.write_bytes(path.read_bytes()[:20] if damage == "cut" else b"")
    with caplog.at_level(logging.ERROR, "ganeti_gluster_mon"):
        found = file.read(NOW)
    assert "damaged" in found.why_not("gv0", NOW)
    assert found.why_not("gv0", NOW + PERIOD) == ""
    assert [record.getMessage() for record in caplog.records] == ["no automatic repair for an hour"]


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        TriesFile(str(tmp_path / "missing")).write(TRIES)
