"""Statistics that bricks write to files: where, how old, and what is made of them."""

from __future__ import annotations

from typing import Dict

import pytest

from ganeti_gluster_mon.gluster.profile import BlockCount, BrickProfile, FileOperation, StatsDump
from ganeti_gluster_mon.gluster.stats_dump import dump_interval, is_stale, profiles

WRITES = (FileOperation("WRITE", 3, 1.5),)
DUMP = StatsDump("/b", 7, False, 2, WRITES, 1, 2, (BlockCount(4096, 0, 3),))


@pytest.mark.parametrize(
    ("options", "interval"),
    [
        ({"interval": "10"}, 10),
        ({"interval": "3600", "format": "json"}, 3600),
        ({}, 0),
        ({"interval": "0"}, 0),
        ({"interval": "10", "format": "text"}, 0),
        ({"interval": "ten"}, 0),
        ({"interval": "-1"}, 0),
        ({"interval": "1 "}, 0),
        ({"format": "json"}, 0),
    ],
)
def test_the_interval_of_the_dumps_that_are_read(options: Dict[str, str], interval: int) -> None:
    named = {f"diagnostics.stats-dump-{name}": value for name, value in options.items()}
    assert dump_interval(named) == interval


@pytest.mark.parametrize(
    ("age", "stale"), [(0, False), (25, False), (25.1, True), (-5, False), (-5.1, True), (3600, True)]
)
def test_a_dump_is_stale_after_two_intervals_and_before_it_was_written(age: float, stale: bool) -> None:
    assert is_stale(age, 10) is stale


def test_the_profile_of_each_brick_that_has_a_dump() -> None:
    bricks = [("node1", "/b"), ("node1", "/other")]
    assert profiles(bricks, [DUMP]) == (BrickProfile("node1", "/b", WRITES, 1, 2, DUMP.blocks, 7),)
    assert profiles(bricks, []) is None
    assert profiles([], [DUMP]) is None


def test_of_a_stale_dump_only_the_time_is_known() -> None:
    stale = StatsDump("/b", 7, True, 2, WRITES, 1, 2, DUMP.blocks)
    assert profiles([("node1", "/b")], [stale]) == (BrickProfile("node1", "/b", (), dumped_at=7),)
