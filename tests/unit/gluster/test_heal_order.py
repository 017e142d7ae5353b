"""Which volumes are queried first for their heal backlog, and what stays known of the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import pytest

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.heal_order import TURN_TO_COME, kept_answers, ordered
from ganeti_gluster_mon.gluster.query import heal_summary

NOW = 10_000
CLEAN = b"<numberOfEntriesInHealPending>0</numberOfEntriesInHealPending>"
PENDING = b"<numberOfEntriesInHealPending>12</numberOfEntriesInHealPending>"
SPLIT = b"<numberOfEntriesInSplitBrain>1</numberOfEntriesInSplitBrain>"


def volume(name: str) -> parse.VolumeInfo:
    bricks = tuple(parse.BrickInfo(f"node{number}", f"/{name}", None, arbiter=False) for number in (1, 2, 3))
    return parse.VolumeInfo(name, "u", "started", "replicate", "tcp", bricks, 3, 0, 0, 0)


def bricks(volumes: Sequence[parse.VolumeInfo]) -> Dict[Tuple[str, str], bool]:
    return {(brick.host, brick.path): True for each in volumes for brick in each.bricks}


def previous(volumes: Sequence[parse.VolumeInfo], answers: Mapping[str, Answer]) -> Capture:
    return Capture(NOW, tuple(answers.values()), bricks_answering=bricks(volumes))


def answer(
    name: str, taken_at: Optional[int], output: bytes = CLEAN, failure: Optional[str] = None
) -> Answer:
    return Answer(heal_summary(name), output, taken_at=taken_at, failure=failure)


def names(
    volumes: Sequence[parse.VolumeInfo],
    before: Optional[Capture],
    answering: Optional[Mapping[Tuple[str, str], bool]] = None,
) -> List[str]:
    return [query[2] for query in ordered(volumes, answering or bricks(volumes), before)]


VOLUMES = [volume(name) for name in "abcd"]


def test_at_first_they_are_queried_as_gluster_lists_them() -> None:
    assert names(VOLUMES, None) == ["a", "b", "c", "d"]


def test_the_oldest_count_comes_first() -> None:
    before = {"a": answer("a", 30), "b": answer("b", 10), "c": answer("c", None), "d": answer("d", 20)}
    assert names(VOLUMES, previous(VOLUMES, before)) == ["b", "d", "a", "c"]


@pytest.mark.parametrize(
    "suspect", [answer("d", None, PENDING), answer("d", None, SPLIT), answer("d", None, b"", "no answer")]
)
def test_one_that_had_entries_or_no_answer_does_not_wait_for_its_turn(suspect: Answer) -> None:
    before = {"a": answer("a", 10), "b": answer("b", 20), "c": answer("c", 30), "d": suspect}
    assert names(VOLUMES, previous(VOLUMES, before)) == ["d", "a", "b", "c"]


def test_a_new_volume_is_among_the_first() -> None:
    before = {name: answer(name, 10) for name in "abc"}
    assert names(VOLUMES, previous(VOLUMES, before))[0] == "d"


@pytest.mark.parametrize(("was", "is_now"), [(True, False), (False, True), (True, None), (None, True)])
def test_one_whose_brick_began_or_ceased_to_answer_comes_first(
    was: Optional[bool], is_now: Optional[bool]
) -> None:
    """Before one with pending entries, which changes all the time."""
    brick = ("node2", "/d")
    before = previous(VOLUMES, {name: answer(name, 10, PENDING if name == "c" else CLEAN) for name in "abcd"})

    def changed(value: Optional[bool]) -> Dict[Tuple[str, str], bool]:
        known = {key: each for key, each in bricks(VOLUMES).items() if key != brick}
        return known if value is None else {**known, brick: value}

    before = replace(before, bricks_answering=changed(was))
    assert names(VOLUMES, before, changed(is_now))[:3] == ["d", "a", "c"]


def test_a_changed_brick_comes_before_a_count_that_failed_and_that_before_pending_entries() -> None:
    before = {
        "a": answer("a", 1),
        "b": answer("b", 2, PENDING),
        "c": answer("c", 3, b"", "no answer"),
        "d": answer("d", 4),
    }
    answering = {**bricks(VOLUMES), ("node2", "/d"): False}
    found = names(VOLUMES, previous(VOLUMES, before), answering)
    assert found == ["d", "a", "c", "b"]  # the second is the oldest


def test_one_without_a_count_is_older_than_any_count() -> None:
    volumes = [volume(name) for name in "ab"]
    before = {"a": answer("a", 1, PENDING), "b": answer("b", 9, b"", TURN_TO_COME)}
    assert names(volumes, previous(volumes, before)) == ["b", "a"]
    before = {"a": answer("a", 1, b"", "no answer"), "b": answer("b", 9, b"", TURN_TO_COME)}
    assert names(volumes, previous(volumes, before)) == ["b", "a"]


def test_a_brick_that_still_does_not_answer_changes_nothing() -> None:
    answering = {**bricks(VOLUMES), ("node2", "/d"): False}
    before = replace(
        previous(VOLUMES, {name: answer(name, place) for place, name in enumerate("abcd", 1)}),
        bricks_answering=answering,
    )
    assert names(VOLUMES, before, answering) == ["a", "b", "c", "d"]


def test_every_volume_has_its_turn_however_many_are_suspected() -> None:
    """100 of 200 volumes have pending entries all the time; a cycle queries 20."""
    volumes = [volume(f"v{number:03}") for number in range(200)]
    counts = {each.name: PENDING if number < 100 else CLEAN for number, each in enumerate(volumes)}
    queried: Dict[str, int] = {}
    known: Dict[str, Answer] = {}
    ages: List[int] = []
    for number in range(1, 41):
        before = Capture(number, tuple(known.values()), bricks_answering=bricks(volumes))
        order = names(volumes, before if known else None)
        assert sorted(order) == sorted(each.name for each in volumes)
        for name in order[:20]:
            known[name] = answer(name, number, counts[name])
            queried[name] = number
        if number > 20:
            ages.append(max(number - queried.get(each.name, 0) for each in volumes))
    assert max(ages) <= 20


def test_a_turn_that_has_not_come_is_no_count() -> None:
    before = {
        "a": answer("a", 30),
        "b": answer("b", 10),
        "c": answer("c", 20),
        "d": answer("d", 40, b"", TURN_TO_COME),
    }
    assert names(VOLUMES, previous(VOLUMES, before))[0] == "d"


A, B = heal_summary("a"), heal_summary("b")


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (None, [(b"", None, "why"), (b"", None, "why")]),
        (Capture(NOW, ()), [(b"", None, "why"), (b"", None, "why")]),
        (Capture(NOW, (Answer(A, b"<a/>"),)), [(b"<a/>", NOW, None), (b"", None, "why")]),
        (
            Capture(NOW, (Answer(A, b"<a/>", taken_at=7), Answer(B, b"", failure="no answer"))),
            [(b"<a/>", 7, None), (b"", NOW, "no answer")],
        ),
    ],
)
def test_the_answers_of_the_previous_capture_keep_their_time(
    before: Optional[Capture], expected: List[Tuple[bytes, Optional[int], Optional[str]]]
) -> None:
    kept = kept_answers([A, B], before, "why")
    assert [each.query for each in kept] == [A, B]
    assert [(each.output, each.taken_at, each.failure) for each in kept] == expected
