"""Does a subvolume have enough bricks to serve its data and take writes?

The rules are those of Gluster's clients (AFR's and EC's), by the volume options in force.
Losing bricks never brings quorum back, so a brick whose state is not known is tried both
ways: if quorum holds with all such bricks down, it holds; if it fails with all of them up,
it is lost; otherwise it is not known.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Mapping, NamedTuple, Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster.model import Brick, Subvolume


class _Rules(NamedTuple):
    """What decides the quorum of a subvolume, in addition to which of its bricks are online."""

    type: str
    redundancy: int
    #: brick by brick
    arbiter: Tuple[bool, ...]
    #: "fixed", "none" or "auto"
    quorum_type: str
    #: of a replica set with the type "fixed"
    quorum_count: int
    disperse_quorum_count: int


#: brick by brick: `Brick.online`
_Online = Tuple[Optional[bool], ...]


def quorum(subvolume: Subvolume, options: Mapping[str, str]) -> Optional[bool]:
    """True, False, or None where the bricks that are known do not decide it."""
    return quorum_of(subvolume.type, subvolume.bricks, subvolume.redundancy, options)


def quorum_of(
    kind: str, bricks: Sequence[Brick], redundancy: int, options: Mapping[str, str]
) -> Optional[bool]:
    """`quorum` of a subvolume that is still to be made, of the type *kind*."""
    return _quorum(_rules(kind, bricks, redundancy, options), tuple([brick.online for brick in bricks]))


def to_spare(subvolume: Subvolume, options: Mapping[str, str]) -> Optional[int]:
    """How many bricks more may be lost, whichever they are, before quorum is; 0 where it is lost already.

    None while the state of a brick is not known.
    """
    bricks = subvolume.bricks
    rules = _rules(subvolume.type, bricks, subvolume.redundancy, options)
    return _to_spare(rules, tuple([brick.online for brick in bricks]))


def _rules(kind: str, bricks: Sequence[Brick], redundancy: int, options: Mapping[str, str]) -> _Rules:
    quorum_type = options.get("cluster.quorum-type", "auto" if len(bricks) > 2 else "none")
    return _Rules(
        kind,
        redundancy,
        tuple([brick.arbiter for brick in bricks]),
        quorum_type if quorum_type in ("fixed", "none") else "auto",
        _number(options.get("cluster.quorum-count"), 1),
        _number(options.get("disperse.quorum-count"), 0),
    )


# A large pool has thousands of subvolumes, and few kinds and states of them.
@lru_cache(maxsize=1024)
def _quorum(rules: _Rules, online: _Online) -> Optional[bool]:
    if _suffices(rules, [each is True for each in online]):
        return True
    if not _suffices(rules, [each is not False for each in online]):
        return False
    return None


@lru_cache(maxsize=1024)
def _to_spare(rules: _Rules, online: _Online) -> Optional[int]:
    if None in online:
        return None
    left = [each is True for each in online]
    # The worst order: the first brick, which decides a draw, then what else holds data, an arbiter last.
    order = sorted(range(len(left)), key=lambda index: rules.arbiter[index])
    spare = -1
    for index in (index for index in order if left[index]):
        if not _suffices(rules, left):
            break
        spare += 1
        left[index] = False
    return max(spare, 0)


def _suffices(rules: _Rules, up: Sequence[bool]) -> bool:
    if rules.type == "replicate":
        return _replicate(rules, up)
    if rules.type == "disperse":
        data = len(up) - rules.redundancy
        return sum(up) >= max(data, rules.disperse_quorum_count)
    return all(up)


def _replicate(rules: _Rules, up: Sequence[bool]) -> bool:
    if not any(is_up for arbiter, is_up in zip(rules.arbiter, up) if not arbiter):
        return False  # an arbiter alone has names, but no data
    if rules.quorum_type == "fixed":
        return sum(up) >= rules.quorum_count
    if rules.quorum_type == "none":
        return True
    # The first brick counts a little more than the others: it decides a draw.
    return sum(up) * 2 + up[0] > len(up)


def _number(text: Optional[str], default: int) -> int:
    # The length comes first: int() refuses thousands of digits.
    return int(text) if text and len(text) <= 19 and text.isascii() and text.isdigit() else default
