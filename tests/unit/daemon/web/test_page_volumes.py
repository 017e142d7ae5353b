"""The volumes of the page: what is not known is no figure, and the worst comes first."""

from __future__ import annotations

from dataclasses import replace

from ganeti_gluster_mon.daemon.web.page_marks import BAD, GOOD, STUCK_MARK, UNKNOWN_TONE
from ganeti_gluster_mon.daemon.web.page_volumes import brick_view, volume_view
from ganeti_gluster_mon.gluster.model import Brick, Capacity, Heal, Subvolume, Volume
from ganeti_gluster_mon.health import CRITICAL, Health, Limits, Problem, VolumeHealth, evaluate
from tests.unit.daemon.web.test_page import pool_of, volume
from tests.unit.example_pool import NOW


def health_of(example: Volume) -> Health:
    return evaluate(pool_of(example), Limits(), NOW)


def test_a_volume_that_is_stuck_needs_attention() -> None:
    example = volume(heal=Heal(3, 0, 0))
    stuck = VolumeHealth("healing", CRITICAL, (Problem("HEAL_STUCK", CRITICAL, "x", "v"),))
    health = replace(health_of(example), volumes={"v": stuck})
    assert volume_view(example, health).state == STUCK_MARK


def test_space_that_is_not_known_is_none_and_a_full_volume_is_bad() -> None:
    assert volume_view(volume(), health_of(volume())).space is None
    full = volume(capacity=Capacity(1000, 990, 10, "mount"), heal=Heal(0, 0, 0))
    space = volume_view(full, health_of(full)).space
    assert space is not None
    assert (space.percent, space.tone) == (99.0, BAD)


def test_the_worst_brick_comes_first_with_its_word() -> None:
    one, two, three = volume().bricks
    bricks = (one, replace(two, online=False), three)
    example = volume(bricks=bricks, subvolumes=(Subvolume("replicate", bricks, quorum=True),))
    (shown,) = volume_view(example, health_of(example)).shown
    assert [brick.host for brick in shown.bricks] == ["n2", "n1", "n3"]
    assert (shown.trouble, shown.tone) == ("2 of 3 up", BAD)


def test_a_brick_has_its_notes() -> None:
    brick = Brick("v", "n1", "/b", online=True, heal_pending=4, free=2048)
    assert brick_view(brick, volume()).note == "4 to heal, 2.0K free"
    arbiter = replace(brick, arbiter=True, heal_pending=0)
    assert (brick_view(arbiter, volume()).note, brick_view(arbiter, volume()).state.tone) == ("arbiter", GOOD)
    silent = replace(brick, online=None, heal_pending=None)
    assert (brick_view(silent, volume()).note, brick_view(silent, volume()).state.tone) == (
        "not known",
        UNKNOWN_TONE,
    )


def test_how_long_healing_takes_where_that_is_known() -> None:
    heal = Heal(3, 0, 0)
    for left, words in ((None, "3"), (190.0, "3, about 3 min 10 s left")):
        example = volume(heal=replace(heal, seconds_left=left))
        facts = {fact.name: fact.text for fact in volume_view(example, health_of(example)).facts}
        assert facts["to heal"] == words
