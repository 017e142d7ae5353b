"""The options of ganeti-gluster-mon, and the settings that they stand for."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import List, Set

import pytest

from ganeti_gluster_mon import cli, cli_options
from ganeti_gluster_mon.gluster.cycle import Settings
from ganeti_gluster_mon.health import Limits


def parsed(*words: str) -> argparse.Namespace:
    arguments = cli._parser().parse_args(words)
    arguments.words = list(words[1:])
    return arguments


@pytest.mark.parametrize(("text", "number"), [("0", 0.0), ("20%", 20.0), ("100%", 100.0), ("2.5", 2.5)])
def test_a_percentage(text: str, number: float) -> None:
    assert cli_options._percent(text) == number


@pytest.mark.parametrize("text", ["-1", "100.1%", "%", "", "nan", "20%%", "a"])
def test_what_is_no_percentage(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a percentage from 0% to 100%"):
        cli_options._percent(text)


@pytest.mark.parametrize(("text", "size"), [("1", 1 << 20), ("4096", 4 << 30)])
def test_mebibytes(text: str, size: int) -> None:
    assert cli_options._mebibytes(text) == size


@pytest.mark.parametrize("text", ["0", "4097", "-1", "1.5", "", "٣", "1M"])
def test_what_is_no_number_of_mebibytes(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a whole number of MiB from 1 to 4096"):
        cli_options._mebibytes(text)


def test_the_defaults_are_those_of_the_settings() -> None:
    settings = cli_options.query_settings(parsed("check"), processes=True, disks=False)
    assert settings == Settings(deadline=settings.deadline)


def test_thresholds(capsys: pytest.CaptureFixture[str]) -> None:
    given = cli_options.limits(
        parsed("check", "--warning-free", "30%", "--critical-free", "5"), stale_after=7.0
    )
    assert given == Limits(30.0, 5.0, 7.0)
    assert capsys.readouterr().err == ""
    cli_options.limits(parsed("check", "--warning-free", "5%", "--critical-free", "10%"))
    assert "no warning will come before it is critical" in capsys.readouterr().err


def test_a_deadline_counts_from_the_start_of_the_process() -> None:
    running = cli_options.running_seconds()
    arguments = parsed("check")
    arguments.deadline = running + 20.0
    left = cli_options.query_settings(arguments, processes=False, disks=False).deadline
    assert left is not None and 15.0 < left < 20.0
    arguments.deadline = 0.5
    assert cli_options.query_settings(arguments, processes=False, disks=False).deadline == 1.0


def test_the_age_of_this_process_grows() -> None:
    first = cli_options.running_seconds()
    end = time.monotonic() + 30
    while cli_options.running_seconds() == first:
        assert time.monotonic() < end
    assert cli_options.running_seconds() > first >= 0.0


def test_paths_of_serve_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = (
        "--web.config.file",
        "web.yml",
        "--run-dir",
        "run",
        "--state-dir",
        "state",
        "--secret-file",
        "key",
    )
    options = cli_options.serve_options(parsed("serve", *words))
    assert options.web_config == tmp_path / "web.yml"
    assert (options.run_directory, options.state_directory) == (
        str(tmp_path / "run"),
        str(tmp_path / "state"),
    )
    assert options.secret_file == str(tmp_path / "key")
    assert options.words == words


@pytest.mark.parametrize(
    "words",
    [("--listen", "nonsense"), ("--web.allowed-hosts", "a b"), ("--interval", "0"), ("--role", "ask")],
)
def test_what_is_wrong_is_refused_at_the_command_line(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed("serve", *words)
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], set()),
        (["--auto-repair="], set()),
        (["--auto-repair", "self-heal"], {"self-heal"}),
        (["--auto-repair=start-brick,self-heal"], {"start-brick", "self-heal"}),
        (["--auto-repair=start-brick, self-heal"], {"start-brick", "self-heal"}),
        # ARGS come after the unit's own, and win
        (["--auto-repair=start-brick", "--auto-repair="], set()),
    ],
)
def test_what_is_repaired_automatically(words: List[str], expected: Set[str]) -> None:
    assert cli_options.serve_options(parsed("serve", *words)).auto_repair == expected


@pytest.mark.parametrize("text", ["start-bricks", "start-brick,all", "on", "start-brick;self-heal"])
def test_an_unknown_repair_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed("serve", f"--auto-repair={text}")
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "is nothing that can be repaired automatically: name start-brick or self-heal" in line
