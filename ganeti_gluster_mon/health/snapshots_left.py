"""Snapshots that a volume may still have."""

from __future__ import annotations

from typing import Iterator

from ganeti_gluster_mon.gluster.model import Volume
from ganeti_gluster_mon.health.problem import OK, Problem

#: percent of the limit, which is Gluster's default for the soft limit
_SOFT_LIMIT = 90


def snapshot_problems(volume: Volume) -> Iterator[Problem]:
    """A warning where *volume* has nearly as many snapshots as it may have."""
    count = len(volume.snapshots or ())
    known = [each.remaining for each in volume.snapshots or () if each.remaining is not None]
    if not known:
        return
    most = count + min(known)
    if 100 * count >= _SOFT_LIMIT * most:
        text = f"{volume.name}: {count} of {most} snapshots"
        yield Problem("SNAPSHOT_LIMIT", OK, text, volume.name)
