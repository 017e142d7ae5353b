"""Options that endanger the disks of guests."""

from __future__ import annotations

from typing import Mapping, Optional

import pytest

from ganeti_gluster_mon.gluster.model import Brick, Disk, Pool, Subvolume, Volume
from ganeti_gluster_mon.health import OK, Limits, evaluate
from ganeti_gluster_mon.health.guest_options import option_problems
from ganeti_gluster_mon.health.remedies import remedy_of

TYPE, COUNT, LOOKUP, SHARD = (
    "cluster.quorum-type",
    "cluster.quorum-count",
    "cluster.lookup-optimize",
    "features.shard",
)


def volume(options: Mapping[str, str], size: int = 3, kind: str = "replicate", arbiters: int = 0) -> Volume:
    bricks = tuple(
        Brick("gv0", f"n{i}", "/b", online=True, arbiter=i >= size - arbiters) for i in range(size)
    )
    return Volume(
        "gv0", "u", kind, "started", "tcp", bricks, (Subvolume(kind, bricks, quorum=True),), options=options
    )


def subjects(
    options: Mapping[str, str], size: int = 3, kind: str = "replicate", arbiters: int = 0
) -> list[str]:
    problems = list(option_problems(volume(options, size, kind, arbiters)))
    assert all((one.code, one.severity) == ("OPTION_ENDANGERS_GUESTS", OK) for one in problems)
    assert all(one.text.startswith(f"gv0: {one.subject} ") for one in problems)
    return [one.subject for one in problems]


@pytest.mark.parametrize(
    ("options", "size", "arbiters", "expected"),
    [
        ({}, 3, 0, None),
        ({TYPE: "none"}, 3, 0, TYPE),
        ({TYPE: "auto"}, 3, 0, None),
        ({}, 2, 0, TYPE),
        ({TYPE: "auto"}, 2, 0, None),
        ({TYPE: "none"}, 3, 1, TYPE),
        ({}, 3, 1, None),
        ({TYPE: "fixed", COUNT: "1"}, 3, 0, COUNT),
        ({TYPE: "fixed", COUNT: "2"}, 3, 0, None),
        ({TYPE: "fixed", COUNT: "1"}, 2, 0, COUNT),
        ({TYPE: "fixed", COUNT: "2"}, 4, 0, COUNT),
        ({TYPE: "fixed", COUNT: "nonsense"}, 3, 0, None),
        ({TYPE: "fixed"}, 3, 0, None),
        ({COUNT: "1"}, 3, 0, None),
    ],
)
def test_a_quorum_that_two_parts_can_have(
    options: Mapping[str, str], size: int, arbiters: int, expected: Optional[str]
) -> None:
    assert subjects(options, size, arbiters=arbiters) == ([] if expected is None else [expected])


def test_only_replicas_have_a_client_quorum() -> None:
    assert subjects({TYPE: "none"}, kind="disperse") == subjects({TYPE: "none"}, kind="distribute") == []


def test_lookup_optimize_of_a_sharded_volume() -> None:
    assert subjects({SHARD: "on"}) == [LOOKUP] == subjects({SHARD: "enable", LOOKUP: "on"}, kind="distribute")
    assert subjects({SHARD: "on", LOOKUP: "off"}) == subjects({LOOKUP: "on"}) == []
    assert subjects({SHARD: "off", LOOKUP: "on"}) == []


def test_what_is_not_set_is_reported_as_such() -> None:
    (problem,) = option_problems(volume({}, size=2))
    assert "is not set" in problem.text and "without a thin arbiter" in problem.text


def test_each_option_has_its_own_command() -> None:
    fixes = [remedy_of(problem).fix for problem in option_problems(volume({TYPE: "none", SHARD: "on"}))]
    assert fixes == [
        "gluster volume set gv0 cluster.quorum-type auto",
        "gluster volume set gv0 cluster.lookup-optimize off",
    ]


def test_only_a_volume_with_disks_of_guests_has_the_warning() -> None:
    one = volume({TYPE: "none"})
    disk = Disk("web", "disk/0", "gv0", "ganeti/a.0", bricks=one.bricks, subvolumes=one.subvolumes)

    def found(disks: Optional[tuple[Disk, ...]]) -> list[tuple[str, object]]:
        health = evaluate(Pool(taken_at=1, volumes=(one,), disks=disks), Limits(), now=1)
        return [(one.code, one.guests) for one in health.problems if one.code == "OPTION_ENDANGERS_GUESTS"]

    assert found((disk,)) == [("OPTION_ENDANGERS_GUESTS", ("web",))]
    assert found(()) == found(None) == []
    stopped = Volume(
        "gv0", "u", "replicate", "stopped", "tcp", one.bricks, one.subvolumes, options=one.options
    )
    health = evaluate(Pool(taken_at=1, volumes=(stopped,), disks=(disk,)), Limits(), now=1)
    assert not health.problems or health.problems[0].code != "OPTION_ENDANGERS_GUESTS"
