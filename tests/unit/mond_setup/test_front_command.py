"""`front enable` and `front disable`: what they make of the files in /etc/default, and of what mond's clients get."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.cli import main
from ganeti_gluster_mon.mond_setup import change, restart
from tests.unit.mond_setup.mond_files import GANETI, OURS, _fails


def test_a_dry_run_changes_nothing_and_says_all(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    directory = tmp_path_factory.mktemp("default")
    for name, text in (("GANETI", GANETI), ("OURS", OURS)):
        (directory / name).write_text(text)
        monkeypatch.setattr(change, name, str(directory / name))
    monkeypatch.setattr(restart, "run", _fails)
    assert main(["front", "enable", "--dry-run"]) == 0
    output = capsys.readouterr().out
    assert '+MOND_ARGS="-p 1817 -b 127.0.0.1"' in output
    assert '+ARGS="--listen :1815 --front http://127.0.0.1:1817"' in output
    assert "daemon-util stop ganeti-mond" in output
    assert (directory / "GANETI").read_text() == GANETI
    assert main(["front", "disable", "--dry-run"]) == 0
    assert capsys.readouterr().out == "nothing to do\n"
