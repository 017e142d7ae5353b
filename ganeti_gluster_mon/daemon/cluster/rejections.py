"""The nodes that are not followed for a while because their captures were not valid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict

#: seconds for which a node is not followed: the first time, and at most
_FIRST_TIME, _AT_MOST = 60.0, 3600.0


@dataclass(frozen=True)
class Rejection:
    """A node that is not followed for a while."""

    reason: str
    #: by the event loop's clock, seconds
    until: float
    #: seconds; each rejection of the node doubles them
    duration: float


class Rejections:
    """The rejected nodes, by uuid."""

    def __init__(self) -> None:
        self._rejections: Dict[str, Rejection] = {}

    def add(self, uuid: str, reason: str, now: float) -> bool:
        """Reject the node at *now*; returns False if it was rejected for the same reason before."""
        last = self._rejections.get(uuid)
        duration = _FIRST_TIME if last is None else min(2 * last.duration, _AT_MOST)
        self._rejections[uuid] = Rejection(reason, now + duration, duration)
        return last is None or last.reason != reason

    def holds(self, uuid: str, now: float) -> bool:
        """Whether the node is rejected at *now*."""
        rejection = self._rejections.get(uuid)
        return rejection is not None and now < rejection.until

    def end(self, uuid: str) -> None:
        """Forget the rejections of a node, which sent a valid capture."""
        self._rejections.pop(uuid, None)
