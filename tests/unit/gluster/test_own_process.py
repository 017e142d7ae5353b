"""A command in a process of its own."""

from __future__ import annotations

import time

import pytest

from ganeti_gluster_mon.gluster.own_process import WITH_GSYNCD, OwnProcess, output_of

SHELL = ("/bin/sh", "-c")


def until(seconds: float) -> float:
    return time.monotonic() + seconds


def test_it_runs_before_its_output_is_taken() -> None:
    assert OwnProcess([*SHELL, "echo one; echo two >&2"]).output(until(20)) == b"one\n"


def test_one_that_hangs_is_ended() -> None:
    process = OwnProcess([*SHELL, "echo one; exec sleep 60"])
    began = time.monotonic()
    assert process.output(until(0.2)) == b""
    assert time.monotonic() - began < 20
    process.end()


def test_one_that_cannot_be_started_prints_nothing() -> None:
    process = OwnProcess(["/nonexistent/gluster"])
    assert process.output(until(20)) == b""
    process.end()


def test_more_output_than_is_taken_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganeti_gluster_mon.gluster.own_process._MOST_BYTES", 1000)
    assert output_of([*SHELL, "yes"], until(20)) == b""
    assert len(output_of([*SHELL, "head -c 900 /dev/zero"], until(20))) == 900


def test_only_with_gsyncd_there_is_no_python_in_its_environment() -> None:
    command = [*SHELL, "echo ${PYTHON-unset}"]
    assert output_of(command, until(20)) == b"/bin/false\n"
    assert OwnProcess(command, WITH_GSYNCD).output(until(20)) == b"unset\n"


def test_after_its_time_it_is_not_started() -> None:
    assert output_of([*SHELL, "echo one"], until(-1)) == b""
