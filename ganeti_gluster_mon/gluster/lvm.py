"""The logical volume under a brick, and the pools that it takes its blocks from; a part of the model.

None means *not known*.  Sizes are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple


@dataclass(frozen=True)
class LogicalVolume:
    """A logical volume, and the volume group that it is in."""

    #: the kernel's name of it, "dm-3"
    device: str
    vg: str
    name: str
    size: Optional[int] = None
    vg_size: Optional[int] = None
    #: bytes of the volume group that no logical volume has
    vg_free: Optional[int] = None
    #: name of the pool that it takes its blocks from, in the same volume group; None: it has its own blocks
    pool: Optional[str] = None


@dataclass(frozen=True)
class LvmPool:
    """A thin pool or a VDO pool: what is written to it fails when it is full, whatever size its volumes show."""

    vg: str
    name: str
    #: "thin" or "vdo"
    type: str
    size: Optional[int] = None
    #: percent of its space, and of the space of its metadata (which a VDO pool does not report), that is used
    data_percent: Optional[float] = None
    metadata_percent: Optional[float] = None
    #: what LVM reports to be wrong with it: "out of data space", "metadata is read-only", …; None: nothing
    fault: Optional[str] = None
    #: name of the pool that its own data volume takes its blocks from: a VDO pool below a thin pool
    pool: Optional[str] = None

    @property
    def label(self) -> str:
        """``vg/pool``, as LVM takes it."""
        return f"{self.vg}/{self.name}"


@dataclass(frozen=True)
class LvmReport:
    """The logical volumes under bricks of one node, and their pools, from one run of `lvs`."""

    #: ns since the epoch
    taken_at: int
    volumes: Tuple[LogicalVolume, ...] = ()
    pools: Tuple[LvmPool, ...] = ()

    def under(self, device: str) -> Optional[BrickLvm]:
        """The logical volume whose kernel name is *device*, with its pools; None where it is not reported."""
        volume = next((each for each in self.volumes if each.device == device), None)
        return None if volume is None else BrickLvm(volume, self._pools(volume), self.taken_at)

    def _pools(self, volume: LogicalVolume) -> Tuple[LvmPool, ...]:
        by_name = {pool.name: pool for pool in self.pools if pool.vg == volume.vg}
        found = []
        name = volume.pool
        while name is not None and name in by_name:
            pool = by_name.pop(name)  # each once, should they name each other
            found.append(pool)
            name = pool.pool
        return tuple(found)


@dataclass(frozen=True)
class BrickLvm:
    """The logical volume under one brick."""

    volume: LogicalVolume
    #: the pool that it takes its blocks from first, then the one below that pool
    pools: Tuple[LvmPool, ...]
    #: when `lvs` was run, ns since the epoch
    taken_at: int
