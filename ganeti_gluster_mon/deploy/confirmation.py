"""The confirmation of a change that cannot be undone."""

from __future__ import annotations

import sys
from typing import Iterable


def confirm(question: str, lines: Iterable[str], force: bool) -> bool:
    """Print *lines* and *question*; whether the person at the terminal answers yes, or *force* is set.

    Without a terminal the answer is no.
    """
    for line in lines:
        print(line, file=sys.stderr)
    if force:
        return True
    if not sys.stdin.isatty():
        print(f"{question} There is no terminal to confirm it at: -f confirms it", file=sys.stderr)
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
