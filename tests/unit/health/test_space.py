"""Space and inodes at the thresholds; "at most 10 %" is critical, "at most 20 %" is a warning."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List, Optional, Sequence, Tuple

import pytest

from ganeti_gluster_mon.gluster import capacity
from ganeti_gluster_mon.gluster.model import (
    Brick,
    Capacity,
    Inodes,
    Mount,
    Subvolume,
    Volume,
)
from ganeti_gluster_mon.gluster.quota import QuotaLimit
from ganeti_gluster_mon.health import CRITICAL, OK, Limits
from ganeti_gluster_mon.health.space import (
    free_inodes,
    free_inodes_of,
    free_space,
    severity_of,
    space_problems,
)

BLOCK = 4096
Found = List[Tuple[str, int, str]]


def brick(free: float = 50.0, inodes: float = 50.0, **changes: Any) -> Brick:
    """A brick with *free* percent of its 1000 blocks, and *inodes* percent of its 1000 inodes."""
    values = {
        "online": True,
        "size": 1000 * BLOCK,
        "free": round(free * 10) * BLOCK,
        "block_size": BLOCK,
        "inodes_total": 1000,
        "inodes_free": round(inodes * 10),
    }
    return Brick("gv0", "node", "/b", **{**values, **changes})


def made(*sets: Sequence[Brick], kind: str = "replicate", shard: bool = False, **changes: Any) -> Volume:
    """A volume without a reserve; its bricks are on node1, node2, …."""
    options = {"storage.reserve": "0", "features.shard": "on" if shard else "off"}
    options.update(changes.pop("options", {}))
    number = 0
    bare = []
    for each in sets:
        bricks = []
        for one in each:
            number += 1
            bricks.append(replace(one, host=f"node{number}"))
        bare.append(Subvolume(kind, tuple(bricks), quorum=True))
    whole, spaces = capacity.of_bricks_by_subvolume(bare, options)
    subvolumes = tuple(
        replace(one, capacity=space[0], inodes=space[1]) if space else one for one, space in zip(bare, spaces)
    )
    volume = Volume(
        "gv0",
        "u",
        kind,
        "started",
        "tcp",
        tuple(one for each in bare for one in each.bricks),
        subvolumes,
        options,
        capacity=whole[0] if whole else None,
        inodes=whole[1] if whole else None,
    )
    return replace(volume, **changes)


def found(volume: Volume) -> Found:
    return [(one.code, one.severity, one.text) for one in space_problems(volume, Limits())]


@pytest.mark.parametrize(
    ("free", "severity"),
    [(0.0, CRITICAL), (10.0, CRITICAL), (10.1, OK), (20.0, OK), (20.1, None), (None, None)],
)
def test_the_severity_at_the_thresholds(free: Optional[float], severity: Optional[int]) -> None:
    assert severity_of(free, Limits()) == severity


def test_free_is_a_percentage_of_what_clients_may_use() -> None:
    assert free_space(Capacity(size=1000, used=300, available=100, source="mount")) == 25.0
    assert free_space(Capacity(size=1000, used=0, available=0, source="mount")) == 0.0
    assert free_space(None) is None
    assert free_inodes(Inodes(400, 300, 100)) == 25.0
    assert free_inodes(Inodes(0, 0, 0)) is None
    assert free_inodes(None) is None


def test_free_inodes_of_a_brick() -> None:
    assert free_inodes_of(brick(inodes_total=400, inodes_free=100)) == 25.0
    assert free_inodes_of(brick(inodes_free=0)) == 0.0
    for changes in ({"inodes_total": None}, {"inodes_total": 0}, {"inodes_free": None}):
        assert free_inodes_of(brick(**changes)) is None


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (0.0, [("VOLUME_FULL", CRITICAL, "gv0: full, no space is free")]),
        (10.0, [("VOLUME_FULL", CRITICAL, "gv0: nearly full, 10.0 % of its space free")]),
        (10.1, [("VOLUME_NEARLY_FULL", OK, "gv0: 10.1 % of its space free")]),
        (20.0, [("VOLUME_NEARLY_FULL", OK, "gv0: 20.0 % of its space free")]),
        (20.1, []),
    ],
)
def test_space_of_the_volume(free: float, expected: Found) -> None:
    # all bricks are short, so that there is no problem of the only set
    assert found(made([brick(free)] * 3)) == expected


@pytest.mark.parametrize(
    ("inodes", "expected"),
    [
        (10.0, [("INODES_SHORT", CRITICAL, "gv0: nearly full, 10.0 % of its inodes free")]),
        (10.1, [("INODES_SHORT", OK, "gv0: 10.1 % of its inodes free")]),
        (20.0, [("INODES_SHORT", OK, "gv0: 20.0 % of its inodes free")]),
        (20.1, []),
    ],
)
def test_inodes_of_the_volume(inodes: float, expected: Found) -> None:
    assert found(made([brick(inodes=inodes)] * 3)) == expected


def test_one_brick_of_the_only_set_has_less_space_than_the_others() -> None:
    assert found(made([brick(), brick(), brick(15)])) == [
        ("VOLUME_NEARLY_FULL", OK, "gv0: 15.0 % of its space free"),
        ("SUBVOLUME_NEARLY_FULL", OK, "gv0: replica set has 15.0 % of its space free (brick node3:/b)"),
    ]


def test_a_brick_that_is_offline_is_not_short_of_space() -> None:
    only = made([brick(15), brick(15), brick(15, online=False)])
    assert found(only) == [("VOLUME_NEARLY_FULL", OK, "gv0: 15.0 % of its space free")]


@pytest.mark.parametrize(
    ("free", "shard", "code", "severity", "text"),
    [
        (15, False, "SUBVOLUME_NEARLY_FULL", OK, "15.0 % of its space free"),
        (5, False, "SUBVOLUME_FULL", CRITICAL, "5.0 % of its space free"),
        (0, False, "SUBVOLUME_FULL", CRITICAL, "0.0 % of its space free: writes to the files on it fail"),
        (
            0,
            True,
            "SUBVOLUME_FULL",
            CRITICAL,
            "0.0 % of its space free: writes fail as soon as a shard has to go there",
        ),
    ],
)
def test_one_of_several_subvolumes_is_short_of_space(
    free: int, shard: bool, code: str, severity: int, text: str
) -> None:
    lone = made([brick(90)], [brick(free)], kind="distribute", shard=shard)
    assert found(lone) == [(code, severity, f"gv0: subvolume 2 has {text} (brick node2:/b)")]


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (30, []),
        (
            29.9,
            [
                (
                    "SUBVOLUME_NEARLY_FULL",
                    OK,
                    "gv0: subvolume 2 has 29.9 % of its space free, less than cluster.min-free-disk: new files go to "
                    "other subvolumes (brick node2:/b)",
                )
            ],
        ),
    ],
)
def test_less_than_min_free_disk(free: float, expected: Found) -> None:
    options = {"cluster.min-free-disk": "30%"}
    assert found(made([brick(90)], [brick(free)], kind="distribute", options=options)) == expected
    assert found(made([brick(free)], kind="distribute", options=options)) == []


def test_one_of_several_subvolumes_is_short_of_inodes() -> None:
    assert found(made([brick()], [brick(inodes=15)], kind="distribute")) == [
        ("INODES_SHORT", OK, "gv0: subvolume 2 has 15.0 % of its inodes free (brick node2:/b)")
    ]


def test_one_brick_of_a_set_is_short_of_inodes() -> None:
    assert found(made([brick(), brick(), brick(inodes=5)])) == [
        ("INODES_SHORT", CRITICAL, "gv0: brick node3:/b has 5.0 % of its inodes free")
    ]
    assert found(made([brick(), brick(), brick(inodes=5, online=False)])) == []


@pytest.mark.parametrize(
    ("free", "inodes", "severity", "words"),
    [
        (50, 15, OK, "15.0 % of its inodes"),
        (5, 50, CRITICAL, "5.0 % of its space"),
        (5, 15, CRITICAL, "5.0 % of its space and 15.0 % of its inodes"),
        (15, 5, CRITICAL, "15.0 % of its space and 5.0 % of its inodes"),
    ],
)
def test_an_arbiter_is_short(free: float, inodes: float, severity: int, words: str) -> None:
    volume = made([brick(), brick(), brick(free, inodes, arbiter=True)])
    assert found(volume) == [("ARBITER_FULL", severity, f"gv0: arbiter brick node3:/b has {words} free")]


def test_an_arbiter_that_is_offline_or_has_enough_is_not_short() -> None:
    for arbiter in (brick(5, 5, arbiter=True, online=False), brick(arbiter=True)):
        assert found(made([brick(), brick(), arbiter])) == []


def quota(hard: Optional[int], soft: Optional[int], used: Optional[int], **flags: bool) -> QuotaLimit:
    values = {"exceeded": False, "soft_exceeded": False, **flags}
    return QuotaLimit("/a", hard, soft, used, None, **values)


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        (quota(100, 80, 100), "QUOTA_EXCEEDED"),
        (quota(100, 80, 99), "QUOTA_SOFT_EXCEEDED"),
        (quota(100, 80, 81), "QUOTA_SOFT_EXCEEDED"),
        (quota(100, 80, 80), None),
        (quota(100, None, 99), None),
        (quota(None, 80, 99), "QUOTA_SOFT_EXCEEDED"),
        (quota(None, None, 99), None),
        (quota(100, 80, None), None),
        (quota(None, None, None, exceeded=True), "QUOTA_EXCEEDED"),
        (quota(None, None, None, soft_exceeded=True), "QUOTA_SOFT_EXCEEDED"),
    ],
)
def test_a_quota_limit_is_used_up_at_its_size_and_above_its_soft_limit(
    limit: QuotaLimit, code: Optional[str]
) -> None:
    problems = found(made([brick()] * 3, quota=(limit,)))
    assert [one[0] for one in problems] == ([] if code is None else [code])
    figures = limit.used is not None and limit.hard_limit is not None
    assert all(text.endswith(" used)") is figures for _, _, text in problems)


def test_a_mount_that_does_not_answer() -> None:
    hung = Mount("gv0", "/mnt/a", failure="no answer within 2 s")
    for mount, why in ((hung, " (no answer within 2 s)"), (replace(hung, failure=None), "")):
        text = f"gv0: the mount /mnt/a does not answer{why}"
        assert found(made([brick()] * 3, mounts=(mount,))) == [("MOUNT_HANGS", CRITICAL, text)]


def test_a_mount_that_takes_no_writes() -> None:
    refused = Mount("gv0", "/mnt/a", f_blocks=7, writable=False, write_failure="Read-only file system")
    for mount, why in ((refused, " (Read-only file system)"), (replace(refused, write_failure=None), "")):
        text = f"gv0: no file can be written to the mount /mnt/a{why}"
        assert found(made([brick()] * 3, mounts=(mount,))) == [("MOUNT_NOT_WRITABLE", CRITICAL, text)]
    assert found(made([brick()] * 3, mounts=(replace(refused, writable=True),))) == []
    # the mount takes no writes by its own options, or it was not tested
    assert found(made([brick()] * 3, mounts=(replace(refused, writable=None),))) == []


def mounted(size: int, inodes: Optional[Inodes], bricks_inodes: Optional[Inodes], **changes: Any) -> Volume:
    """A volume with 1000 KiB by its bricks and *size* KiB by a mount."""
    return replace(
        made([brick()] * 3),
        capacity=Capacity(size * 1024, 0, size * 1024, "mount"),
        bricks_capacity=Capacity(1000 * 1024, 0, 1000 * 1024, "bricks"),
        inodes=inodes,
        bricks_inodes=bricks_inodes,
        mounts=(
            Mount("gv0", "/mnt/sub", subdirectory="/sub", f_blocks=1),
            Mount("gv0", "/mnt/a", f_blocks=1),
        ),
        **changes,
    )


@pytest.mark.parametrize(("size", "differs"), [(1050, False), (1051, True), (950, False), (949, True)])
def test_a_mount_may_differ_from_its_bricks_by_five_percent(size: int, differs: bool) -> None:
    problems = found(mounted(size, None, None))
    assert [one[0] for one in problems] == ["MOUNT_CONTRADICTS_BRICKS"] * differs
    assert all("the mount /mnt/a contradicts the bricks: it has" in text for _, _, text in problems)


@pytest.mark.parametrize(("free", "differs"), [(60, False), (61, True), (40, False), (39, True)])
def test_free_inodes_may_differ_by_ten_points(free: int, differs: bool) -> None:
    by_mount, by_bricks = Inodes(100, 100 - free, free), Inodes(100, 50, 50)
    problems = found(mounted(1000, by_mount, by_bricks))
    assert [one[2] for one in problems] == [
        f"gv0: the mount /mnt/a contradicts the bricks: {free}.0 % of its inodes are free, 50.0 % of theirs"
    ] * differs


def test_bricks_that_do_not_all_serve_are_not_compared_with_a_mount() -> None:
    volume = mounted(2000, None, None)
    assert found(replace(volume, bricks_capacity=None)) == []
    offline = (*volume.bricks[:2], replace(volume.bricks[2], online=False))
    assert found(replace(volume, bricks=offline)) == []
