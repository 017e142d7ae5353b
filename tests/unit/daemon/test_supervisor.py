"""The process that starts both others, and again when they die or hang."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, ClassVar, Iterator, List, cast

import psutil
import pytest

from ganeti_gluster_mon.daemon import supervisor

#: seconds for which a process may be silent, in these tests
TIMEOUT = 5.0
LONG = 60.0

#: notifies its supervisor ten times a second
WORKS = """
import os, time, sdnotify
systemd = sdnotify.SystemdNotifier()
systemd.notify("READY=1")
open(os.path.join(os.environ["READY"], str(os.getpid())), "w").close()
while True:
    systemd.notify("WATCHDOG=1")
    time.sleep(0.1)
"""
SUPERVISES = f"""
import logging, sys
from ganeti_gluster_mon.daemon import log
from ganeti_gluster_mon.daemon.supervisor import ChildProcess, Supervisor
log.to_stderr("supervisor", "info")
children = [ChildProcess(name, [sys.executable, "-c", sys.argv[1]]) for name in ("one", "two")]
sys.exit(Supervisor(children, {TIMEOUT}).run())
"""


@contextmanager
def supervising(tmp_path: Path) -> Iterator[psutil.Process]:
    with (tmp_path / "log").open("w") as log:
        environment = {**os.environ, "READY": str(tmp_path)}
        process = subprocess.Popen([sys.executable, "-c", SUPERVISES, WORKS], stderr=log, env=environment)
    try:
        supervising = psutil.Process(process.pid)
        wait_until(lambda: len(children(supervising)) == 2)
        for pid in children(supervising):
            wait_until((tmp_path / str(pid)).exists)
        yield supervising
    finally:
        process.terminate()
        assert process.wait(LONG) == 0


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def children(process: psutil.Process) -> List[int]:
    return sorted(child.pid for child in process.children())


@pytest.mark.slow
def test_a_process_that_hangs_is_killed_and_started_again(tmp_path: Path) -> None:
    with supervising(tmp_path) as process:
        stopped, other = children(process)
        os.kill(stopped, signal.SIGSTOP)
        wait_until(lambda: len(children(process)) == 2 and stopped not in children(process))
        assert other in children(process)
        assert "process hangs" in (tmp_path / "log").read_text()


@pytest.mark.slow
def test_a_machine_that_stood_still_is_no_reason_to_kill(tmp_path: Path) -> None:
    with supervising(tmp_path) as process:
        before = children(process)
        for pid in (process.pid, *before):
            os.kill(pid, signal.SIGSTOP)
        time.sleep(TIMEOUT + 2 * supervisor.SUSPENDED_AFTER)  # for so long the machine stands still
        for pid in (process.pid, *before):
            os.kill(pid, signal.SIGCONT)
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - began > TIMEOUT / 2)  # by then it would have killed them
        assert children(process) == before
        assert "process hangs" not in (tmp_path / "log").read_text()


def test_a_hangup_reaches_only_the_children_that_reload(tmp_path: Path) -> None:
    class Child:
        def __init__(self) -> None:
            self.signals: List[int] = []

        def send_signal(self, number: int) -> None:
            self.signals.append(number)

    with supervising(tmp_path) as process:
        before = children(process)
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: process.status() != psutil.STATUS_ZOMBIE)
        assert children(process) == before, "their default action would end them"
    made = supervisor.Supervisor([], TIMEOUT)
    made._on_reload_signal()
    running = [
        cast(
            "Any",
            SimpleNamespace(
                child=supervisor.ChildProcess("web", [], reloads=reloads), process=Child(), was_ready=ready
            ),
        )
        for reloads, ready in ((True, True), (False, True), (True, False))
    ]
    made._reload(running)
    made._reload(running)
    assert [each.process.signals for each in running] == [[signal.SIGHUP], [], []]


def test_a_process_that_the_kernel_holds_does_not_hold_the_daemon(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even SIGKILL ends a process that waits for a device or a filesystem that hangs."""

    class Held:
        pid = 4711
        signals: ClassVar[List[str]] = []

        def terminate(self) -> None:
            self.signals.append("TERM")

        def kill(self) -> None:
            self.signals.append("KILL")

        def wait(self, timeout: float = LONG) -> int:
            assert timeout < LONG, "it would wait for ever"
            raise subprocess.TimeoutExpired("process", timeout)

    monkeypatch.setattr(logging.getLogger("ganeti_gluster_mon"), "propagate", True)
    running = cast("Any", SimpleNamespace(process=Held()))
    supervisor.Supervisor([], TIMEOUT)._stop([running, running])
    assert Held.signals == ["TERM", "TERM", "KILL", "KILL"]
    assert "has not ended" in caplog.text
