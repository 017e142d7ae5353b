"""Quorum of every kind of subvolume, with bricks up (+), down (-) and not known (?)."""

import itertools
from dataclasses import replace
from typing import Dict, List, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti_gluster_mon.gluster.model import Brick, Subvolume
from ganeti_gluster_mon.gluster.quorum import quorum, to_spare

STATES = {"+": True, "-": False, "?": None}


def subvolume(kind: str, bricks: str, redundancy: int = 0) -> Subvolume:
    """Bricks as "++-"; a state followed by "a" is the arbiter."""
    made: List[Brick] = []
    for sign in bricks.replace("a", ""):
        made.append(Brick("v", f"node{len(made)}", "/b", online=STATES[sign]))
    if bricks.endswith("a"):
        made[-1] = Brick("v", "arbiter", "/b", online=made[-1].online, arbiter=True)
    return Subvolume(kind, tuple(made), redundancy)


@pytest.mark.parametrize(
    ("bricks", "options", "expected"),
    [
        ("+++", {}, True),
        ("++-", {}, True),
        ("+--", {}, False),
        ("++?", {}, True),
        ("+-?", {}, None),
        ("--?", {}, False),
        ("???", {}, None),
        # two replicas have no quorum by default; with one, the first decides
        ("+-", {}, True),
        ("-+", {}, True),
        ("--", {}, False),
        ("+-", {"cluster.quorum-type": "auto"}, True),
        ("-+", {"cluster.quorum-type": "auto"}, False),
        ("?+", {"cluster.quorum-type": "auto"}, None),
        ("+--", {"cluster.quorum-type": "none"}, True),
        ("+--", {"cluster.quorum-type": "fixed", "cluster.quorum-count": "1"}, True),
        ("++-", {"cluster.quorum-type": "fixed", "cluster.quorum-count": "3"}, False),
        ("+-+-", {}, True),
        ("-++-", {}, False),
        # an arbiter knows, but holds nothing
        ("+++a", {}, True),
        ("+-+a", {}, True),
        ("--+a", {}, False),
        ("--+a", {"cluster.quorum-type": "none"}, False),
        ("++-a", {}, True),
        # fewer than half, the first among them
        ("+----", {}, False),
        ("++---", {}, False),
        ("--+++", {}, True),
        ("+---", {}, False),
        # a count of 19 digits is one; a longer text is none
        ("+++", {"cluster.quorum-type": "fixed", "cluster.quorum-count": "9" * 19}, False),
        ("+++", {"cluster.quorum-type": "fixed", "cluster.quorum-count": "9" * 20}, True),
    ],
)
def test_replicate(bricks: str, options: Dict[str, str], expected: Optional[bool]) -> None:
    assert quorum(subvolume("replicate", bricks), options) is expected


@pytest.mark.parametrize(
    ("bricks", "redundancy", "options", "expected"),
    [
        ("+++", 1, {}, True),
        ("++-", 1, {}, True),
        ("+--", 1, {}, False),
        ("+-?", 1, {}, None),
        ("++++--", 2, {}, True),
        ("+++---", 2, {}, False),
        ("++++--", 2, {"disperse.quorum-count": "5"}, False),
        ("+++++-", 2, {"disperse.quorum-count": "5"}, True),
        # a count below the number of data fragments does not lower the quorum
        ("+++---", 2, {"disperse.quorum-count": "3"}, False),
        ("++++--", 2, {"disperse.quorum-count": "nonsense"}, True),
    ],
)
def test_disperse(bricks: str, redundancy: int, options: Dict[str, str], expected: Optional[bool]) -> None:
    assert quorum(subvolume("disperse", bricks, redundancy), options) is expected


@pytest.mark.parametrize(("bricks", "expected"), [("+", True), ("-", False), ("?", None)])
def test_a_lone_brick_is_all_there_is(bricks: str, expected: Optional[bool]) -> None:
    assert quorum(subvolume("distribute", bricks), {}) is expected


def test_bricks_without_copies_are_all_needed() -> None:
    assert quorum(subvolume("distribute", "+-"), {}) is False
    assert quorum(subvolume("distribute", "++"), {}) is True


@pytest.mark.parametrize(
    ("kind", "bricks", "redundancy", "spare"),
    [
        ("replicate", "+++", 0, 1),
        ("replicate", "++-", 0, 0),
        ("replicate", "+--", 0, 0),
        ("replicate", "++", 0, 1),
        ("replicate", "+-", 0, 0),
        ("replicate", "+++a", 0, 1),
        ("replicate", "++-a", 0, 0),
        ("replicate", "+++++", 0, 2),
        ("replicate", "++++", 0, 1),
        ("replicate", "++?", 0, None),
        ("disperse", "++++++", 2, 2),
        ("disperse", "+++++-", 2, 1),
        ("disperse", "++++--", 2, 0),
        ("disperse", "+++---", 2, 0),
        ("distribute", "+", 0, 0),
        ("distribute", "?", 0, None),
    ],
)
def test_to_spare(kind: str, bricks: str, redundancy: int, spare: Optional[int]) -> None:
    assert to_spare(subvolume(kind, bricks, redundancy), {}) == spare


@pytest.mark.parametrize("text", ["", "-1", "1.5", "9" * 5000, "\u0663"], ids=lambda text: repr(text)[:8])
def test_a_count_that_is_none_counts_as_not_set(text: str) -> None:
    fixed = {"cluster.quorum-type": "fixed", "cluster.quorum-count": text}
    assert quorum(subvolume("replicate", "+--", 0), fixed) is True
    assert quorum(subvolume("disperse", "++-", 1), {"disperse.quorum-count": text}) is True


@given(
    kind=st.sampled_from(["replicate", "disperse", "distribute"]),
    bricks=st.text("+-", min_size=1, max_size=6),
    arbiter=st.booleans(),
    redundancy=st.integers(0, 2),
    options=st.sampled_from(
        [
            {},
            {"cluster.quorum-type": "auto"},
            {"cluster.quorum-type": "none"},
            {"cluster.quorum-type": "fixed", "cluster.quorum-count": "1"},
            {"cluster.quorum-type": "fixed", "cluster.quorum-count": "3"},
            {"disperse.quorum-count": "4"},
        ]
    ),
)
def test_so_many_may_be_lost_whichever_they_are(
    kind: str, bricks: str, arbiter: bool, redundancy: int, options: Dict[str, str]
) -> None:
    arbiter = arbiter and kind == "replicate" and len(bricks) > 1
    redundancy = min(redundancy, len(bricks) - 1)
    whole = subvolume(kind, bricks + "a" * arbiter, redundancy)
    up = [i for i, brick in enumerate(whole.bricks) if brick.online]

    def holds_without(lost: int) -> bool:
        return all(
            quorum(
                replace(
                    whole,
                    bricks=tuple(
                        replace(b, online=b.online and i not in gone) for i, b in enumerate(whole.bricks)
                    ),
                ),
                options,
            )
            for gone in itertools.combinations(up, lost)
        )

    expected = max((lost for lost in range(len(up) + 1) if holds_without(lost)), default=0)
    assert to_spare(whole, options) == expected
