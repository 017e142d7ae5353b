"""One cycle of queries: which answers are final, and what is known without glusterd."""

from __future__ import annotations

import os
from typing import Optional

import pytest

from ganeti_gluster_mon.gluster import cycle, query
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.heal_order import TURN_TO_COME
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.gluster.probe_thread import Replies
from ganeti_gluster_mon.gluster.status_query import STATUS_QUERIES

HEAL = query.heal_summary("gv0")


@pytest.mark.parametrize(
    ("failure", "complete"),
    [
        (None, True),
        ("no answer within 10 s", True),
        (cycle.STILL_RUNNING, False),
        (cycle.LEFT_TO_THE_LEADER, False),
        (TURN_TO_COME, False),
    ],
)
def test_a_capture_is_complete_unless_an_answer_is_to_come(failure: Optional[str], complete: bool) -> None:
    answers = (Answer(query.POOL_LIST, b"<a/>"), Answer(HEAL, b"", failure=failure))
    assert cycle.is_complete(Capture(1, answers)) is complete


def test_a_later_answer_takes_the_place_of_the_one_before() -> None:
    before = Capture(1, (Answer(query.POOL_LIST, b"<a/>"), Answer(HEAL, b"", failure=cycle.STILL_RUNNING)))
    other = query.heal_summary("gv1")
    after = cycle.with_answers(before, [Answer(HEAL, b"<b/>"), Answer(other, b"<c/>")])
    assert [(answer.query, answer.output) for answer in after.answers] == [
        (query.POOL_LIST, b"<a/>"),
        (HEAL, b"<b/>"),
        (other, b"<c/>"),
    ]
    assert cycle.is_complete(after) and not cycle.is_complete(before)


def test_without_glusterd_each_answer_has_the_reason() -> None:
    settings = cycle.Settings(processes=False, gluster="/no/such/gluster")
    probed = Replies(peers={"node2": False}, bricks={("node1", "/b"): True})
    found = cycle.without_gluster(settings, "glusterd is not running", probed)
    assert {answer.query for answer in found.answers} == {query.VOLUME_INFO, query.POOL_LIST, *STATUS_QUERIES}
    assert {answer.failure for answer in found.answers} == {"glusterd is not running"}
    assert (found.node, found.gluster_version, found.processes) == (os.uname().nodename, None, None)
    assert (found.reachable, found.bricks_answering) == ({"node2": False}, {("node1", "/b"): True})
    pool = build_pool(found)
    assert pool.volumes is None and pool.peers is None
    assert {note.why for note in pool.unknowns} == {"glusterd is not running"}
