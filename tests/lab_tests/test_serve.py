"""The daemon on a real host: it sees at once what happens, outlives what hangs, and says what it does not know."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any, Iterator, Tuple

import pytest

from tests.lab.pool import Pool
from tests.lab.process import all_processes
from tests.lab.waiting import LabTimeout, wait_until
from tests.lab_tests.daemon import AT_ONCE, INTERVAL, LONG, Daemon, answers, serving
from tests.lab_tests.looking import wait_nothing_left

pytestmark = pytest.mark.lab

#: for a Python program: the time of day is off by as many days as the file next to this one says
A_CLOCK_TO_STEP = """
import time
from pathlib import Path

_true_ns = time.time_ns
_days = Path(__file__).with_name("days")
time.time_ns = lambda: _true_ns() + int(_days.read_text() or 0) * 86400 * 10**9
time.time = lambda: time.time_ns() / 1e9
"""


@pytest.fixture
def daemon(lab_pool: Pool) -> Iterator[Daemon]:
    """The daemon on host 1, which sees a pool that is as it should be."""
    with serving(lab_pool, 1) as running:
        running.wait_code(0)
        yield running


def test_the_half_on_the_network_can_do_nothing(daemon: Daemon) -> None:
    pid = daemon.child("web").pid
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert "0" not in status["Uid"].split()
    assert "0" not in status["Gid"].split()
    assert status["Groups"].split() == []
    assert {int(status[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Amb")} == {0}
    assert status["NoNewPrivs"].strip() == "1"
    user = status["Uid"].split()[0]
    connect = "import socket; socket.socket(socket.AF_UNIX).connect('/var/run/glusterd.socket')"
    argv = ["setpriv", f"--reuid={user}", "--clear-groups", "/usr/bin/python3", "-c", connect]
    tried = daemon.pool.exec(1, argv, check=False)
    assert "PermissionError" in tried.stderr
    asks = daemon.child("poller").pid
    listening = daemon.pool.exec(1, ["ss", "--listening", "--tcp", "--numeric", "--processes"]).stdout
    inside = [line for line in listening.splitlines() if ":1816" in line]
    assert len(inside) >= 1
    assert str(asks) not in listening


def test_it_reports_what_the_command_reports(daemon: Daemon) -> None:
    def reported() -> Tuple[Any, Any]:
        """By the daemon, and by the command: the volumes without what changes, the peers and the status."""
        alone = json.loads(daemon.pool.run_command(1, ["collect", "gluster", "--verbose"]).stdout)["data"]
        served = daemon.data()
        for volume in (*alone["volumes"], *served["volumes"]):
            for changing in ("capacity", "inodes", "heal"):
                volume.pop(changing)
            for brick in volume["bricks"]:
                # clients come and go, and the daemon counts them every 5 minutes
                for changing in ("free", "inodes_free", "heal_pending", "client_count"):
                    brick.pop(changing)
        first, second = (
            {name: data[name] for name in ("volumes", "peers", "status")} for data in (served, alone)
        )
        return first, second

    def same() -> bool:
        served, alone = reported()
        return bool(served == alone)

    try:
        wait_until(same, "the same reports", LONG, 0.5)
    except LabTimeout:
        served, alone = reported()
        assert served == alone
    text = daemon.get("/metrics")[0]
    checked = daemon.pool.exec(1, ["promtool", "check", "metrics"], input=text, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_a_brick_that_dies_is_reported_at_once(daemon: Daemon) -> None:
    (brick,) = daemon.pool.brick_processes("gv0", 1)
    os.kill(brick.pid, signal.SIGKILL)
    began = time.monotonic()
    try:
        message = daemon.wait_code(4, "is offline")
        assert time.monotonic() - began < 2
        assert "node1.lab.test" in message
    finally:
        daemon.pool.start_brick("gv0", 1)
    daemon.wait_code(0)


def log_messages(daemon: Daemon, process: str, level: str) -> float:
    text = daemon.get("/metrics")[0]
    found = re.search(
        rf'^gluster_log_messages_total{{level="{level}",process="{process}"}} (\S+)$', text, re.MULTILINE
    )
    return float(found[1]) if found else -1.0


def test_messages_in_the_real_logs_are_counted_by_level(daemon: Daemon) -> None:
    for process in ("glusterd", "brick", "self-heal"):
        wait_until(lambda: log_messages(daemon, process, "error") >= 0, f"the log of {process}")  # noqa: B023
    before = log_messages(daemon, "glusterd", "error")
    refused = daemon.pool.exec(1, ["gluster", "--mode=script", "volume", "start", "gv0"], check=False)
    assert "already started" in refused.stderr + refused.stdout
    wait_until(lambda: log_messages(daemon, "glusterd", "error") > before, "the message of glusterd", LONG)
    (brick,) = daemon.pool.brick_processes("gv0", 1)
    before = log_messages(daemon, "brick", "warning")
    os.kill(brick.pid, signal.SIGTERM)
    try:
        # "received signum (15), shutting down"
        wait_until(
            lambda: log_messages(daemon, "brick", "warning") > before, "the message of the brick", LONG
        )
    finally:
        daemon.pool.start_brick("gv0", 1)
    daemon.wait_code(0)
    text = daemon.get("/metrics")[0]
    assert re.search(r"^gluster_log_directory_bytes [1-9]", text, re.MULTILINE)
    assert not re.search(r"^gluster_log_skipped_bytes_total{.*} [1-9]", text, re.MULTILINE)


def test_a_volume_that_is_created_is_reported_at_once(daemon: Daemon) -> None:
    daemon.pool.create_volume("fresh", daemon.pool.bricks("/export/b1/fresh", [1]))
    began = time.monotonic()
    try:
        wait_until(
            lambda: any(each["name"] == "fresh" for each in daemon.data()["volumes"] or ()), "the volume"
        )
        assert time.monotonic() - began < 2
    finally:
        daemon.pool.stop_volume("fresh")
        daemon.pool.delete_volume("fresh")

    def removed() -> bool:
        volumes = daemon.data()["volumes"]
        return volumes is not None and all(each["name"] != "fresh" for each in volumes)

    wait_until(removed, "it to be gone")


def test_at_rest_it_asks_once_an_interval(daemon: Daemon) -> None:
    """Its own questions are no events to it."""
    wait_until(lambda: daemon.cycle()["event"] is None, "what was before to be over", LONG)
    for _ in range(3):
        last = daemon.cycle()
        following = daemon.next_cycle(last)
        assert following["event"] is None
        assert following["boottime"] - last["boottime"] > 0.7 * INTERVAL * 1e9


@pytest.mark.parametrize("role", ["poller", "web"])
def test_a_process_that_is_killed_is_started_again(daemon: Daemon, role: str) -> None:
    before, other = daemon.child(role), daemon.child("web" if role == "poller" else "poller")
    os.kill(before.pid, signal.SIGKILL)
    if role == "poller":
        assert daemon.status()[0] == 0, "what is known is still reported"
    wait_until(lambda: daemon.child(role).pid != before.pid, "another one")
    wait_until(lambda: answers(daemon, "/-/ready"), "an answer")
    daemon.next_cycle(daemon.cycle())
    daemon.wait_code(0)
    assert daemon.child("web" if role == "poller" else "poller").pid == other.pid


def test_killed_in_the_middle_of_a_cycle(daemon: Daemon) -> None:
    """Each time at another moment of the cycle; what is served is always whole."""
    for moment in range(5):
        ask = daemon.child("poller")
        daemon.pool.exec(1, ["touch", "/var/lib/glusterd/vols/wake"])
        daemon.pool.exec(1, ["rm", "/var/lib/glusterd/vols/wake"])
        time.sleep(0.2 + moment * 0.05)  # somewhere in the cycle, that is the point
        os.kill(ask.pid, signal.SIGKILL)
        assert daemon.status()[0] == 0
    daemon.wait_code(0)
    wait_until(lambda: daemon.cycle()["failures"] == {}, "a whole cycle of the last one started")


def test_a_poller_that_hangs_makes_everything_unknown_with_its_age(daemon: Daemon) -> None:
    ask = daemon.child("poller")
    os.kill(ask.pid, signal.SIGSTOP)
    try:
        message = daemon.wait_code(2, "no answers for")
        assert "healthy" in message, "and what was known last"
        age = daemon.data()["age"]
        assert age > 3 * INTERVAL
        wait_until(lambda: daemon.data()["age"] > age + 1, "it to grow older")
        text, _ = daemon.get("/metrics")
        assert "gluster_brick_up" not in text
        assert 'gluster_status_code{collector="gluster"} 2.0' in text
        assert daemon.seconds("/metrics") < AT_ONCE
    finally:
        os.kill(ask.pid, signal.SIGCONT)
    daemon.wait_code(0)


def test_while_glusterd_hangs_it_answers_at_once(daemon: Daemon) -> None:
    daemon.pool.freeze_glusterd(1)
    try:
        daemon.wait_code(2, "it hangs")
        assert daemon.seconds("/1/report/all") < AT_ONCE
        assert 'gluster_collect_failures_total{reason="glusterd-hangs"}' in daemon.get("/metrics")[0]
    finally:
        daemon.pool.thaw_glusterd(1)
    daemon.wait_code(0)


def test_while_glusterd_is_down_its_processes_are_still_reported(daemon: Daemon) -> None:
    daemon.pool.kill_glusterd(1)
    try:
        daemon.wait_code(2, "glusterd does not run")
        node = daemon.data("daemon/glusterd")
        assert (node["status"]["code"], node["status"]["message"]) == (4, "glusterd is not running")
        assert [problem["code"] for problem in node["status"]["problems"]] == ["GLUSTERD_DOWN"]
        assert any(process["name"] == "brick" for process in node["processes"])
    finally:
        daemon.pool.start_glusterd(1)
        daemon.pool.wait_connected()
    daemon.wait_code(0)


def test_a_brick_that_is_frozen_is_reported_and_costs_nothing(daemon: Daemon) -> None:
    """glusterd calls it online, and nothing happens that could be noticed: it is found within an interval."""
    daemon.pool.freeze_brick("gv0", 2)
    try:
        message = daemon.wait_code(4, "hangs", timeout=3 * INTERVAL)
        assert "brick node2.lab.test:/export/b1/gv0 hangs" in message
        assert daemon.seconds("/metrics") < AT_ONCE
    finally:
        daemon.pool.thaw_brick("gv0", 2)
    daemon.wait_code(0)


def test_a_clock_that_is_stepped_makes_nothing_old(lab_pool: Pool) -> None:
    """The clock as the daemon reads it: the kernel has one for the whole machine, which is not ours to step."""
    lab_pool.exec(1, ["mkdir", "/run/clock"])
    lab_pool.exec(1, ["tee", "/run/clock/sitecustomize.py"], input=A_CLOCK_TO_STEP)
    lab_pool.exec(1, ["tee", "/run/clock/days"], input="0")
    with serving(lab_pool, 1, environment={"PYTHONPATH": "/run/clock"}) as daemon:
        daemon.wait_code(0)
        for days in (2, -2):
            lab_pool.exec(1, ["tee", "/run/clock/days"], input=str(days))
            last = daemon.next_cycle(daemon.cycle())

            def stepped(days: int = days) -> bool:
                taken_at = int(json.loads(daemon.get("/1/report/storage/gluster")[0])["timestamp"])
                return abs(taken_at / 1e9 - time.time() - days * 86400) < 3600

            wait_until(stepped, "the new time to be reported", LONG)
            assert daemon.status()[0] == 0
            assert daemon.data()["age"] < 2 * INTERVAL
            daemon.next_cycle(last)
            assert daemon.status()[0] == 0
    lab_pool.exec(1, ["rm", "-r", "/run/clock"])


def test_it_ends_at_once_and_leaves_nothing(lab_pool: Pool) -> None:
    with serving(lab_pool, 1) as daemon:
        began = time.monotonic()
        daemon.process.terminate()
        assert daemon.process.wait(LONG) == 0
        assert time.monotonic() - began < 2
    wait_nothing_left(lab_pool, 1)


def test_when_the_supervisor_is_killed_both_processes_end(lab_pool: Pool) -> None:
    with serving(lab_pool, 1) as daemon:
        processes = [daemon.child("poller").pid, daemon.child("web").pid]
        daemon.process.kill()

        def gone() -> bool:
            return not any(each.pid in processes for each in all_processes())

        wait_until(gone, "the processes to end")


def test_a_gluster_that_says_nothing_or_nonsense(lab_pool: Pool) -> None:
    for number, script in enumerate(("exec sleep 60", "exit 3", "cat /dev/zero", "yes '<opRet>0</opRet>'")):
        path = f"/run/gluster-{number}"
        lab_pool.exec(1, ["tee", path], input=f"#!/bin/sh\n{script}\n")
        lab_pool.exec(1, ["chmod", "755", path])
        with serving(lab_pool, 1, "--gluster", path, "--timeout", "2", "--max-output", "8") as daemon:
            daemon.wait_code(2)
            assert daemon.seconds("/metrics") < AT_ONCE
        wait_nothing_left(lab_pool, 1)
