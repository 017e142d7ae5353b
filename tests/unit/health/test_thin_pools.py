"""Pools under bricks that are full."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List, Optional, Tuple

import pytest

from ganeti_gluster_mon.gluster.brick_filesystems import BrickFilesystem
from ganeti_gluster_mon.gluster.lvm import BrickLvm, LogicalVolume, LvmPool, LvmReport
from ganeti_gluster_mon.gluster.model import Brick, Volume
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import CRITICAL, OK, UNKNOWN, Health, Limits, evaluate
from ganeti_gluster_mon.health.remedies import remedy_of
from ganeti_gluster_mon.health.thin_pools import pool_severity, thin_pool_problems
from tests.unit import built_pool

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


def pool_on_lvm(report: Optional[LvmReport], pool_device: Optional[str] = "dm-2") -> Health:
    """The health of a pool whose brick on the queried node is on LVM, by *report*, which is a minute old."""
    names = built_pool.hosts(3)
    made = built_pool.pool(built_pool.replicated(names))
    brick = next(each for each in made.volume().bricks if each.host == names[0])
    filesystem = BrickFilesystem(
        brick.path, "/export", "xfs", "/dev/mapper/vg-b1", "dm-3", None, "dm-3", pool_device
    )
    capture = replace(made.capture(), filesystems=(filesystem,), lvm=report)
    return evaluate(build_pool(capture), Limits(), capture.recorded_at)


def lvm_report(used: float, seconds_old: int = 60) -> LvmReport:
    pool = replace(POOL, data_percent=used)
    return LvmReport(built_pool.RECORDED_AT - seconds_old * 10**9, (LV,), (pool,))


def test_from_the_report_of_lvs_to_the_health_of_the_pool() -> None:
    assert pool_on_lvm(lvm_report(50.0)).code == OK
    full = pool_on_lvm(lvm_report(97.0))
    assert (full.code, full.volumes["gv0"].status) == (CRITICAL, "faulty")
    assert [problem.code for problem in full.problems] == ["THIN_POOL_FULL"]


@pytest.mark.parametrize("report", [None, lvm_report(50.0, 301), LvmReport(built_pool.RECORDED_AT)])
def test_a_pool_of_which_nothing_is_known_is_not_healthy(report: Optional[LvmReport]) -> None:
    health = pool_on_lvm(report)
    assert (health.code, health.volumes["gv0"].status) == (UNKNOWN, "unknown")
    assert "not known: the thin pool under brick" in health.message
    # a logical volume with blocks of its own cannot fill up
    assert pool_on_lvm(report, pool_device=None).code == OK
