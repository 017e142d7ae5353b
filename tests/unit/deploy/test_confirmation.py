"""The confirmation of a change that cannot be undone."""

from __future__ import annotations

import io

import pytest

from ganeti_gluster_mon.deploy.confirmation import confirm


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("answer", "yes"),
    [
        ("y\n", True),
        ("YES\n", True),
        (" y \n", True),
        ("n\n", False),
        ("\n", False),
        ("", False),
        ("yep\n", False),
    ],
)
def test_only_yes_is_yes(
    answer: str, yes: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert confirm("Lose it?", ["note"], force=False) is yes
    assert capsys.readouterr() == ("", "note\nLose it? [y/N] ")


def test_without_a_terminal_it_is_no(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert confirm("Lose it?", [], force=False) is False
    assert "-f confirms it" in capsys.readouterr().err


def test_force_needs_no_terminal_and_shows_the_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert confirm("Lose it?", ["one", "two"], force=True) is True
    assert capsys.readouterr().err == "one\ntwo\n"
