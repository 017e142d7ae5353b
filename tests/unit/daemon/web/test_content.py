"""What is rendered once for every change of the snapshot."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import threading
from typing import Any, List, Optional, Tuple

import pytest

from ganeti_gluster_mon import report
from ganeti_gluster_mon.collectors import Collector, collectors
from ganeti_gluster_mon.daemon.web.content import CurrentContent, Reports, render
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.health import Health
from ganeti_gluster_mon.metrics import pool_metrics
from ganeti_gluster_mon.metrics.exposition import openmetrics_text, prometheus_text
from ganeti_gluster_mon.metrics.pool_metrics import PoolMetrics
from tests.unit.daemon.web.serving import GENEROUS, PAGE, RENDERED, a_page
from tests.unit.example_pool import HEALTH, NOTHING, NOTHING_HEALTH, NOW, POOL


def test_reports_are_those_of_the_command() -> None:
    for collector in collectors().values():
        rendered = RENDERED.reports[collector.category, collector.name]
        assert json.loads(rendered.terse.plain) == report.make(collector, POOL, HEALTH, NOW)
        assert json.loads(rendered.verbose.plain) == report.make(collector, POOL, HEALTH, NOW, verbose=True)
    assert [name for name, _, _ in RENDERED.reports.listing] == list(collectors())


def test_metrics_are_those_of_the_command() -> None:
    assert RENDERED.metrics.plain == pool_metrics.render(POOL, HEALTH, NOW)
    assert RENDERED.openmetrics.plain.endswith(b"# EOF\n")


def test_what_the_cycle_was_like() -> None:
    rendered = render(POOL, HEALTH, NOW, duration=0.25, failures={"timeout": 2}, leader=False)
    for line in (
        b"gluster_collect_duration_seconds 0.25\n",
        b'gluster_collect_failures_total{reason="timeout"} 2.0\n',
        b"gluster_leader 0.0\n",
    ):
        assert line in rendered.metrics.plain and line in rendered.openmetrics.plain


def test_the_page() -> None:
    assert RENDERED.page is not None
    assert RENDERED.page.plain == PAGE
    assert render(POOL, HEALTH, NOW).page is None

    def made(pool: Pool, health: Health, now: int) -> bytes:
        assert (pool, health, now) == (POOL, HEALTH, NOW)
        return b"x"

    page = render(POOL, HEALTH, NOW, make_page=made).page
    assert page is not None and page.plain == b"x"


def test_the_page_of_a_node_is_rendered_once_when_it_is_requested() -> None:
    requested: List[str] = []
    host = "node1.lab.test"

    def made(pool: Pool, health: Health, now: int, name: str) -> Optional[bytes]:
        assert (pool, health, now) == (POOL, HEALTH, NOW)
        requested.append(name)
        return b"x"

    pages = render(POOL, HEALTH, NOW, make_node_page=made).node_pages
    assert pages is not None
    assert requested == []
    first = pages.get(host)
    assert first is not None and first.plain == b"x"
    assert pages.get(host) is first
    assert pages.get("nowhere") is None
    assert requested == [host]
    assert render(POOL, HEALTH, NOW).node_pages is None


def test_metrics_are_those_of_the_exposition() -> None:
    metrics = PoolMetrics(POOL, HEALTH, NOW, leader=True)
    rendered = render(POOL, HEALTH, NOW, leader=True)
    assert rendered.metrics.plain == prometheus_text(metrics.families())
    assert rendered.openmetrics.plain == openmetrics_text(metrics.families())


def test_the_same_snapshot_gives_the_same_bytes() -> None:
    assert render(POOL, HEALTH, NOW, leader=True, make_page=a_page) == RENDERED


def test_a_pool_nothing_is_known_of() -> None:
    rendered = render(NOTHING, NOTHING_HEALTH, NOW)
    data = json.loads(rendered.reports["storage", "gluster"].terse.plain)["data"]
    assert (data["status"]["code"], data["status"]["message"]) == (2, "glusterd is not running")
    assert b"gluster_up 0.0\n" in rendered.metrics.plain


def test_a_collector_that_fails_is_logged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(collectors()["gluster-bricks"], "collect", fails)
    messages: List[str] = []
    rendered = render(POOL, HEALTH, NOW, warn=messages.append)
    assert [rendered.reports.all for _ in range(2)][1] is rendered.reports.all
    assert messages == ["collector gluster-bricks failed: RuntimeError: broken"]
    assert (
        json.loads(rendered.reports["storage", "gluster-bricks"].terse.plain)["data"]["status"]["code"] == 2
    )
    assert rendered.reports["storage", "gluster"] == RENDERED.reports["storage", "gluster"]


def test_reports_are_rendered_once_when_they_are_first_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    collected: List[str] = []
    make_both = report.make_both

    def counted(collector: Collector, *words: Any, **more: Any) -> Tuple[report.Report, report.Report]:
        collected.append(collector.name)
        return make_both(collector, *words, **more)

    monkeypatch.setattr(report, "make_both", counted)
    reports = render(POOL, HEALTH, NOW).reports
    assert ("storage", "gluster") in reports and ("storage", "other") not in reports
    assert collected == []
    assert reports["storage", "gluster"] is reports["storage", "gluster"]
    assert collected == ["gluster"]
    assert reports.all is reports.all
    assert sorted(collected) == sorted(collectors())


async def report_of(current: CurrentContent, name: str) -> Reports:
    return await current.rendered(
        lambda content: content.reports.known(("storage", name)),
        lambda content: content.reports["storage", name],
    )


def test_what_is_first_requested_while_the_next_content_is_rendered_is_made_of_that_one() -> None:
    """What was rendered of the former content is served at once."""

    async def work() -> None:
        first = render(POOL, HEALTH, NOW)
        current = CurrentContent(first)
        loop = asyncio.get_running_loop()
        kept = await report_of(current, "gluster-bricks")
        assert kept is first.reports["storage", "gluster-bricks"]
        begun, go_on = asyncio.Event(), threading.Event()

        def show() -> None:
            loop.call_soon_threadsafe(begun.set)
            assert go_on.wait(GENEROUS)
            current.content = render(POOL, HEALTH, NOW + 1)

        showing = loop.run_in_executor(current.thread, show)
        await asyncio.wait_for(begun.wait(), GENEROUS)
        assert await report_of(current, "gluster-bricks") is kept
        requested = asyncio.ensure_future(report_of(current, "gluster"))
        await asyncio.sleep(0)
        assert not requested.done()
        go_on.set()
        await showing
        assert json.loads((await requested).terse.plain)["timestamp"] == NOW + 1

    asyncio.run(asyncio.wait_for(work(), GENEROUS))


def test_reports_and_pages_are_the_same_of_a_pool_that_was_compressed() -> None:
    def made(pool: Pool, health: Health, now: int, name: str) -> bytes:
        return repr((pool, health, now, name)).encode()

    plain, compressed = (render(POOL, HEALTH, NOW, make_node_page=made) for _ in range(2))
    for _ in range(2):
        compressed.evaluated.compress()
    assert compressed.reports.all == plain.reports.all
    assert dict(compressed.reports) == dict(plain.reports)
    assert plain.node_pages is not None and compressed.node_pages is not None
    host = "node1.lab.test"
    assert plain.node_pages.get(host) is not None
    assert compressed.node_pages.get(host) == plain.node_pages.get(host)


def test_hostile_names() -> None:
    assert POOL.volumes is not None
    volume = dataclasses.replace(POOL.volumes[0], name="</script>\udcff\n\0☃")
    rendered = render(dataclasses.replace(POOL, volumes=(volume,)), HEALTH, NOW)
    volumes = json.loads(rendered.reports["storage", "gluster"].verbose.plain)["data"]["volumes"]
    assert volumes[0]["name"] == "</script>\udcff\n\0☃"
    rendered.openmetrics.plain.decode("utf-8")
