"""Layouts: no two bricks of a set on one node, whatever the arguments."""

from __future__ import annotations

from typing import List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti_gluster_mon.deploy.layout import (
    BrickAddress,
    Layout,
    NoLayout,
    arrange,
    disperse,
    distribute,
    replica,
    sets,
    whole_sets,
)

LAYOUTS = st.sampled_from(
    [replica(2), replica(3), replica(3, arbiter=True), disperse(3, 1), disperse(6, 2), distribute()]
)
COUNTS = st.lists(st.integers(1, 4), min_size=1, max_size=9)


def bricks_of(*counts: int) -> List[BrickAddress]:
    """The bricks of node1, node2, …: so many each."""
    return [
        BrickAddress(f"node{node}", f"/export/brick{number}/gluster")
        for node, count in enumerate(counts, 1)
        for number in range(1, count + 1)
    ]


def nodes(bricks: tuple[BrickAddress, ...]) -> str:
    return " ".join(brick.node[len("node") :] for brick in bricks)


@given(LAYOUTS, COUNTS)
def test_no_set_has_two_bricks_on_one_node(layout: Layout, counts: List[int]) -> None:
    given_bricks = bricks_of(*counts)
    fits = sum(counts) % layout.size == 0 and max(counts) <= sum(counts) // layout.size
    if not fits:
        with pytest.raises(NoLayout):
            arrange(layout, given_bricks)
        return
    arranged = arrange(layout, given_bricks)
    assert sorted(arranged, key=lambda b: b.label) == sorted(given_bricks, key=lambda b: b.label)
    for one in sets(layout, arranged):
        assert len({brick.node for brick in one}) == layout.size


@given(LAYOUTS, COUNTS)
def test_what_makes_whole_sets_is_taken_and_no_more(layout: Layout, counts: List[int]) -> None:
    taken = whole_sets(layout, bricks_of(*counts))
    assert set(taken) <= set(bricks_of(*counts)) and len(taken) % layout.size == 0
    for one in sets(layout, taken):
        assert len({brick.node for brick in one}) == layout.size
    assert bool(taken) == (len(counts) >= layout.size)


def test_the_last_named_of_a_set_has_the_arbiter() -> None:
    assert nodes(arrange(replica(3, arbiter=True), bricks_of(2, 2, 2))) == "1 2 3 1 2 3"


def test_four_nodes_with_three_bricks_each() -> None:
    assert nodes(arrange(replica(3), bricks_of(3, 3, 3, 3))) == "1 2 3 1 2 4 1 3 4 2 3 4"


def test_six_nodes_are_two_sets() -> None:
    assert nodes(arrange(replica(3), bricks_of(*[1] * 6))) == "1 2 3 4 5 6"


@pytest.mark.parametrize(
    ("layout", "counts", "words"),
    [
        (replica(3), [1, 1], "replica 3 needs 3 nodes and there are 2: .* name 1 more"),
        (replica(3), [1, 1, 1, 1], "4 bricks do not make whole sets of replica 3: 2 more, or 1 fewer"),
        (replica(3), [1, 1, 1, 1, 1], "5 bricks do not make whole sets of replica 3: 1 more, or 2 fewer"),
        (replica(3), [1], "there is 1: .* name 2 more"),
        (replica(3), [4, 1, 1], "node1 has 4 of 6 bricks, and replica 3 makes 2 sets"),
        (distribute(), [], "name a --device or a --directory"),
    ],
)
def test_what_cannot_be_says_what_would_do(layout: Layout, counts: List[int], words: str) -> None:
    with pytest.raises(NoLayout, match=words):
        arrange(layout, bricks_of(*counts))


@pytest.mark.parametrize(("bricks", "redundancy"), [(4, 2), (3, 0), (2, 1)])
def test_more_fragments_than_may_be_missing(bricks: int, redundancy: int) -> None:
    with pytest.raises(NoLayout, match="less than half"):
        disperse(bricks, redundancy)


@pytest.mark.parametrize(("bricks", "redundancy"), [(3, 1), (5, 2)])
def test_the_largest_redundancy(bricks: int, redundancy: int) -> None:
    assert disperse(bricks, redundancy) == Layout("disperse", bricks, redundancy=redundancy)


@pytest.mark.parametrize(("copies", "possible"), [(1, False), (2, True), (16, True), (17, False)])
def test_replica_sets_have_two_to_sixteen_copies(copies: int, possible: bool) -> None:
    if possible:
        assert replica(copies) == Layout("replicate", copies)
        return
    with pytest.raises(NoLayout, match="2 to 16"):
        replica(copies)


def test_which_layouts_keep_copies() -> None:
    assert replica(2).keeps_copies and disperse(3, 1).keeps_copies and not distribute().keeps_copies
    assert distribute().size == 1


def test_a_brick_that_is_named_twice() -> None:
    with pytest.raises(NoLayout, match="named twice"):
        arrange(replica(2), [*bricks_of(1, 1), *bricks_of(1, 1)])


@pytest.mark.parametrize(
    ("layout", "counts", "taken"),
    [
        (replica(3), (1, 1), ""),
        (replica(3), (1, 1, 1, 1), "1 2 3"),
        (replica(3), (2, 2, 2, 1), "1 2 3 1 2 3"),
        # six bricks, and no second set without two bricks on one node
        (replica(3), (4, 1, 1), "1 2 3"),
        (distribute(), (2, 1), "1 1 2"),
    ],
)
def test_the_whole_sets_take_the_bricks_that_are_named_first(
    layout: Layout, counts: Tuple[int, ...], taken: str
) -> None:
    assert nodes(whole_sets(layout, bricks_of(*counts))) == taken


def test_an_arbiter_is_the_third_of_three() -> None:
    with pytest.raises(NoLayout, match="arbiter"):
        replica(4, arbiter=True)


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        (replica(3), "replica 3"),
        (replica(3, arbiter=True), "replica 3 arbiter 1"),
        (disperse(6, 2), "disperse 6 redundancy 2"),
        (distribute(), ""),
    ],
)
def test_arguments_of_volume_create(layout: Layout, words: str) -> None:
    assert " ".join(layout.words) == words
