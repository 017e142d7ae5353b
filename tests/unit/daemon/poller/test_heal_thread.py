"""The heal queries of a cycle in a thread of their own."""

from __future__ import annotations

import os
import select
import threading
from contextlib import contextmanager
from typing import Iterator, Tuple, cast

from ganeti_gluster_mon.daemon.poller.heal_thread import HealThread
from ganeti_gluster_mon.gluster import cycle, session
from ganeti_gluster_mon.gluster.capture import Answer
from ganeti_gluster_mon.gluster.query import heal_summary

GV0, GV1 = heal_summary("gv0"), heal_summary("gv1")
#: seconds; only a test that fails waits so long
LONG = 30.0


class FakeCycle:
    """A cycle whose heal queries end when a test lets them."""

    heal_queries = (GV0, GV1)

    def __init__(self, error: Exception | None = None) -> None:
        self.may_end = threading.Event()
        self.error = error

    def run_heal_queries(self) -> Tuple[Answer, ...]:
        assert self.may_end.wait(LONG)
        if self.error is not None:
            raise self.error
        return (Answer(GV0, b"<a/>"), Answer(GV1, b"<b/>"))

    def __exit__(self, *_: object) -> None:
        self.may_end.set()


@contextmanager
def pipe() -> Iterator[Tuple[int, int]]:
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


def started(running: FakeCycle, done: int) -> HealThread:
    thread = HealThread(cast(cycle.Cycle, running), done)
    thread.start()
    return thread


def readable(descriptor: int, timeout: float) -> bool:
    return bool(select.select([descriptor], [], [], timeout)[0])


def test_answers_that_are_there_are_taken_without_a_byte_in_the_pipe() -> None:
    running = FakeCycle()
    with pipe() as (done, to_done):
        thread = started(running, to_done)
        running.may_end.set()
        thread.join(LONG)
        answers = thread.take()
        assert answers is not None and [answer.query for answer in answers] == [GV0, GV1]
        assert not readable(done, 0)


def test_answers_that_come_after_take_make_the_pipe_readable() -> None:
    running = FakeCycle()
    with pipe() as (done, to_done):
        thread = started(running, to_done)
        assert thread.take() is None
        assert not readable(done, 0)
        running.may_end.set()
        assert readable(done, LONG)
        assert thread.take() is not None
        thread.join(LONG)


def test_a_glusterd_that_does_not_run_is_the_reason_of_each_answer() -> None:
    running = FakeCycle(session.GlusterUnavailable("glusterd is not running"))
    with pipe() as (_, to_done):
        thread = started(running, to_done)
        running.may_end.set()
        thread.join(LONG)
        answers = thread.take()
    assert answers == tuple(Answer(each, b"", failure="glusterd is not running") for each in (GV0, GV1))


def test_end_ends_the_queries() -> None:
    with pipe() as (_, to_done):
        thread = started(FakeCycle(), to_done)
        thread.end()
        assert not thread.is_alive()


def test_a_poller_that_has_closed_its_pipe_does_no_harm() -> None:
    running = FakeCycle()
    with pipe() as (_, to_done):
        closed = os.dup(to_done)
    os.close(closed)
    thread = started(running, closed)
    assert thread.take() is None
    running.may_end.set()
    thread.join(LONG)
    assert thread.take() is not None
