"""Space and inodes."""

from __future__ import annotations

from typing import Iterator

from ganeti_gluster_mon.gluster.model import Volume
from ganeti_gluster_mon.health.problem import CRITICAL, OK, Limits, Problem


def space_problems(volume: Volume, limits: Limits) -> Iterator[Problem]:
    """Space of *volume* that runs short.  Free is counted as df(1) does: of what clients may use."""
    if volume.capacity is None:
        return
    usable = volume.capacity.used + volume.capacity.available
    if usable:
        free = 100 * volume.capacity.available / usable
        if free <= limits.critical_free:
            text = f"nearly full, {free:.1f} % of its space free"
            yield Problem("VOLUME_FULL", CRITICAL, f"{volume.name}: {text}", volume.name)
        elif free <= limits.warning_free:
            text = f"{free:.1f} % of its space free"
            yield Problem("VOLUME_NEARLY_FULL", OK, f"{volume.name}: {text}", volume.name)
    if volume.inodes is not None and volume.inodes.total:
        free = 100 * volume.inodes.free / volume.inodes.total
        if free <= limits.critical_free:
            text = f"nearly full, {free:.1f} % of its inodes free"
            yield Problem("INODES_SHORT", CRITICAL, f"{volume.name}: {text}", volume.name)
        elif free <= limits.warning_free:
            text = f"{free:.1f} % of its inodes free"
            yield Problem("INODES_SHORT", OK, f"{volume.name}: {text}", volume.name)
