"""The question before something is done that cannot be undone."""

from __future__ import annotations

import sys
from typing import Iterable


def confirm(question: str, lines: Iterable[str], force: bool) -> bool:
    """Whether the administrator wants it; without a terminal there is nobody to ask, and so it is no."""
    for line in lines:
        print(line, file=sys.stderr)
    if force:
        return True
    if not sys.stdin.isatty():
        print(f"{question} There is nobody to ask here: -f says yes", file=sys.stderr)
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
