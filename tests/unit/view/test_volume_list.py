"""The status word of a volume: never "healthy" with a problem that needs an administrator or is not known."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Iterator, Tuple

import pytest

from ganeti_gluster_mon import report, table
from ganeti_gluster_mon.check import check
from ganeti_gluster_mon.collectors import collectors
from ganeti_gluster_mon.daemon.web.page import page
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import OK, STATUSES, UNKNOWN, Health, Limits, evaluate
from ganeti_gluster_mon.health.annotate import annotate
from ganeti_gluster_mon.metrics import pool_metrics
from ganeti_gluster_mon.view import info
from ganeti_gluster_mon.view.listing import TableFormat, chosen, lines
from ganeti_gluster_mon.view.pool_view import PoolView
from ganeti_gluster_mon.view.view_commands import LISTINGS
from tests.unit import all_captures

LIMITS = Limits()


def shown(pool: Pool, health: Health, now: int, volume: str) -> Iterator[Tuple[str, str]]:
    """Where the status of *volume* is shown, and what is shown."""
    view = PoolView(pool, health, now)
    for row in table.table(pool, health).splitlines():
        if row.split()[0] == volume:
            yield "table", row.split()[1]
    listing = LISTINGS["list"]
    rows = listing.rows(view)
    assert rows is not None
    for line in lines(chosen(listing, "name,status"), rows, TableFormat(headers=False)):
        if line.split()[0] == volume:
            yield "list", line.split()[1]
    parsed = "\n".join(info.lines(view, [volume], "h"))
    yield "info", re.findall(r"^  Status: (\S+)", parsed, re.MULTILINE)[0]
    data = report.make(collectors()["gluster"], pool, health, now, verbose=True)["data"]
    yield from (("report", each["status"]) for each in data["volumes"] if each["name"] == volume)
    metrics = pool_metrics.render(pool, health, now).decode()
    found = re.findall(
        rf'^gluster_volume_status{{status="(\w+)",volume="{volume}"}} 1.0$', metrics, re.MULTILINE
    )
    yield from (("metric", status) for status in found)
    html = page(pool, health, now).decode()
    word = re.findall(rf"<h3>{volume}</h3>\s*<p class=\"state\"><span [^>]*>[^<]*</span> ([^<]*)</p>", html)[
        0
    ]
    yield "page", {"not known": "unknown", "needs attention": "healing"}.get(word, word)


@pytest.mark.parametrize("name", all_captures.NAMES)
def test_a_volume_with_a_problem_is_nowhere_healthy(name: str) -> None:
    capture = all_captures.read(name)
    pool, health = build_pool(capture), evaluate(build_pool(capture), LIMITS, capture.recorded_at)
    for volume, judged in health.volumes.items():
        statuses = dict(shown(pool, health, capture.recorded_at, volume))
        assert set(statuses) == {"table", "list", "info", "report", "metric", "page"}
        assert set(statuses.values()) == {judged.status}
        assert judged.status in STATUSES
        for where, status in statuses.items():
            assert (status == "healthy") <= (judged.code < UNKNOWN), (volume, where)
        line = check(pool, health, LIMITS, volume).line
        if judged.code >= UNKNOWN:
            assert "healthy" not in line
            assert not line.startswith("GLUSTER OK")


@pytest.mark.parametrize("name", all_captures.NAMES)
def test_a_muted_problem_makes_no_volume_healthy(name: str) -> None:
    capture = all_captures.read(name)
    health = evaluate(build_pool(capture), LIMITS, capture.recorded_at)
    muted = annotate(health, lambda key: None, lambda problem: True)
    for volume, judged in health.volumes.items():
        assert muted.volumes[volume].status == judged.status
        assert muted.volumes[volume].code == OK


@pytest.mark.parametrize("name", all_captures.NAMES)
def test_old_answers_make_no_volume_healthy(name: str) -> None:
    capture = all_captures.read(name)
    now = capture.recorded_at + 91 * 10**9
    pool = build_pool(capture)
    health = evaluate(pool, LIMITS, now)
    assert health.problems[0].severity >= UNKNOWN
    for volume in pool.volumes or ():
        if volume.state == "started":
            assert health.volumes[volume.name].code >= UNKNOWN
            assert health.volumes[volume.name].status != "healthy"
            assert "s old" in check(pool, health, LIMITS, volume.name).line
            assert check(pool, health, LIMITS, volume.name).line.count("ANSWERS_STALE") <= 1
    assert [problem.code for problem in health.problems].count("ANSWERS_STALE") == 1


def test_a_volume_that_is_not_started_has_no_status_by_its_age() -> None:
    capture = all_captures.read("recorded/healthy")
    pool = build_pool(capture)
    assert pool.volumes is not None
    stopped = replace(pool, volumes=tuple(replace(volume, state="stopped") for volume in pool.volumes))
    health = evaluate(stopped, LIMITS, capture.recorded_at + 91 * 10**9)
    assert {judged.status for judged in health.volumes.values()} == {"stopped"}
