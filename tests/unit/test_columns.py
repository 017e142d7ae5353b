"""Aligned columns."""

from __future__ import annotations

from ganeti_gluster_mon.columns import align


def test_words_begin_and_figures_end_at_the_same_place_and_no_line_ends_with_blanks() -> None:
    rows = [("NAME", "SIZE", "NOTE"), ("a", "10", ""), ("longer", "7", "x")]
    assert align(rows, [False, True, False], "  ") == [
        "NAME    SIZE  NOTE",
        "a         10",
        "longer     7  x",
    ]


def test_no_rows_are_no_lines() -> None:
    assert align([], [False]) == []
