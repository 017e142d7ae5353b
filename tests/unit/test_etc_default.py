"""/etc/default/ganeti-gluster-mon, as a shell and systemd read it."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import pytest

from ganeti_gluster_mon import etc_default
from ganeti_gluster_mon.command_error import CommandError


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", {}),
        ("# A=1\n", {}),
        ("A=1\nB='x y'  # comment\n", {"A": "1", "B": "x y"}),
        ('A="a  b"\n', {"A": "a  b"}),
        ("A=\n", {"A": ""}),
        ("A=1\nA=2\n", {"A": "2"}),
        ("  A=1", {"A": "1"}),
        ("export A=1\na=1\nA-B=1\nnonsense\n", {}),
        ("A=b=c\n", {"A": "b=c"}),
    ],
)
def test_assignments(content: str, found: Dict[str, str]) -> None:
    assert etc_default.assignments(content) == found


def test_a_quote_that_is_not_closed_names_the_setting() -> None:
    with pytest.raises(
        etc_default.WrongSetting, match="/etc/default/ganeti-gluster-mon: A: No closing quotation"
    ):
        etc_default.assignments("A='x\n")


def test_a_file_that_is_missing_is_empty(tmp_path: Path) -> None:
    assert etc_default.text(str(tmp_path / "missing")) == ""


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"cannot read .*: Is a directory"):
        etc_default.text(str(tmp_path))


def test_bytes_that_are_not_utf_8_and_megabytes_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "default"
    path.write_bytes(b"A=\xff\n" + b"#" * (1 << 20))
    text = etc_default.text(str(path))
    assert etc_default.assignments(text)["A"] == "\udcff" and len(text) <= 64 << 10
