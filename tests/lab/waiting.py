"""Waiting for a condition, never for a while."""

from __future__ import annotations

import time
from typing import Callable, Optional, TypeVar

T = TypeVar("T")


class LabError(Exception):
    """The lab could not do something; the message says what, and where to look."""


class LabTimeout(LabError):
    """What was waited for did not come about before its deadline."""


def wait_until(
    condition: Callable[[], Optional[T]], what: str, timeout: float = 30.0, interval: float = 0.02
) -> T:
    """The first true result of *condition*, evaluated every *interval* seconds.

    Raises LabTimeout, naming *what*, when there was none within *timeout* seconds. The condition is evaluated at
    least once, and once more at the very end, so a slow condition is not cheated of its last chance.
    """
    deadline = time.monotonic() + timeout
    while True:
        late = time.monotonic() >= deadline
        answer = condition()
        if answer:
            return answer
        if late:
            raise LabTimeout(f"not within {timeout:g} s: {what}")
        time.sleep(interval)
