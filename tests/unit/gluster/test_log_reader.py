"""Logs that are written, rotated, cut and damaged while they are followed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Dict, Tuple

import pytest

from ganeti_gluster_mon import safe_open
from ganeti_gluster_mon.gluster import log_reader
from ganeti_gluster_mon.gluster.log_messages import LogReport
from ganeti_gluster_mon.gluster.log_reader import LogReader


def message(level: str, text: str = "text") -> str:
    return f"[2026-11-26 21:30:01.123456 +0000] {level} [MSGID: 1] [x.c:1:f] 0-x: {text}\n"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)


def known(report: LogReport) -> Dict[Tuple[str, str], int]:
    """The counts that are not 0."""
    return {key: count for key, count in report.counts.items() if count}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "glusterd.log"
    write(path, message("E", "from before the start") * 3)
    return path


@pytest.fixture
def reader(log: Path) -> LogReader:
    """A reader that has read once."""
    made = LogReader(str(log.parent))
    assert made.read().counts == dict.fromkeys(
        [("glusterd", level) for level in ("critical", "error", "warning", "info")], 0
    )
    return made


def test_what_is_written_after_the_start_is_counted_once(reader: LogReader, log: Path) -> None:
    write(log, message("E") + message("W") + message("E"))
    assert known(reader.read()) == {("glusterd", "error"): 2, ("glusterd", "warning"): 1}
    assert known(reader.read()) == {("glusterd", "error"): 2, ("glusterd", "warning"): 1}
    write(log, message("I"))
    assert reader.read().counts["glusterd", "info"] == 1


def test_a_line_that_is_not_yet_whole_is_counted_when_it_is(reader: LogReader, log: Path) -> None:
    write(log, message("W") + message("E")[:-20])
    assert known(reader.read()) == {("glusterd", "warning"): 1}
    write(log, message("E")[-20:])
    assert known(reader.read()) == {("glusterd", "warning"): 1, ("glusterd", "error"): 1}


def test_a_log_that_comes_later_is_counted_from_its_beginning(reader: LogReader, log: Path) -> None:
    write(log.parent / "bricks/export-b1.log", message("E"))
    assert known(reader.read()) == {("brick", "error"): 1}


def test_bricks_are_added_up(reader: LogReader, log: Path) -> None:
    for name in ("b1", "b2"):
        write(log.parent / f"bricks/{name}.log", message("E"))
    assert known(reader.read()) == {("brick", "error"): 2}


def test_a_log_that_was_renamed_is_read_to_its_end(reader: LogReader, log: Path) -> None:
    write(log, message("E"))
    reader.read()
    write(log, message("W"))
    log.rename(f"{log}.1")
    write(log, message("I"))
    assert known(reader.read()) == {
        ("glusterd", "error"): 1,
        ("glusterd", "warning"): 1,
        ("glusterd", "info"): 1,
    }


@pytest.mark.parametrize("after", ["", message("I"), message("I") * 50])
def test_a_log_that_was_copied_and_cut_is_read_to_its_end(reader: LogReader, log: Path, after: str) -> None:
    """Also where it has grown beyond its former length since."""
    write(log, message("E"))
    reader.read()
    write(log, message("W"))
    shutil.copyfile(log, f"{log}.1")
    os.truncate(log, 0)
    write(log, after)
    expected = {("glusterd", "error"): 1, ("glusterd", "warning"): 1, ("glusterd", "info"): after.count("\n")}
    assert known(reader.read()) == {key: count for key, count in expected.items() if count}


def test_a_log_that_was_cut_by_hand_has_no_rest_elsewhere(tmp_path: Path) -> None:
    log = tmp_path / "glusterd.log"
    write(log, message("I") * 3)
    write(tmp_path / "glusterd.log.1", message("I") * 3 + message("E", "of last week"))
    os.utime(tmp_path / "glusterd.log.1", (1, 1))
    reader = LogReader(str(tmp_path))
    reader.read()
    # the time of the last call is later than that of the change of the file
    reader._last_time += 3600
    os.truncate(log, 0)
    write(log, message("W"))
    assert known(reader.read()) == {("glusterd", "warning"): 1}


def test_a_log_that_is_gone_and_comes_back(reader: LogReader, log: Path) -> None:
    log.unlink()
    assert known(reader.read()) == {}
    write(log, message("E"))
    assert known(reader.read()) == {("glusterd", "error"): 1}


def test_what_is_more_than_the_bounds_is_skipped_and_counted(
    reader: LogReader, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = message("E")
    monkeypatch.setattr(log_reader, "MOST_OF_ONE", 10 * len(line))
    write(log, line * 25)
    report = reader.read()
    assert (report.counts["glusterd", "error"], report.skipped) == (10, {"glusterd": 15 * len(line)})
    write(log, line)
    report = reader.read()
    assert (report.counts["glusterd", "error"], report.skipped) == (11, {"glusterd": 15 * len(line)})


def test_a_line_without_an_end_is_skipped(
    reader: LogReader, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_reader, "MOST_OF_ONE", 1000)
    write(log, "x" * 1500)
    assert reader.read().skipped == {"glusterd": 1500}
    write(log, "x\n" + message("E"))
    report = reader.read()
    assert (known(report), report.skipped) == ({("glusterd", "error"): 1}, {"glusterd": 1500})


def test_logs_have_turns_where_the_bytes_do_not_suffice(
    reader: LogReader, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = message("E")
    monkeypatch.setattr(log_reader, "MOST_OF_ALL", len(line))
    for name in ("bricks/a.log", "bricks/b.log", "glustershd.log"):
        write(log.parent / name, line)
    counts = [sum(known(reader.read()).values()) for _ in range(4)]
    assert counts == [1, 2, 3, 3]
    assert set(known(reader.read())) == {("brick", "error"), ("self-heal", "error")}


def test_a_mount_is_counted_from_when_it_is_mounted(tmp_path: Path) -> None:
    log = tmp_path / "mnt-gv0.log"
    write(log, message("E"))
    reader = LogReader(str(tmp_path))
    assert reader.read().counts == {}
    write(log, message("E"))
    assert reader.read().counts == {}
    assert known(reader.read(["/mnt/gv0"])) == {}
    write(log, message("W"))
    assert known(reader.read(["/mnt/gv0"])) == {("mount", "warning"): 1}


def test_links_fifos_and_directories_are_not_read(reader: LogReader, log: Path) -> None:
    write(log.parent / "elsewhere", message("E"))
    (log.parent / "glustershd.log").symlink_to("elsewhere")
    os.mkfifo(log.parent / "quotad.log")
    (log.parent / "bitd.log").mkdir()
    assert known(reader.read()) == {}
    assert {process for process, _ in reader.read().counts} == {"glusterd"}


def test_hostile_bytes(reader: LogReader, log: Path) -> None:
    with open(log, "ab") as file:
        file.write(b"\0\xff[\n" * 1000 + message("E").encode() + b"\xed\xa0\x80\n")
    assert known(reader.read()) == {("glusterd", "error"): 1}


def test_without_a_directory_there_is_nothing(tmp_path: Path) -> None:
    assert LogReader(str(tmp_path / "none")).read() == LogReport()


def test_a_log_that_cannot_be_read_is_counted_from_when_it_can(
    reader: LogReader, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_path: str, _flags: int) -> int:
        raise PermissionError

    opener = safe_open.opener
    write(log, message("E"))
    monkeypatch.setattr(safe_open, "opener", refused)
    assert known(reader.read()) == {}
    monkeypatch.setattr(safe_open, "opener", opener)
    assert known(reader.read()) == {}
    write(log, message("W"))
    assert known(reader.read()) == {("glusterd", "warning"): 1}
