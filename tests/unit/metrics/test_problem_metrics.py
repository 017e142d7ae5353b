"""Metrics of problems."""

from __future__ import annotations

import dataclasses

from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOW, POOL


def test_mutes_are_exported_by_each_node() -> None:
    """Alerts on a node's own mount look at the mutes of that node."""
    muted = dataclasses.replace(
        HEALTH, problems=tuple(dataclasses.replace(problem, muted=True) for problem in HEALTH.problems)
    )
    text = render(POOL, muted, NOW, leader=False).decode()
    assert 'gluster_problem_muted{code="BRICK_OFFLINE",volume="gv0"} 1.0' in text
    assert "gluster_problem{" not in text
