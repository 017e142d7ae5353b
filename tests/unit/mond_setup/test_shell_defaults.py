"""Assignments in a file in /etc/default."""

from __future__ import annotations

from typing import Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.mond_setup import shell_defaults
from tests.unit.mond_setup.mond_files import GANETI, words


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('A=""', ()),
        ("A=", ()),
        ("A=''", ()),
        ("A=-d", ("-d",)),
        ('A="-p 1  -b ::1"', ("-p", "1", "-b", "::1")),
        ("  export A='-p 1' # why", ("-p", "1")),
        ('A="-p 1"\nA="-p 2"', ("-p", "2")),
        ('#A="-p 1"', ()),
        ('BA="-p 1"', ()),
        ("", ()),
    ],
)
def test_reading(line: str, expected: Tuple[str, ...]) -> None:
    assert words(f"{line}\n", "A") == expected


@pytest.mark.parametrize("line", ['A="-p', 'A="$B"', "A=`date`", "A=-p 1", 'A="a\\"b"'])
def test_what_only_a_shell_understands_is_named_with_its_place(line: str) -> None:
    for does in (
        lambda: shell_defaults.read(f"B=1\n{line}\n", "A", "/etc/default/x"),
        lambda: shell_defaults.changed(f"B=1\n{line}\n", "A", "/etc/default/x", ["-d"]),
    ):
        with pytest.raises(CommandError, match=r"^/etc/default/x, line 2: A has .*: "):
            does()


@pytest.mark.parametrize("word", ['"', "$(id)", "a b", "`", "a;b", "a\nb", ""])
def test_nothing_is_written_that_a_shell_could_take_for_more(word: str) -> None:
    with pytest.raises(CommandError):
        shell_defaults.changed(GANETI, "MOND_ARGS", "/f", [word])


TEXTS = st.lists(
    st.one_of(
        st.sampled_from(['A=""', "A=-d", 'export A="-p 1"', "# A=1", "", "B=2", "A='x'"]),
        st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=12).filter(
            lambda line: "A=" not in line
        ),
    ),
    max_size=8,
).map(lambda lines: "".join(f"{line}\n" for line in lines))


@given(TEXTS)
def test_there_and_back_again_to_the_letter(text: str) -> None:
    once = shell_defaults.changed(text, "A", "/f", ["-p", "2"])
    assert words(once, "A") == ("-p", "2")
    twice = shell_defaults.changed(once, "A", "/f", ["-p", "3"])
    assert words(twice, "A") == ("-p", "3")
    assert shell_defaults.restored(once, "A", "/f") == shell_defaults.restored(twice, "A", "/f") == text
    assert shell_defaults.restored(text, "A", "/f") == text
