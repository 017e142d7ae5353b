"""Whose turn it is."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.daemon.web.fair_queue import FairQueue


def filled(newest_first: bool) -> FairQueue[str]:
    turns: FairQueue[str] = FairQueue(newest_first)
    for item in ("a1", "a2", "a3", "b1", "b2", "c1"):
        turns.add(item[0], item)
    return turns


@pytest.mark.parametrize(
    ("newest_first", "expected"), [(False, "a1 b1 c1 a2 b2 a3"), (True, "a3 b2 c1 a2 b1 a1")]
)
def test_each_address_has_its_turn(newest_first: bool, expected: str) -> None:
    turns = filled(newest_first)
    taken = list(turns.take(2))
    assert len(turns) == 4
    taken += turns.take(100)
    assert [item for _, item in taken] == expected.split()
    assert all(address == item[0] for address, item in taken)
    assert len(turns) == 0 and not list(turns.take(1))


def test_an_item_that_is_added_while_others_are_taken_waits() -> None:
    turns = filled(False)
    for address, item in turns.take(6):
        turns.add(address, f"{item}-again")
    assert len(turns) == 6


def test_a_loop_that_ends_early_takes_no_more() -> None:
    turns = filled(False)
    for _ in turns.take(6):
        break
    assert len(turns) == 5


def test_the_oldest_of_the_address_with_the_most_is_dropped() -> None:
    turns = filled(True)
    assert [turns.drop() for _ in range(3)] == ["a1", "a2", "b1"]
    assert sorted(item for _, item in turns.take(9)) == ["a3", "b2", "c1"]
    with pytest.raises(ValueError, match="empty"):
        turns.drop()


@pytest.mark.parametrize("newest_first", [False, True])
def test_what_is_put_back_is_taken_last(newest_first: bool) -> None:
    turns = filled(newest_first)
    ((address, first),) = turns.take(1)
    turns.put_back(address, first)
    assert len(turns) == 6
    assert [item for owner, item in turns.take(6) if owner == "a"][-1] == first
