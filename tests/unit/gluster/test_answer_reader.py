"""The answers of a capture, parsed, with notes of what is not known."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

import pytest

from ganeti_gluster_mon.gluster import parse, query
from ganeti_gluster_mon.gluster.answer_reader import AnswerReader
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from tests.unit.answers import HEALTHY, answer_of, xml

POOL = answer_of(HEALTHY, "pool-list")
REFUSED = xml("").replace(b"<opRet>0", b"<opRet>-1").replace(b"<opErrstr/>", b"<opErrstr>busy</opErrstr>")


def reader(*answers: Answer) -> AnswerReader:
    return AnswerReader(Capture(recorded_at=1000, answers=answers))


def notes(found: AnswerReader) -> Sequence[Tuple[str, str, Optional[str]]]:
    return [(note.what, note.why, note.volume) for note in found.unknowns]


def test_an_answer_without_faults_makes_no_note() -> None:
    found = reader(Answer(query.POOL_LIST, POOL))
    peers = found.read(query.POOL_LIST, parse.pool_list, "the peers", must=True)
    assert peers is not None and len(peers) == 3 and notes(found) == []


@pytest.mark.parametrize(
    ("answer", "must", "why"),
    [
        (None, True, "`pool list` was not run"),
        (None, False, None),
        (Answer(query.POOL_LIST, REFUSED), True, "busy"),
        (Answer(query.POOL_LIST, REFUSED), False, None),
        (Answer(query.POOL_LIST, REFUSED, failure="no answer within 9 s"), False, "no answer within 9 s"),
        (Answer(query.POOL_LIST, b""), False, "`pool list`: the answer is empty"),
        (Answer(query.POOL_LIST, b"", failure="no answer within 9 s"), False, "no answer within 9 s"),
        (Answer(query.POOL_LIST, POOL[:100]), True, "`pool list`: the answer is cut short, after 100 bytes"),
    ],
)
def test_why_there_is_nothing(answer: Optional[Answer], must: bool, why: Optional[str]) -> None:
    found = reader(*([] if answer is None else [answer]))
    assert found.read(query.POOL_LIST, parse.pool_list, "the peers", must=must, volume="gv0") is None
    assert notes(found) == ([] if why is None else [("the peers", why, "gv0")])


def test_a_fault_and_a_failure_are_noted_and_the_rest_is_used() -> None:
    wrong = POOL.replace(b"<connected>1", b"<connected>7", 1)
    found = reader(Answer(query.POOL_LIST, wrong, failure="cut short"))
    assert found.read(query.POOL_LIST, parse.pool_list, "the peers") is not None
    assert next(why for _, why, _ in notes(found)) == "cut short"
    assert len(notes(found)) == 2


@pytest.mark.parametrize(
    ("state_at", "status_at", "newer"),
    [(None, None, False), (1001, None, True), (None, 999, True), (999, 1000, False)],
)
def test_whether_get_state_is_newer(state_at: Optional[int], status_at: Optional[int], newer: bool) -> None:
    found = reader(
        Answer(query.GET_STATE, b"x", taken_at=state_at),
        Answer(query.VOLUME_STATUS, b"x", taken_at=status_at),
    )
    assert found.own_is_newer is newer


def test_without_a_whole_answer_to_volume_status_nothing_is_newer() -> None:
    for status in ((), (Answer(query.VOLUME_STATUS, b"", taken_at=1),)):
        assert not reader(Answer(query.GET_STATE, b"x", taken_at=9), *status).own_is_newer


def test_the_time_of_an_answer_is_that_of_the_capture_unless_it_was_kept() -> None:
    heal = query.heal_summary("gv0")
    found = reader(Answer(heal, b"x", taken_at=7), Answer(query.VOLUME_STATUS, b"x"))
    assert (found.heal_taken_at("gv0"), found.heal_taken_at("gv1")) == (7, 1000)
    assert found.heal_info_is_older("gv0") and not found.heal_info_is_older("gv1")
