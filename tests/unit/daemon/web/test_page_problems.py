"""The problems and the guests of the page: how long, which guests, which command, which section of the runbook."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Tuple

from ganeti_gluster_mon.daemon.web.page_marks import GOOD
from ganeti_gluster_mon.daemon.web.page_problems import guest_rows, problem_views
from ganeti_gluster_mon.gluster.model import Brick, Disk, Pool, Subvolume
from ganeti_gluster_mon.health import CRITICAL, Problem
from tests.unit.daemon.web.test_page import pool_of, volume
from tests.unit.example_pool import NOW

OFFLINE = Problem("BRICK_OFFLINE", CRITICAL, "v: brick n2:/b is offline", "v", "n2:/b")


def disk(instance: str, bricks: Optional[Tuple[Brick, ...]]) -> Disk:
    return Disk(instance, "disk/0", "v", f"ganeti/{instance}.0", bricks=bricks)


def pool_with(*names: str, online: Optional[bool] = True) -> Pool:
    one, two, three = volume().bricks
    bricks = (one, replace(two, online=online), three)
    example = volume(bricks=bricks, subvolumes=(Subvolume("replicate", bricks, quorum=True),))
    return replace(pool_of(example), disks=tuple(disk(name, bricks) for name in names))


def test_a_problem_has_its_duration_guests_command_and_section() -> None:
    since = NOW / 1e9 - 7500
    (shown,) = problem_views([replace(OFFLINE, since=since, guests=("web1", "web2"))], NOW)
    assert shown.duration == "2 h 5 min"
    assert shown.since.endswith(" UTC")
    assert shown.guests == "2 guests at risk: web1, web2"
    assert shown.fix == "gnt-gluster deploy --volume v n2"
    assert shown.anchor == "brick_offline"
    assert not shown.muted


def test_what_is_not_known_is_not_shown() -> None:
    (shown,) = problem_views([OFFLINE], NOW)
    assert (shown.duration, shown.since, shown.guests) == ("", "", "")
    (shown,) = problem_views([replace(OFFLINE, guests=())], NOW)
    assert shown.guests == "no guest has a disk there"


def test_a_group_exists_since_the_first_unless_one_is_not_known() -> None:
    now = NOW / 1e9
    group = [replace(OFFLINE, subject=f"n{i}:/b", since=now - 60 * i, muted=i > 1) for i in (1, 2, 3)]
    (shown,) = problem_views(group, NOW)
    assert (shown.duration, shown.muted) == ("3 min", False)
    (shown,) = problem_views([*group[:2], replace(group[2], since=None)], NOW)
    assert shown.duration == ""


def test_a_clock_that_was_set_back_makes_no_negative_duration() -> None:
    (shown,) = problem_views([replace(OFFLINE, since=NOW / 1e9 + 500)], NOW)
    assert shown.duration == "0 s"


def test_guests_at_risk_come_first_with_their_names() -> None:
    rows = guest_rows(pool_with("b", "a", online=False))
    assert rows is not None
    (row,) = rows
    assert (row.state.word, row.shown) == ("2 guests at risk: fewer copies than configured", ("a", "b"))


def test_many_guests_are_folded_and_none_is_left_out() -> None:
    names = [f"web{i:02}" for i in range(30)]
    rows = guest_rows(pool_with(*names, online=False))
    assert rows is not None
    (row,) = rows
    assert [*row.shown, *row.folded] == names
    assert len(row.shown) == 12
    rows = guest_rows(pool_with(*(f"w{i:04}" for i in range(1500)), online=False))
    assert rows is not None
    assert len(rows[0].shown) + len(rows[0].folded) + rows[0].more == 1500


def test_guests_that_are_healthy_are_counted_only() -> None:
    pool = pool_with("a", "b")
    bricks = tuple(replace(brick, heal_pending=0, split_brain=0) for brick in volume().bricks)
    example = volume(bricks=bricks, subvolumes=(Subvolume("replicate", bricks, quorum=True),))
    pool = replace(pool, volumes=(example,), disks=(disk("a", bricks), disk("b", bricks)))
    rows = guest_rows(pool)
    assert rows is not None
    assert [(row.state.tone, row.shown, row.folded) for row in rows] == [(GOOD, (), ("a", "b"))]


def test_unknown_disks_are_no_guests_at_all_and_some_may_be_chosen() -> None:
    assert guest_rows(pool_of(volume())) is None
    rows = guest_rows(pool_with("a", "b", online=False), {"b"})
    assert rows is not None
    assert [row.shown for row in rows] == [("b",)]
    assert guest_rows(pool_with(), None) == []


def test_guests_that_are_being_healed_have_their_entries() -> None:
    bricks = tuple(replace(brick, heal_pending=4, split_brain=0) for brick in volume().bricks)
    example = volume(bricks=bricks, subvolumes=(Subvolume("replicate", bricks, quorum=True),))
    one = replace(disk("a", bricks), to_heal=3)
    disks = (one, replace(one, name="disk/1", to_heal=1), disk("b", bricks))
    rows = guest_rows(replace(pool_of(example), volumes=(example,), disks=disks))
    assert rows is not None
    assert [(row.state.word, row.shown) for row in rows] == [
        ("1 guest being healed: a copy lacks what was written last", ("a (4 to heal)",)),
        ("1 guest with files to be healed on their bricks", ("b",)),
    ]
