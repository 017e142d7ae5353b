"""Which instances a problem names."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Tuple

import pytest

from ganeti_gluster_mon.gluster.model import Brick, Disk, Heal, Subvolume
from ganeti_gluster_mon.health import CRITICAL, HEALING, UNKNOWN, Problem, affected_guests, guests_text
from tests.unit.health.test_evaluate import judged, pool, volume


def disk(instance: str, bricks: Optional[Tuple[Brick, ...]]) -> Disk:
    return Disk(instance, "disk/0", "gv0", f"ganeti/{instance}.0", bricks=bricks)


def test_a_brick_affects_the_disks_on_it() -> None:
    example = volume(True, False, True)
    there, elsewhere = disk("inst1", example.bricks), disk("inst2", example.bricks[:1])
    found = judged(replace(pool(example), disks=(there, elsewhere))).problems
    assert [(problem.code, problem.guests) for problem in found] == [("BRICK_OFFLINE", ("inst1",))]


def test_a_disk_that_may_be_anywhere_is_affected() -> None:
    example = pool(volume(True, False, True))
    (problem,) = judged(replace(example, disks=(disk("inst3", None),))).problems
    assert problem.guests == ("inst3",)


def test_a_volume_affects_all_its_disks_and_unknown_disks_are_unknown() -> None:
    example = volume(heal=Heal(1, 0, 0))
    (problem,) = judged(replace(pool(example), disks=(disk("b", example.bricks), disk("a", None)))).problems
    assert problem.guests == ("a", "b")
    (problem,) = judged(pool(example)).problems
    assert problem.guests is None
    (problem,) = judged(replace(pool(example), disks=())).problems
    assert problem.guests == ()


def test_a_peer_that_is_away_affects_the_disks_on_its_bricks() -> None:
    example = volume(True, True, True)
    disks = (disk("on12", example.bricks[:2]), disk("on1", example.bricks[:1]), disk("anywhere", None))
    base = replace(pool(example), disks=disks)
    assert base.peers is not None
    away = replace(base.peers[1], connected=False)
    (problem,) = judged(replace(base, peers=(base.peers[0], away, base.peers[2]))).problems
    assert (problem.code, problem.guests) == ("PEER_DISCONNECTED", ("anywhere", "on12"))


def test_a_peer_by_another_name_than_its_bricks_is_known_by_its_uuid_or_not_at_all() -> None:
    example = volume(True, True, True)
    base = pool(example)
    assert base.peers is not None
    away = replace(base.peers[1], hostname="other-name", connected=False)

    def guests(uuid: Optional[str]) -> Optional[Tuple[str, ...]]:
        bricks = tuple(
            replace(brick, uuid=uuid if brick.host == "node2" else "x") for brick in example.bricks
        )
        changed = replace(example, bricks=bricks, subvolumes=(Subvolume("replicate", bricks, quorum=True),))
        made = replace(pool(changed), disks=(disk("a", bricks),), peers=(away,))
        (problem,) = (each for each in judged(made).problems if each.code == "PEER_DISCONNECTED")
        return problem.guests

    assert guests(away.uuid) == ("a",)
    assert guests(None) is None
    assert guests("y") == ()


def test_a_subvolume_affects_the_disks_on_its_bricks() -> None:
    one, two = volume(False, False, True), volume(True, True, True)
    moved = tuple(replace(brick, path="/export/b2/gv0") for brick in two.bricks)
    example = replace(
        one,
        bricks=(*one.bricks, *moved),
        subvolumes=(
            Subvolume("replicate", one.bricks, quorum=False),
            Subvolume("replicate", moved, quorum=True),
        ),
    )
    disks = (disk("lost", one.bricks), disk("safe", moved))
    found = judged(replace(pool(example), disks=disks)).problems
    (problem,) = (each for each in found if each.code == "SUBVOLUME_QUORUM_LOST")
    assert problem.guests == ("lost",)


@pytest.mark.parametrize(
    ("code", "severity", "guests", "text"),
    [
        ("BRICK_OFFLINE", CRITICAL, ("web1",), "1 guest at risk: web1"),
        ("BRICK_OFFLINE", CRITICAL, ("a", "b", "c"), "3 guests at risk: a, b, c"),
        ("BRICK_OFFLINE", CRITICAL, ("a", "b", "c", "d"), "4 guests at risk: a, b, c, …"),
        ("BRICK_UNREACHABLE", UNKNOWN, ("a",), "may affect 1 guest: a"),
        ("HEAL_PENDING", HEALING, ("a", "b"), "may affect 2 guests: a, b"),
        ("PEER_DISCONNECTED", CRITICAL, ("a\nb",), "may affect 1 guest: a b"),
        ("BRICK_OFFLINE", CRITICAL, (), ""),
        ("BRICK_OFFLINE", CRITICAL, None, ""),
    ],
)
def test_guests_in_words(code: str, severity: int, guests: Optional[Tuple[str, ...]], text: str) -> None:
    assert guests_text([Problem(code, severity, "x", "gv0", guests=guests)]) == text


def test_several_problems_affect_each_guest_once_and_one_unknown_makes_all_unknown() -> None:
    one = Problem("BRICK_OFFLINE", CRITICAL, "x", "gv0", guests=("a", "b"))
    two = Problem("BRICK_OFFLINE", CRITICAL, "y", "gv0", guests=("b", "c"))
    unknown = replace(two, guests=None)
    assert affected_guests([one, two]) == ("a", "b", "c")
    assert affected_guests([one, unknown]) is None
    assert guests_text([one, two]) == "3 guests at risk: a, b, c"
    assert guests_text([one, unknown]) == ""
