"""How much a volume holds, reckoned from its bricks as Gluster's own translators do it.

A client that queries a mounted volume for its space gets an answer that has passed through
four translators, and each of them changes it.  The functions here carry their names and do
what they do, in whole blocks, so that the figures equal those of `df` on a mount:

``posix``  on each brick: takes storage.reserve away, divides a filesystem that several
           bricks of the volume share
``afr``    a replica set is as big as its smallest brick; an arbiter holds no data
``ec``     a disperse set: the smallest brick, times the number of data fragments
``dht``    adds the subvolumes up

What bricks do not report: the space a filesystem keeps for root (ext4: 5 % unless it was
made otherwise; xfs: none), since `volume status detail` gives f_bfree only.  "available"
reckoned from bricks is that much too high; on a node where the volume is mounted, statvfs
knows better and is preferred.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from dataclasses import replace
from typing import Callable, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster.model import Brick, Capacity, Inodes, Mount, Subvolume
from ganeti_gluster_mon.gluster.quota import QuotaLimit

#: Gluster's default of storage.reserve, percent of each brick's filesystem
DEFAULT_RESERVE = "1"

_UNITS = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40, "PB": 1 << 50}


class _Space(NamedTuple):
    """The fields of statvfs(3) that travel through the translators; blocks of *frsize* bytes.

    A tuple, since a large pool has thousands and a frozen dataclass takes longer to make.
    """

    frsize: int
    blocks: int
    bfree: int
    bavail: int
    #: None: the filesystem counts no inodes (btrfs)
    files: Optional[int]
    ffree: Optional[int]

    def in_blocks_of(self, frsize: int) -> _Space:
        """The same space in larger blocks."""
        if frsize == self.frsize:
            return self
        factor = self.frsize / frsize
        return self._replace(
            frsize=frsize,
            blocks=int(factor * self.blocks),
            bfree=int(factor * self.bfree),
            bavail=int(factor * self.bavail),
        )


def of_mount(mount: Mount) -> Optional[Tuple[Capacity, Optional[Inodes]]]:
    """Space of a volume by statvfs on its mount; None where the mount did not answer."""
    fields = (mount.f_frsize, mount.f_blocks, mount.f_bfree, mount.f_bavail, mount.f_files, mount.f_ffree)
    if any(value is None or value < 0 for value in fields) or not mount.f_frsize:
        return None
    return _capacity_of(_Space(*(value or 0 for value in fields)), "mount")


def of_bricks(
    subvolumes: Sequence[Subvolume], options: Mapping[str, str]
) -> Optional[Tuple[Capacity, Optional[Inodes]]]:
    """Space of a volume by what its bricks report; None where a brick that counts does not report it.

    *options* are the volume's: storage.reserve is heeded.  As on a mount, bricks that are
    offline do not count, and a subvolume without any brick adds nothing.
    """
    return of_bricks_by_subvolume(subvolumes, options)[0]


#: space and inodes; None: not known
Space = Optional[Tuple[Capacity, Optional[Inodes]]]


def of_bricks_by_subvolume(
    subvolumes: Sequence[Subvolume], options: Mapping[str, str]
) -> Tuple[Space, Tuple[Space, ...]]:
    """Space of a volume as `of_bricks`, and of each of its subvolumes."""
    sharing = Counter(
        (brick.uuid or brick.host, brick.device) for subvolume in subvolumes for brick in subvolume.bricks
    )
    sets: List[Optional[_Space]] = []
    each: List[Space] = []
    for subvolume in subvolumes:
        serving = [brick for brick in subvolume.bricks if brick.online is not False and not brick.arbiter]
        if not serving:
            each.append(None)
            continue
        if subvolume.quorum:
            # a brick whose host is away is not queried by clients either, and the others do without it
            serving = [brick for brick in serving if brick.online]
        spaces = []
        for brick in serving:
            shared = sharing[(brick.uuid or brick.host, brick.device)] if brick.device else 1
            space = _posix(brick, options.get("storage.reserve", DEFAULT_RESERVE), shared)
            spaces.append(space)
        known = [space for space in spaces if space is not None]
        if not known or len(known) < len(spaces):
            sets.append(None)
        elif subvolume.type == "disperse":
            sets.append(_ec(known, len(subvolume.bricks) - subvolume.redundancy))
        else:
            sets.append(_afr(known))
        space = sets[-1]
        each.append(None if space is None else _capacity_of(space, "bricks"))
    whole = [space for space in sets if space is not None]
    if not whole or len(whole) < len(sets):
        return None, tuple(each)
    return _capacity_of(_dht(whole), "bricks"), tuple(each)


def of_brick(brick: Brick, options: Mapping[str, str]) -> Space:
    """Space of one brick as clients see it, less storage.reserve; None where it does not report it."""
    space = _posix(brick, options.get("storage.reserve", DEFAULT_RESERVE), 1)
    return None if space is None else _capacity_of(space, "bricks")


def min_free_disk(space: Optional[Capacity], options: Mapping[str, str]) -> Optional[float]:
    """Percent of a subvolume's *space* below which DHT creates no new files on it; None where it is not known.

    cluster.min-free-disk is a percentage or a size, and 10 % unless it was set (xlators/cluster/dht/src/dht-shared.c).
    """
    if space is None or not space.size:
        return None
    blocks = _reserved_blocks(options.get("cluster.min-free-disk", "10%"), space.size, 1)
    return None if blocks is None else 100 * blocks / space.size


def with_root_quota(space: Capacity, options: Mapping[str, str], limit: QuotaLimit) -> Capacity:
    """*space* by the bricks as a client sees it under a quota *limit* of the root directory.

    Gluster's quota translator does so while features.quota-deem-statfs is on, which it is as soon as quota is.
    """
    if options.get("features.quota-deem-statfs", "on") not in ("on", "enable", "yes", "true", "1"):
        return space
    if limit.hard_limit is None or limit.used is None:
        return space
    return replace(
        space,
        size=min(space.size, limit.hard_limit),
        used=limit.used if limit.hard_limit < space.size else max(space.used, limit.used),
        available=min(space.available, max(0, limit.hard_limit - limit.used)),
    )


def _posix(brick: Brick, reserve: str, shared_by: int) -> Optional[_Space]:
    if brick.size is None or brick.free is None or not brick.block_size:
        return None
    blocks, bfree = brick.size // brick.block_size, brick.free // brick.block_size
    reserved = _reserved_blocks(reserve, blocks, brick.block_size)
    if reserved is None:
        return None
    bfree = max(0, bfree - reserved)
    files, ffree = brick.inodes_total, brick.inodes_free
    counted = files is not None and ffree is not None
    return _Space(
        frsize=brick.block_size,
        blocks=blocks // shared_by,
        bfree=bfree // shared_by,
        bavail=bfree // shared_by,
        files=files // shared_by if counted and files is not None else None,
        ffree=ffree // shared_by if counted and ffree is not None else None,
    )


def is_reserve(text: str) -> bool:
    """Whether *text* can be a value of storage.reserve."""
    return _reserved_blocks(text, 1, 1) is not None


# The bricks of a pool have few sizes.
@functools.lru_cache(maxsize=256)
def _reserved_blocks(reserve: str, blocks: int, block_size: int) -> Optional[int]:
    """storage.reserve: a percentage ("1", "2.5%"), or, above 100 or with a unit, a size ("10GB")."""
    match = re.fullmatch(r"\s*([0-9]{1,19}(?:\.[0-9]{1,19})?)\s*(%|[KMGTP]?B?)\s*", reserve, re.IGNORECASE)
    if not match:
        return None
    amount, unit = float(match.group(1)), match.group(2).upper()
    if unit == "%" or (not unit and amount <= 100):
        return int(blocks * amount / 100 + 0.5)
    if len(unit) == 1 and unit != "B":
        unit += "B"
    return -(-int(amount * _UNITS[unit]) // block_size)


def _afr(bricks: Sequence[_Space]) -> _Space:
    return min(bricks, key=lambda space: space.bavail * space.frsize)


def _ec(bricks: Sequence[_Space], data: int) -> _Space:
    frsize = max(space.frsize for space in bricks)
    bricks = [space.in_blocks_of(frsize) for space in bricks]
    return _Space(
        frsize=frsize,
        blocks=min(space.blocks for space in bricks) * data,
        bfree=min(space.bfree for space in bricks) * data,
        bavail=min(space.bavail for space in bricks) * data,
        # EC really takes the largest total here, and the smallest count of free ones
        files=_of_all(max, [space.files for space in bricks]),
        ffree=_of_all(min, [space.ffree for space in bricks]),
    )


def _dht(subvolumes: Sequence[_Space]) -> _Space:
    frsize = max(space.frsize for space in subvolumes)
    subvolumes = [space.in_blocks_of(frsize) for space in subvolumes]
    return _Space(
        frsize=frsize,
        blocks=sum(space.blocks for space in subvolumes),
        bfree=sum(space.bfree for space in subvolumes),
        bavail=sum(space.bavail for space in subvolumes),
        files=_of_all(sum, [space.files for space in subvolumes]),
        ffree=_of_all(sum, [space.ffree for space in subvolumes]),
    )


def _of_all(figure: Callable[[Iterable[int]], int], counts: Sequence[Optional[int]]) -> Optional[int]:
    """*figure* of *counts*; None where one is not counted."""
    known = [count for count in counts if count is not None]
    return figure(known) if len(known) == len(counts) else None


def _capacity_of(space: _Space, source: str) -> Tuple[Capacity, Optional[Inodes]]:
    capacity = Capacity(
        size=space.blocks * space.frsize,
        used=max(0, space.blocks - space.bfree) * space.frsize,
        available=space.bavail * space.frsize,
        source=source,
    )
    if not space.files or space.ffree is None:  # 0: the filesystem makes inodes as it needs them
        return capacity, None
    return capacity, Inodes(space.files, max(0, space.files - space.ffree), space.ffree)
