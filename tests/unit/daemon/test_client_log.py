"""One line for each client and minute, however many clients there are."""

from __future__ import annotations

import asyncio
import logging

import pytest
from tornado.concurrent import future_set_exception_unless_cancelled

from ganeti_gluster_mon.daemon.client_log import EVERY, ClientLog, RateLimitFilter
from ganeti_gluster_mon.daemon.cluster import exchange
from ganeti_gluster_mon.daemon.web.base_handler import BaseHandler
from tests.unit.daemon.web.serving import serving


def test_one_line_for_each_client_and_minute() -> None:
    now = 0.0
    log = ClientLog(lambda: now)
    assert log.allows("192.0.2.1")
    assert log.allows("192.0.2.2")
    assert not log.allows("192.0.2.1")
    now = EVERY - 1
    assert not log.allows("192.0.2.2")
    now = EVERY
    assert log.allows("192.0.2.1")
    assert not log.allows("192.0.2.1")


def test_very_many_clients_cause_few_lines_and_take_little_memory() -> None:
    log = ClientLog(lambda: 0.0)
    assert sum(log.allows(f"2001:db8::{number:x}") for number in range(100_000)) < 2000
    assert len(log._written) < 2000


class Broken(BaseHandler):
    async def get(self) -> None:
        raise KeyError("a fault of the program")


def test_a_fault_of_the_program_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with serving(handlers=[("/broken", Broken, {})]) as served:
        for _ in range(100):
            assert served.ask("/broken").status == 500
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 1
    assert "KeyError" in lines[0] and "daemon/test_client_log.py" in lines[0] and "127.0.0.1" in lines[0]
    assert all(record.exc_info is None for record in caplog.records)


def test_peers_that_take_turns_cause_one_line_each(caplog: pytest.LogCaptureFixture) -> None:
    made = exchange.Exchange(1.0, lambda _bricks: None)
    for number in range(100):
        made.refused(f"192.0.2.{number % 2}", f"reason {number}")
    assert len(caplog.records) == 2


def test_a_request_that_was_cancelled_causes_no_line(caplog: pytest.LogCaptureFixture) -> None:
    """It would be a traceback, and in the place of a line that matters."""
    logger, rule = logging.getLogger("tornado.application"), RateLimitFilter()
    before, logger.filters = logger.filters, [rule]
    try:
        future: asyncio.Future[None] = asyncio.Future(loop=asyncio.new_event_loop())
        future.cancel()
        future_set_exception_unless_cancelled(future, TimeoutError())
        assert caplog.records == []
        logger.error("something else")
        logger.error("something else")
        assert len(caplog.records) == 1
    finally:
        logger.filters = before
        future.get_loop().close()
