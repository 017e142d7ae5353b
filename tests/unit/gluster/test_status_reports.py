"""The answers to `volume status`, by volume."""

from __future__ import annotations

from ganeti_gluster_mon.gluster import query
from ganeti_gluster_mon.gluster.answer_reader import AnswerReader
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.model import SELF_HEAL_DAEMON
from ganeti_gluster_mon.gluster.status_reports import read_statuses
from tests.unit.answers import BROKEN, HEALTHY, answer_of

STATUS = Answer(query.VOLUME_STATUS, answer_of(HEALTHY, "volume-status"))
DETAIL = Answer(query.VOLUME_STATUS_DETAIL, answer_of(HEALTHY, "volume-status-detail"))
LATER = Answer(query.VOLUME_STATUS_DETAIL, answer_of(BROKEN, "volume-status-detail"))
BRICK = ("node2.lab.test", "/export/b1/gv0")


def reader(*answers: Answer) -> AnswerReader:
    return AnswerReader(Capture(recorded_at=1, answers=answers))


def test_bricks_and_daemons_of_each_volume() -> None:
    found = reader(STATUS, DETAIL)
    reports = read_statuses(found)
    gv0 = reports["gv0"]
    assert len(gv0.bricks) == 3 and all(len(nodes) == 2 for nodes in gv0.bricks.values())
    assert {name for name, _ in gv0.daemons} == {SELF_HEAL_DAEMON} and len(gv0.daemons) == 3
    assert gv0.queries == [query.VOLUME_STATUS, query.VOLUME_STATUS_DETAIL]
    assert found.statuses_read == {query.VOLUME_STATUS, query.VOLUME_STATUS_DETAIL}
    assert "stopped" not in reports and found.unknowns == []


def test_a_brick_that_died_in_between_has_both_states_in_the_order_of_the_answers() -> None:
    for answers, states in (((STATUS, LATER), [True, False]), ((LATER, STATUS), [False, True])):
        assert [node.online for node in read_statuses(reader(*answers))["gv0"].bricks[BRICK]] == states


def test_an_answer_that_is_missing_is_noted_and_the_other_is_used() -> None:
    found = reader(STATUS)
    assert set(read_statuses(found)["gv0"].queries) == {query.VOLUME_STATUS}
    assert [note.what for note in found.unknowns] == ["the bricks' space"]
    assert found.statuses_read == {query.VOLUME_STATUS}


def test_nothing_known_is_no_volume() -> None:
    found = reader()
    assert read_statuses(found) == {}
    assert len(found.unknowns) == 2
