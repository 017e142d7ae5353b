"""Names and sizes for people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti_gluster_mon.text import one_line, short_size


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("gv0", "gv0"),
        ("two\nlines\r\n\tand more ", "two lines and more"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("not utf-8: \udcff", "not utf-8: \\udcff"),
        ("Größe ☃", "Größe ☃"),
        ("a\u2028b\u202ec\0", "a b\\u202ec\\x00"),
    ],
)
def test_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


@given(st.text(st.characters(exclude_categories=())))
def test_one_line_is_one_printable_line(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert len(line.splitlines()) <= 1
    line.encode("utf-8")


@pytest.mark.parametrize(
    ("size", "short"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1.0K"),
        (1536, "1.5K"),
        (1024 * 1024 - 1, "1.0M"),  # and not 1024.0K
        (2006818816, "1.9G"),
        (84 * 2**30, "84.0G"),
        (2**60, "1.0E"),
        (10**400, f"{(10**401 + 2**59) // 2**60 // 10}.{(10**401 + 2**59) // 2**60 % 10}E"),
    ],
)
def test_short_size(size: int, short: str) -> None:
    assert short_size(size) == short
