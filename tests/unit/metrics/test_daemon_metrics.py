"""Metrics of the daemon and its cycles."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOW, POOL
from tests.unit.metrics.samples import WHOLE, of, only


@pytest.mark.parametrize(("leader", "expected"), [(True, [({}, 1.0)]), (False, [({}, 0.0)]), (None, [])])
def test_leader(leader: bool | None, expected: object) -> None:
    assert of(render(POOL, HEALTH, NOW, leader=leader), "gluster_leader") == expected


def test_a_single_command_leads() -> None:
    assert only(render(POOL, HEALTH, NOW), "gluster_leader") == 1


def test_failures_are_counted_by_reason() -> None:
    assert of(WHOLE, "gluster_collect_failures_total") == [
        ({"reason": "timeout"}, 3.0),
        ({"reason": "lock"}, 0.0),
    ]
    assert of(render(POOL, HEALTH, NOW), "gluster_collect_failures_total") == []
