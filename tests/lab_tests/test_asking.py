"""Without glusterd, or without its answer: one clear line, in time, and never a process left behind."""

from __future__ import annotations

import json
import signal
import time

import pytest

from tests.lab.pool import Pool
from tests.lab.waiting import wait_until
from tests.lab_tests.looking import left_running, wait_nothing_left

pytestmark = pytest.mark.lab


def one_line(stderr: str, words: str) -> None:
    assert stderr.count("\n") == 1, stderr
    assert words in stderr


def unknown(stdout: str) -> None:
    status = json.loads(stdout)["data"]["status"]
    assert status["code"] == 2
    assert status["message"]


def test_glusterd_is_down(lab_pool: Pool) -> None:
    lab_pool.kill_glusterd(2)
    try:
        began = time.monotonic()
        collect = lab_pool.run_command(2, ["collect", "gluster"])
        check = lab_pool.run_command(2, ["check"], check=False)
        metrics = lab_pool.run_command(2, ["metrics"])
        assert time.monotonic() - began < 5
        unknown(collect.stdout)
        one_line(collect.stderr, "glusterd does not run")
        assert (check.returncode, check.stdout.startswith("GLUSTER UNKNOWN")) == (3, True)
        assert "\ngluster_up 0.0\n" in metrics.stdout
        assert "gluster_volume" not in metrics.stdout
        record = lab_pool.run_command(2, ["record", "/tmp/none"], check=False)
        assert record.returncode == 1
        one_line(record.stderr, "glusterd does not run")
        assert lab_pool.exec(2, ["test", "-e", "/tmp/none"], check=False).returncode == 1
    finally:
        lab_pool.start_glusterd(2)
        lab_pool.wait_connected()


def test_glusterd_is_frozen(lab_pool: Pool) -> None:
    lab_pool.freeze_glusterd(2)
    try:
        began = time.monotonic()
        collect = lab_pool.run_command(2, ["collect", "gluster"])
        assert time.monotonic() - began < 5
        unknown(collect.stdout)
        one_line(collect.stderr, "glusterd")
        wait_nothing_left(lab_pool, 2)
    finally:
        lab_pool.thaw_glusterd(2)
        lab_pool.wait_connected()


def test_gluster_is_not_installed(lab_pool: Pool) -> None:
    ran = lab_pool.run_command(1, ["collect", "gluster", "--gluster", "/nowhere/gluster"])
    unknown(ran.stdout)
    one_line(ran.stderr, "/nowhere/gluster")


def test_not_root(lab_pool: Pool) -> None:
    from tests.lab.lab import command

    words = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        str(command()),
        "collect",
        "gluster",
    ]
    ran = lab_pool.exec(1, words)
    unknown(ran.stdout)
    one_line(ran.stderr, "root")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_ended_in_the_middle_nothing_is_left(lab_pool: Pool, number: signal.Signals) -> None:
    """A frozen brick makes heal info wait 10 s: time enough to be ended in the middle of it."""
    from tests.lab.lab import command

    lab_pool.freeze_brick("gv0", 2)
    try:
        running = lab_pool.popen(1, [str(command()), "record", "/tmp/cut"])
        wait_until(
            lambda: any(each.program == "glfsheal" for each in lab_pool.left_running(1)),
            "heal info to be queried",
            20,
        )
        running.send_signal(number)
        running.wait(timeout=10)
        # SIGKILL leaves no time to clean up: gluster ends by itself when its heal info does
        gone = 30 if number == signal.SIGKILL else 2
        wait_until(lambda: not left_running(lab_pool, 1), "gluster to be gone", gone)
        assert lab_pool.exec(1, ["test", "-e", "/tmp/cut"], check=False).returncode == 1
        assert lab_pool.exec(1, ["sh", "-c", "ls -A /tmp | grep cut || true"]).stdout == ""
    finally:
        lab_pool.thaw_brick("gv0", 2)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("sleep 600", "no answer within"),
        ("trap '' TERM INT HUP; while :; do sleep 600; done", "no answer within"),
        ("yes '<a>'", "more than"),
        ("exit 3", "not known"),
        ("head -c 100000 /dev/urandom", "not known"),
        ("sleep 600 & sleep 600 & cat", "not known"),
    ],
)
def test_a_gluster_that_misbehaves(lab_pool: Pool, script: str, words: str) -> None:
    """Hangs, ignores signals, floods, exits at once, writes garbage, leaves children: status 2, and all are gone."""
    lab_pool.exec(
        1, ["sh", "-c", 'printf "#!/bin/sh\\n%s\\n" "$1" > /tmp/gluster; chmod +x /tmp/gluster', "sh", script]
    )
    flags = ["--gluster", "/tmp/gluster", "--timeout", "2", "--heal-timeout", "2", "--max-output", "1"]
    began = time.monotonic()
    ran = lab_pool.run_command(1, ["collect", "gluster", *flags])
    assert time.monotonic() - began < 8
    unknown(ran.stdout)
    assert words in json.loads(ran.stdout)["data"]["status"]["message"]
    left = [
        each
        for each in lab_pool.host(1).processes()
        if each.state == "Z" or each.program in ("sleep", "yes", "cat")
    ]
    assert not left, left
