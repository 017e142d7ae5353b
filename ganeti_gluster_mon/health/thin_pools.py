"""Thin pools and VDO pools under bricks: a full one fails writes while the brick's filesystem shows free space."""

from __future__ import annotations

from typing import Iterator, Optional

from ganeti_gluster_mon.gluster.lvm import LvmPool
from ganeti_gluster_mon.gluster.model import Brick, Volume
from ganeti_gluster_mon.health.problem import CRITICAL, OK, Problem
from ganeti_gluster_mon.text import short_size

#: percent of a pool's data, or of its metadata, that are used
WARNING_USED, CRITICAL_USED = 80.0, 95.0
_TYPES = {"thin": "thin pool", "vdo": "VDO pool"}


def thin_pool_problems(volume: Volume) -> Iterator[Problem]:
    """Pools under the bricks of *volume* that are full or nearly full, or that LVM reports to have failed."""
    for brick in volume.bricks:
        for pool in () if brick.lvm is None else brick.lvm.pools:
            yield from _of_a_pool(volume, brick, pool)


def pool_severity(used: Optional[float]) -> Optional[int]:
    """The severity of *used* percent: CRITICAL, OK (a warning), or None where there is room or it is not known."""
    if used is None or used < WARNING_USED:
        return None
    return CRITICAL if used >= CRITICAL_USED else OK


def _of_a_pool(volume: Volume, brick: Brick, pool: LvmPool) -> Iterator[Problem]:
    name = f"{_TYPES.get(pool.type, 'pool')} {pool.label} under brick {brick.label}"
    if pool.fault is not None:
        text = f"{volume.name}: the {name}: {pool.fault}, by lvs"
        yield Problem("THIN_POOL_FULL", CRITICAL, text, volume.name, brick.label, kind=_kind(pool.fault))
        return
    for what, used in (("data", pool.data_percent), ("metadata", pool.metadata_percent)):
        severity = pool_severity(used)
        if severity is not None:
            text = f"{volume.name}: the {name}: {used:.1f} % of its {what} is used{_room(brick)}"
            yield Problem("THIN_POOL_FULL", severity, text, volume.name, brick.label, kind=what)


def _kind(fault: str) -> str:
    return "metadata" if fault.startswith("metadata") else "data"


def _room(brick: Brick) -> str:
    free = None if brick.lvm is None else brick.lvm.volume.vg_free
    if brick.lvm is None or free is None:
        return ""
    return f", and {short_size(free) if free else 'nothing'} is free in volume group {brick.lvm.volume.vg}"
