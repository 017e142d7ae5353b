"""Which nodes are in maintenance: a tag of the Ganeti cluster for each, so that every node knows.

``gluster:maintenance:NODE:SINCE:UNTIL:drained``: SINCE and UNTIL are seconds since the epoch; at UNTIL the mute of the
node ends.  The last word is ``drained`` where `maintenance start` drained the node, and ``kept`` where it did not.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Iterable, Optional, Tuple

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.text import one_line

TAG = "gluster:maintenance:"
_DRAINED, _KEPT = "drained", "kept"


class InvalidMaintenanceTag(CommandError):
    """A tag of the cluster is no record of a maintenance; one line that says what to do."""


@dataclass(frozen=True)
class MaintenanceRecord:
    """A node that is in maintenance."""

    #: Ganeti's name of it
    node: str
    #: seconds since the epoch
    since: int
    #: seconds since the epoch: its problems are muted until then
    until: int
    #: whether `maintenance start` drained it, so that `maintenance finish` has to end that
    drained: bool

    @property
    def tag(self) -> str:
        """The tag of the cluster."""
        return f"{TAG}{self.node}:{self.since}:{self.until}:{_DRAINED if self.drained else _KEPT}"


def records(tags: Iterable[str]) -> Tuple[MaintenanceRecord, ...]:
    """The nodes in maintenance by the *tags* of the cluster, in the order of their names.

    Of several tags of one node the one counts whose mute ends last.  Raises InvalidMaintenanceTag.
    """
    found = sorted(
        (_record(tag) for tag in tags if tag.startswith(TAG)), key=lambda one: (one.node, one.until)
    )
    return tuple({one.node: one for one in found}.values())


def record_of(tags: Iterable[str], node: str) -> Optional[MaintenanceRecord]:
    """The record of *node*; None where it is not in maintenance.  Raises InvalidMaintenanceTag."""
    return next((one for one in records(tags) if one.node == node), None)


def tags_of(tags: Iterable[str], node: str) -> Tuple[str, ...]:
    """All tags that record a maintenance of *node*."""
    return tuple(tag for tag in tags if tag.startswith(f"{TAG}{node}:"))


def in_the_way(tags: Iterable[str]) -> str:
    """Why other changes of the pool have to wait, in one line; "" where no node is in maintenance.

    A brick must not be started while an administrator works on its node.  Raises InvalidMaintenanceTag.
    """
    found = records(tags)
    if not found:
        return ""
    one = found[0]
    return (
        f"{one.node} is in maintenance since {moment(one.since)}: gnt-gluster maintenance finish {one.node} ends that; "
        f"if the node is gone for good: gnt-cluster remove-tags {one.tag}"
    )


def moment(seconds: float) -> str:
    """A local time, for people."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _record(tag: str) -> MaintenanceRecord:
    words = tag[len(TAG) :].split(":")
    if (
        len(words) != 4
        or not words[0]
        or not all(word.isascii() and word.isdecimal() and len(word) < 12 for word in words[1:3])
        or words[3] not in (_DRAINED, _KEPT)
    ):
        raise InvalidMaintenanceTag(
            f"the tag {one_line(tag, 140)} of the cluster is no record of a maintenance: gnt-cluster remove-tags "
            "removes it"
        )
    return MaintenanceRecord(words[0], int(words[1]), int(words[2]), words[3] == _DRAINED)
