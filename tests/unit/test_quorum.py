"""Quorum of every kind of subvolume, with bricks up (+), down (-) and not known (?)."""

from typing import Dict, Optional

import pytest

from ganeti_gluster_mon.gluster.model import Brick, Subvolume
from ganeti_gluster_mon.gluster.quorum import quorum

STATES = {"+": True, "-": False, "?": None}


def subvolume(kind: str, bricks: str, redundancy: int = 0) -> Subvolume:
    """Bricks as "++-"; a state followed by "a" is the arbiter."""
    made = []
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
        # two replicas have no quorum unless they are told to, and then the first decides
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
        ("++++--", 2, {"disperse.quorum-count": "nonsense"}, True),
    ],
)
def test_disperse(bricks: str, redundancy: int, options: Dict[str, str], expected: Optional[bool]) -> None:
    assert quorum(subvolume("disperse", bricks, redundancy), options) is expected


@pytest.mark.parametrize(("bricks", "expected"), [("+", True), ("-", False), ("?", None)])
def test_a_lone_brick_is_all_there_is(bricks: str, expected: Optional[bool]) -> None:
    assert quorum(subvolume("distribute", bricks), {}) is expected
