"""How things from outside are put before people: on one line, and sizes short."""

from __future__ import annotations

_UNITS = "KMGTPE"


def one_line(text: str) -> str:
    """*text* on one line of printable characters.

    Names of bricks, volumes and hosts may hold anything. White space of any kind becomes a
    blank; what a terminal or a log would act on, or could not show, is spelled out: ``\\x1b``.
    """
    spelled = "".join(
        c if c.isprintable() or c.isspace() else c.encode("unicode_escape").decode("ascii") for c in text
    )
    return " ".join(spelled.split())


def short_size(size: int) -> str:
    """*size* in bytes as ``1.9G``, by powers of 1024, with the letters of ``df -h``."""
    if size < 1024:
        return f"{size}B"
    # In whole numbers to the end: a float has no room for a size of absurd length.
    step = 1
    while step < len(_UNITS) and _tenths(size, step) >= 10240:
        step += 1
    tenths = _tenths(size, step)
    return f"{tenths // 10}.{tenths % 10}{_UNITS[step - 1]}"


def _tenths(size: int, step: int) -> int:
    unit = 1 << 10 * step
    return (size * 10 + unit // 2) // unit
