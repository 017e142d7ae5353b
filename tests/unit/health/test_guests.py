"""Which instances a problem names."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Tuple

from ganeti_gluster_mon.gluster.model import Brick, Disk, Heal
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
