"""GlusterFS 11: its answers in a lab with Debian 13, with faults and without, mean the same as those of version 10."""

from __future__ import annotations

from typing import Set

import pytest

from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import CRITICAL, OK, Limits, evaluate
from tests.unit import all_captures


@pytest.mark.parametrize(
    ("name", "code", "found", "status"),
    [
        ("healthy", OK, set(), "healthy"),
        ("brick-killed", CRITICAL, {"BRICK_OFFLINE"}, "degraded"),
        ("brick-frozen", CRITICAL, {"BRICK_HANGS"}, "degraded"),
        ("heal-pending", CRITICAL, {"HEAL_PENDING", "HEAL_DAEMON_DOWN"}, "healing"),
        ("glusterd-down", CRITICAL, {"PEER_DISCONNECTED", "NOT_KNOWN"}, "unknown"),
    ],
)
def test_each_fault_has_its_code(name: str, code: int, found: Set[str], status: str) -> None:
    capture = all_captures.read(f"glusterfs-11/{name}")
    pool = build_pool(capture)
    health = evaluate(pool, Limits(), capture.recorded_at)
    assert pool.gluster_version == "11.1"
    assert health.code == code
    assert {problem.code for problem in health.problems} >= found
    assert health.volumes["gv0"].status == status
    assert pool.volumes is not None
    assert all(volume.capacity is not None for volume in pool.volumes)


def test_split_brain() -> None:
    capture = all_captures.read("glusterfs-11/split-brain")
    pool = build_pool(capture)
    health = evaluate(pool, Limits(), capture.recorded_at)
    assert health.problems[0].code == "SPLIT_BRAIN"
    (volume,) = [each for each in pool.volumes or () if each.name == "brain"]
    assert volume.heal is not None
    assert volume.heal.split_brain == 1
