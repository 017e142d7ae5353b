"""Rebalance and remove-brick."""

from __future__ import annotations

from typing import Iterator

from ganeti_gluster_mon.gluster.model import Volume
from ganeti_gluster_mon.health.problem import CRITICAL, HEALING, Problem


def task_problems(volume: Volume) -> Iterator[Problem]:
    """The last task of *volume* that moves data."""
    if volume.rebalance is None:
        return
    kind, status = volume.rebalance.type, volume.rebalance.status
    if status == "in progress":
        text = f"{kind} in progress"
        yield Problem("REBALANCE_RUNNING", HEALING, f"{volume.name}: {text}", volume.name, kind=text)
    elif status == "failed":
        text = f"{kind} failed"
        yield Problem("REBALANCE_FAILED", CRITICAL, f"{volume.name}: {text}", volume.name, kind=text)
