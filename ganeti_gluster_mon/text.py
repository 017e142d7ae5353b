"""How things from outside are put before people: on one line, and sizes short."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

_UNITS = "KMGTPE"


def one_line(text: str, longest: Optional[int] = None) -> str:
    """*text* on one line of printable characters, at most *longest* of them.

    Names of bricks, volumes and hosts may hold anything. White space of any kind becomes a
    blank; what a terminal or a log would act on, or could not show, is spelled out: ``\\x1b``.
    """
    if longest is not None:
        text = text[: 4 * longest]  # what is shown of a text of megabytes must not cost megabytes
    spelled = "".join(
        c if c.isprintable() or c.isspace() else c.encode("unicode_escape").decode("ascii") for c in text
    )
    line = " ".join(spelled.split())
    return line if longest is None or len(line) <= longest else line[: longest - 1] + "…"


def some(names: Sequence[str], most: int) -> str:
    """The first *most* of *names*, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def short_size(size: int) -> str:
    """*size* in bytes as ``1.9G``, by powers of 1024, with the letters of ``df -h``."""
    if size < 1024:
        return f"{size}B"
    # In whole numbers to the end: a float has no room for a size of absurd length.
    step = 1
    while step < len(_UNITS) and _tenths(size, 10 * step) >= 10240:
        step += 1
    return f"{one_decimal(size, 10 * step)}{_UNITS[step - 1]}"


def one_decimal(size: int, shift: int) -> str:
    """*size* in units of 2 to the power of *shift*, with one decimal: ``1.9``."""
    tenths = _tenths(size, shift)
    return f"{tenths // 10}.{tenths % 10}"


def _tenths(size: int, shift: int) -> int:
    # In whole numbers: a float has no room for a size of absurd length.
    return (size * 10 + (1 << (shift - 1))) >> shift


def duration_text(seconds: float) -> str:
    """*seconds* by its two largest units: "45 s", "2 h 5 min", "3 d 1 h"."""
    left = max(0, int(seconds))
    parts: List[Tuple[int, str]] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        number, left = divmod(left, size)
        if number or parts:
            parts.append((number, unit))
    shown = [f"{number} {unit}" for number, unit in parts[:2] if number]
    return " ".join(shown) or "0 s"
