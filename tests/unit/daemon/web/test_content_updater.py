"""What the web process logs and serves of the published captures."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import AsyncIterator, Callable, List

import pytest

from ganeti_gluster_mon.daemon.spool import CycleRecord, Spool, SpooledCapture, boottime
from ganeti_gluster_mon.daemon.web.content import CurrentContent
from ganeti_gluster_mon.daemon.web.content_updater import ContentUpdater
from ganeti_gluster_mon.gluster import cycle
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.health import Limits
from tests.unit.gluster.test_merge import read

#: seconds; for what must come on a busy machine
LONG = 30.0


def without_healing(taken: Capture) -> Capture:
    """*taken* before the answers about healing have come."""
    return replace(
        taken,
        answers=tuple(
            Answer(answer.query, b"", failure=cycle.STILL_RUNNING) if "heal" in answer.query else answer
            for answer in taken.answers
        ),
    )


def hand(spool: Spool, taken: Capture) -> None:
    spool.publish(SpooledCapture(taken, CycleRecord(boottime(), 0.1)))


@asynccontextmanager
async def updating(spool: Spool) -> AsyncIterator[CurrentContent]:
    current = CurrentContent()
    updater = ContentUpdater(spool, current, Limits(), 30.0, alive=lambda: None)
    running = asyncio.ensure_future(updater.run())
    try:
        yield current
    finally:
        running.cancel()


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def statuses(caplog: pytest.LogCaptureFixture) -> List[int]:
    """The codes that were logged."""
    fields = [
        getattr(record, "fields", {}) for record in caplog.records if record.getMessage() == "status changed"
    ]
    return [each["code"] for each in fields]


@pytest.mark.parametrize(("name", "logged"), [("healthy", [0]), ("brick-killed", [4])])
def test_the_log_has_no_status_of_which_answers_are_still_to_come(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, logged: List[int]
) -> None:
    caplog.set_level(logging.INFO)
    spool = Spool(str(tmp_path))
    spool.prepare()
    hand(spool, without_healing(read(name)))

    async def work() -> None:
        async with updating(spool) as current:
            await until(lambda: current.content)
            assert current.content is not None
            first = current.content.now
            assert b'"code":0' not in current.content.reports[("storage", "gluster")].terse.plain
            hand(spool, read(name))
            await until(lambda: current.content and current.content.now > first and statuses(caplog))

    asyncio.run(asyncio.wait_for(work(), LONG))
    assert list(dict.fromkeys(statuses(caplog))) == logged
