"""Whether a new brick is large enough for the data of its set.  Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Optional, Sequence

from ganeti_gluster_mon.deploy.heal_steps import COUNT_TIMEOUT
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.remote import brick_contents, program
from ganeti_gluster_mon.deploy.step import NodeQuery, PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.text import short_size

#: bytes that xfs takes for its log, at least; of what is left, the part that Gluster lets be used (storage.reserve is
#: 1 %) and that is no filesystem's own
_LOG, _USABLE = 64 << 20, 0.98
#: the part of the size of other bricks that a new one of the same size has at least
_SAME = 0.99


@dataclass(frozen=True)
class BrickSize:
    """A brick and the filesystem that it is on; all in bytes."""

    #: what its files take
    allocated: int
    #: the size of the filesystem
    filesystem: int


def size_query(brick: BrickAddress) -> NodeQuery:
    """What `brick_size` takes the answer to."""
    return NodeQuery(brick.node, program(brick_contents, brick.path, "--sizes"), COUNT_TIMEOUT)


def brick_size(brick: BrickAddress, answer: CommandResult) -> BrickSize:
    """The size of *brick*.  Raises PreconditionFailed where it is not known."""
    try:
        parsed = json.loads(answer.stdout)
        return BrickSize(int(parsed["allocated"]), int(parsed["filesystem"]))
    except (ValueError, KeyError, TypeError):
        raise PreconditionFailed(
            f"it is not known how much data {brick.label} has: {answer.reason}"
        ) from None


def directory_query(node: str, directory: str) -> NodeQuery:
    """What `directory_space` takes the answer to; the directory itself need not be there."""
    parent = directory.rpartition("/")[0] or "/"
    return NodeQuery(node, ("stat", "--file-system", "--format", "%S %b %a", "--", parent))


def directory_space(directory: str, answer: CommandResult) -> Space:
    """The room for a new brick in a directory.  Raises PreconditionFailed where it is not known."""
    try:
        block, blocks, available = (int(word) for word in answer.stdout.split())
    except ValueError:
        raise PreconditionFailed(
            f"it is not known how much space there is for {directory}: {answer.reason}"
        ) from None
    return Space(block * blocks, block * available)


@dataclass(frozen=True)
class Space:
    """The room for a new brick, in bytes."""

    #: of the device or the filesystem
    size: int
    #: what files may take
    usable: int


def device_space(size: int) -> Space:
    """The room on a device of *size* bytes with an empty xfs filesystem."""
    return Space(size, int((size - _LOG) * _USABLE))


def check(new: BrickAddress, space: Space, others: Sequence[BrickSize]) -> Optional[str]:
    """What an administrator has to confirm, None where *new* is as large as the *others* of its set.

    Raises PreconditionFailed where their data has no room.
    """
    if not others:
        return None
    data = max(other.allocated for other in others)
    if data > space.usable:
        raise PreconditionFailed(
            f"{new.label} is too small: the bricks of its set have {short_size(data)} of data, and it has room for "
            f"{short_size(max(space.usable, 0))}"
        )
    smallest = min(other.filesystem for other in others)
    if space.size < _SAME * smallest:
        return (
            f"{new.label} has {short_size(space.size)}, less than the other bricks of its set "
            f"({short_size(smallest)}): the volume shrinks to that."
        )
    return None
