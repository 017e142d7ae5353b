"""The command gnt-gluster."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ganeti_gluster_mon import __version__, gnt_gluster


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        gnt_gluster.main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"gnt-gluster {__version__}\n")


@pytest.mark.parametrize("words", [[], ["no-such-command"], ["list", "--no-such-option"]])
def test_a_wrong_command_line_is_one_line_and_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        gnt_gluster.main(words)
    captured = capsys.readouterr()
    assert (ended.value.code, captured.out) == (2, "")
    assert captured.err.startswith("gnt-gluster") and captured.err.count("\n") == 1


def test_a_command_that_cannot_be_done_is_one_line_and_1(
    capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    assert gnt_gluster.main(["list", "--replay", f"{tmp_path}/missing"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("gnt-gluster: ") and captured.err.count("\n") == 1


def test_help_loads_nothing_that_takes_long() -> None:
    script = (
        "import sys\nfrom ganeti_gluster_mon import gnt_gluster\ngnt_gluster.parser()\n"
        "print(*sorted({'psutil', 'prometheus_client', 'tornado', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "\n"
