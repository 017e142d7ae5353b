"""Pools under bricks that are full."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List, Optional, Tuple

import pytest

from ganeti_gluster_mon.gluster.lvm import BrickLvm, LogicalVolume, LvmPool
from ganeti_gluster_mon.gluster.model import Brick, Volume
from ganeti_gluster_mon.health import CRITICAL, OK
from ganeti_gluster_mon.health.remedies import remedy_of
from ganeti_gluster_mon.health.thin_pools import pool_severity, thin_pool_problems

LV = LogicalVolume("dm-3", "vg", "b1", vg_free=4 << 30, pool="tp")
POOL = LvmPool("vg", "tp", "thin", 10 << 30, 50.0, 50.0)
UNDER = "gv0: the thin pool vg/tp under brick node1:/b:"


def volume(*pools: LvmPool, lv: LogicalVolume = LV) -> Volume:
    brick = Brick("gv0", "node1", "/b", lvm=BrickLvm(lv, pools, 1))
    return Volume("gv0", "u", "replicate", "started", "tcp", (brick, Brick("gv0", "node2", "/b")), ())


def found(*pools: LvmPool, lv: LogicalVolume = LV) -> List[Tuple[int, str]]:
    problems = list(thin_pool_problems(volume(*pools, lv=lv)))
    assert {(one.code, one.volume, one.subject) for one in problems} <= {
        ("THIN_POOL_FULL", "gv0", "node1:/b")
    }
    return [(one.severity, one.text) for one in problems]


@pytest.mark.parametrize(
    ("used", "severity"),
    [(None, None), (0.0, None), (79.9, None), (80.0, OK), (94.9, OK), (95.0, CRITICAL), (100.0, CRITICAL)],
)
def test_the_thresholds(used: Optional[float], severity: Optional[int]) -> None:
    assert pool_severity(used) == severity


def test_data_and_metadata() -> None:
    assert found(POOL) == []
    assert found(replace(POOL, data_percent=97.33)) == [
        (CRITICAL, f"{UNDER} 97.3 % of its data is used, and 4.0G is free in volume group vg")
    ]
    assert found(replace(POOL, metadata_percent=80.0)) == [
        (OK, f"{UNDER} 80.0 % of its metadata is used, and 4.0G is free in volume group vg")
    ]
    assert [severity for severity, _ in found(replace(POOL, data_percent=85.0, metadata_percent=99.0))] == [
        OK,
        CRITICAL,
    ]


@pytest.mark.parametrize(("free", "words"), [(0, ", and nothing is free in volume group vg"), (None, "")])
def test_what_is_free_in_the_volume_group(free: Optional[int], words: str) -> None:
    ((_, text),) = found(replace(POOL, data_percent=99.0), lv=replace(LV, vg_free=free))
    assert text == f"{UNDER} 99.0 % of its data is used{words}"


def test_what_is_not_known_is_no_problem_here() -> None:
    # brick_builder.py notes that it is not known
    assert found(LvmPool("vg", "tp", "thin")) == found() == []
    assert list(thin_pool_problems(Volume("gv0", "u", "replicate", "started", "tcp", (), ()))) == []


@pytest.mark.parametrize("fault", ["out of data space", "metadata is read-only", "failed"])
def test_a_pool_that_has_failed(fault: str) -> None:
    assert found(replace(POOL, data_percent=100.0, fault=fault)) == [(CRITICAL, f"{UNDER} {fault}, by lvs")]


def test_a_pool_below_a_pool() -> None:
    below = LvmPool("vg", "vpool", "vdo", data_percent=96.0)
    assert [text for _, text in found(POOL, below)] == [
        "gv0: the VDO pool vg/vpool under brick node1:/b: 96.0 % of its data is used, and 4.0G is free in volume "
        "group vg"
    ]


@pytest.mark.parametrize(
    ("changes", "fix"),
    [
        ({"data_percent": 99.0}, "ssh node1 lvextend --size +SIZE VG/POOL"),
        ({"fault": "out of data space"}, "ssh node1 lvextend --size +SIZE VG/POOL"),
        ({"metadata_percent": 99.0}, "ssh node1 lvextend --poolmetadatasize +SIZE VG/POOL"),
        ({"fault": "metadata is read-only"}, "ssh node1 lvextend --poolmetadatasize +SIZE VG/POOL"),
    ],
)
def test_the_remedy(changes: Any, fix: str) -> None:
    (problem,) = thin_pool_problems(volume(replace(POOL, **changes)))
    assert remedy_of(problem).fix == fix
