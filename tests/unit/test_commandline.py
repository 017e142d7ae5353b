"""How commands are started, fail and end."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys

import pytest

from ganeti_gluster_mon import commandline
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.gluster.capture import CaptureError


@pytest.mark.parametrize(
    ("text", "number"), [("0.001", 0.001), ("1", 1.0), ("3600", 3600.0), ("1e3", 1000.0)]
)
def test_seconds(text: str, number: float) -> None:
    assert commandline.seconds(text) == number


@pytest.mark.parametrize("text", ["0", "-1", "3600.1", "nan", "inf", "", "5s", "1_0_0_0_0"])
def test_what_is_no_number_of_seconds(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a number of seconds from 0 to 3600"):
        commandline.seconds(text)


@pytest.mark.parametrize("error", [CommandError("no cluster"), CaptureError("no capture")])
def test_what_cannot_be_done_is_one_line_and_1(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        raise error

    assert commandline.run("program", command) == 1
    assert capsys.readouterr().err == f"program: {error}\n"


def test_ctrl_c_is_the_status_of_its_signal() -> None:
    def command() -> int:
        raise KeyboardInterrupt

    assert commandline.run("program", command) == 128 + signal.SIGINT


def test_a_usage_error_is_one_line_and_names_the_file_of_the_arguments(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = commandline.Parser(prog="program")
    for file, words in ((None, ""), ("/etc/default/x", "ARGS in /etc/default/x: ")):
        if file is not None:
            monkeypatch.setenv(commandline.ARGS_FROM, file)
        with pytest.raises(SystemExit) as ended:
            parser.parse_args(["--nonsense"])
        assert ended.value.code == 2
        expected = f"program: {words}unrecognized arguments: --nonsense (try program --help)\n"
        assert capsys.readouterr().err == expected


PROGRAM = """
import sys
from ganeti_gluster_mon import commandline
def command():
    {body}
    return 0
sys.exit(commandline.run("program", command))
"""


def started(body: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(body=body)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_a_sigterm_leaves_by_way_of_finally() -> None:
    body = (
        "import signal\n    try:\n        print('ready', flush=True); signal.pause()\n"
        "    finally:\n        print('ended')"
    )
    with started(body) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=30) == (b"ended\n", b"")
        assert process.returncode == 128 + signal.SIGTERM


def test_a_reader_that_has_gone_is_no_error() -> None:
    with started("sys.stdin.read(); print('x' * 1000000)") as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0
