"""Rows of cells as lines of aligned columns: every table that a command prints."""

from __future__ import annotations

from typing import List, Sequence


def align(rows: Sequence[Sequence[str]], to_the_right: Sequence[bool], gap: str = " ") -> List[str]:
    """A line for each of *rows*, with *gap* between columns and no blanks at the end.

    *to_the_right*: by column, whether its cells are aligned to the right, as figures are.
    """
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        gap.join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, to_the_right)
        ).rstrip(" ")
        for row in rows
    ]
