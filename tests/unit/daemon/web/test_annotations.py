"""The history and the mutes of a node are kept and added to snapshots."""

from __future__ import annotations

import functools
import logging
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ganeti_gluster_mon import mutes, volume_history
from ganeti_gluster_mon.daemon.web.annotations import Annotations
from ganeti_gluster_mon.mutes import Mute
from ganeti_gluster_mon.snapshot import Snapshot
from ganeti_gluster_mon.volume_history import LETTERS
from tests.unit.test_history import EMPTY, NOW, OFFLINE, health


def mute(code: str, now: float) -> Mute:
    return Mute(code, "", now + 3600, now)


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    first = Snapshot(EMPTY, health(OFFLINE), round(NOW * 1e9))
    Annotations(str(tmp_path)).apply(first)
    later = Annotations(str(tmp_path)).apply(replace(first, now=round((NOW + 3600) * 1e9)))
    assert [problem.since for problem in later.health.problems] == [NOW]
    assert [problem.since for problem in later.health.volumes["gv0"].problems] == [NOW]


def test_the_daemon_takes_mutes_of_a_command_and_of_a_node(tmp_path: Path) -> None:
    now = time.time()
    daemon = Annotations(str(tmp_path))
    mutes.add([mute("HEAL_PENDING", now)], str(tmp_path))
    assert daemon.refresh()
    assert not daemon.refresh()
    assert daemon.merge([mute("PEER_SILENT", now)])
    assert not daemon.merge([mute("PEER_SILENT", now)])
    assert set(mutes.read(str(tmp_path)).entries) == {("HEAL_PENDING", "", ""), ("PEER_SILENT", "", "")}
    assert set(Annotations(str(tmp_path)).mutes.entries) == {
        ("HEAL_PENDING", "", ""),
        ("PEER_SILENT", "", ""),
    }


def test_the_status_of_volumes_survives_a_restart(tmp_path: Path) -> None:
    now = round(NOW * 1e9)
    first = Annotations(str(tmp_path))
    first.apply(Snapshot(EMPTY, health(OFFLINE), now))
    status = LETTERS[first.volume_letters(now)["gv0"][-1]]
    assert status == health(OFFLINE).volumes["gv0"].status
    second = Annotations(str(tmp_path))
    assert second.volume_letters(now) == first.volume_letters(now)
    later = now + 600 * 10**9
    assert second.volume_letters(later)["gv0"].endswith(f"{first.volume_letters(now)['gv0'][-1]}..")


def test_a_damaged_file_of_volumes_is_ignored_with_one_line_and_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / volume_history.FILE
    path.write_bytes(b"damaged")
    found = Snapshot(EMPTY, health(OFFLINE), round(NOW * 1e9))
    with caplog.at_level(logging.WARNING):
        daemon = Annotations(str(tmp_path))
        for _ in range(3):
            daemon.apply(found)
    assert [record.message.count("volume history ignored") for record in caplog.records] == [1]
    assert set(volume_history.read(str(path)).letters) == {"gv0"}
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_the_file_of_volumes_is_written_once_a_minute_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = Annotations(str(tmp_path))
    path = tmp_path / volume_history.FILE
    daemon.apply(Snapshot(EMPTY, health(OFFLINE), round(NOW * 1e9)))
    written = path.stat().st_ino
    daemon.apply(Snapshot(EMPTY, health(OFFLINE), round((NOW + 900) * 1e9)))
    assert path.stat().st_ino == written
    began = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: began + 61)
    daemon.apply(Snapshot(EMPTY, health(OFFLINE), round((NOW + 900) * 1e9)))
    assert path.stat().st_ino != written


def test_a_directory_that_cannot_be_written_costs_one_line_for_each_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = Annotations(str(tmp_path / "missing"))
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        for minute in range(4):
            moment = began + 61 * minute
            monkeypatch.setattr(time, "monotonic", functools.partial(float, moment))
            problems = [OFFLINE] if minute % 2 else []
            daemon.apply(Snapshot(EMPTY, health(*problems), round((NOW + 61 * minute) * 1e9)))
    assert sorted(record.getMessage() for record in caplog.records) == [
        "cannot keep since when problems exist",
        "cannot keep the history of volumes",
    ]
    assert daemon.volume_letters(round(NOW * 1e9))
