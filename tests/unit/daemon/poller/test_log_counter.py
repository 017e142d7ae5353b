"""The thread that follows logs."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Iterable

import pytest

from ganeti_gluster_mon.daemon.poller import log_counter
from ganeti_gluster_mon.daemon.poller.log_counter import LogCounter
from ganeti_gluster_mon.gluster.log_messages import LogReport
from ganeti_gluster_mon.gluster.log_reader import LogReader
from tests.unit.gluster.test_log_reader import message, write


def test_messages_and_the_size(tmp_path: Path) -> None:
    counter = LogCounter(str(tmp_path))
    assert counter.report() is None
    write(tmp_path / "glusterd.log", message("E"))
    counter.start([])
    first = counter.report(10)
    assert first is not None and first.counts["glusterd", "error"] == 0
    assert first.directory_size is not None and first.directory_size > 0
    write(tmp_path / "glusterd.log", message("E"))
    counter.start([])
    second = counter.report(10)
    assert second is not None and second.counts["glusterd", "error"] == 1


def test_the_size_is_measured_once_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter([1, 2])
    monkeypatch.setattr(log_counter, "directory_size", lambda _directory: next(sizes))
    counter = LogCounter(str(tmp_path))
    found = []
    for _ in range(3):
        counter.start([])
        found.append(counter.report(10))
    assert [report.directory_size for report in found if report is not None] == [1, 1, 1]
    counter._size_until = 0.0
    counter.start([])
    report = counter.report(10)
    assert report is not None and report.directory_size == 2


def test_a_filesystem_that_hangs_costs_one_thread_and_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on, reads = threading.Event(), []

    def hangs(_self: object, _mounts: Iterable[str]) -> LogReport:
        reads.append(1)
        going_on.wait(60)
        return LogReport({("brick", "error"): len(reads)})

    monkeypatch.setattr(LogReader, "read", hangs)
    counter = LogCounter(str(tmp_path))
    for _ in range(3):
        counter.start([])
        assert counter.report(0.01) is None
    assert len(reads) == 1
    going_on.set()
    report = counter.report(10)
    assert report is not None and report.counts == {("brick", "error"): 1}
