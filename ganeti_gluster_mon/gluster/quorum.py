"""Does a subvolume have enough bricks to serve its data and take writes?

The rules are those of Gluster's clients (AFR's and EC's), by the volume options in force.
Losing bricks never brings quorum back, so a brick whose state is not known is tried both
ways: if quorum holds with all such bricks down, it holds; if it fails with all of them up,
it is lost; otherwise it cannot be told.
"""

from __future__ import annotations

from typing import Mapping, Optional, Sequence

from ganeti_gluster_mon.gluster.model import Brick, Subvolume


def quorum(subvolume: Subvolume, options: Mapping[str, str]) -> Optional[bool]:
    """True, False, or None where the bricks that are known do not decide it."""
    bricks = subvolume.bricks
    if _suffices(subvolume, [brick.online is True for brick in bricks], options):
        return True
    if not _suffices(subvolume, [brick.online is not False for brick in bricks], options):
        return False
    return None


def to_spare(subvolume: Subvolume, options: Mapping[str, str]) -> Optional[int]:
    """How many bricks more may be lost, whichever they are, before quorum is; 0 where it is lost already.

    None while the state of a brick is not known.
    """
    up = [brick.online for brick in subvolume.bricks]
    if any(each is None for each in up):
        return None
    left = [each is True for each in up]
    # The worst order: the first brick, which decides a draw, then what else holds data, an arbiter last.
    order = sorted(range(len(left)), key=lambda index: subvolume.bricks[index].arbiter)
    spare = -1
    for index in (index for index in order if left[index]):
        if not _suffices(subvolume, left, options):
            break
        spare += 1
        left[index] = False
    return max(spare, 0)


def _suffices(subvolume: Subvolume, up: Sequence[bool], options: Mapping[str, str]) -> bool:
    if subvolume.type == "replicate":
        return _replicate(subvolume.bricks, up, options)
    if subvolume.type == "disperse":
        data = len(up) - subvolume.redundancy
        return sum(up) >= max(data, _number(options.get("disperse.quorum-count"), 0))
    return all(up)


def _replicate(bricks: Sequence[Brick], up: Sequence[bool], options: Mapping[str, str]) -> bool:
    if not any(is_up for brick, is_up in zip(bricks, up) if not brick.arbiter):
        return False  # an arbiter alone has names, but no data
    kind = options.get("cluster.quorum-type", "auto" if len(up) > 2 else "none")
    if kind == "fixed":
        return sum(up) >= _number(options.get("cluster.quorum-count"), 1)
    if kind == "none":
        return True
    if sum(up) * 2 == len(up):
        return up[0]  # a draw is decided by the first brick
    return sum(up) * 2 > len(up)


def _number(text: Optional[str], default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else default
