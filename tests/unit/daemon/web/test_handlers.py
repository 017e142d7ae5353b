"""Every path of the contract, requested on real sockets."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import json
import re
from typing import Any, Iterator

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as metrics
from tornado.web import RequestHandler

from ganeti_gluster_mon.daemon.web.base_handler import BaseHandler
from ganeti_gluster_mon.daemon.web.bodies import PackedBody
from ganeti_gluster_mon.daemon.web.content import CurrentContent, render
from ganeti_gluster_mon.daemon.web.handlers import application
from tests.unit.daemon.web.serving import (
    PAGE,
    RENDERED,
    RUNBOOK_PAGE,
    STYLE,
    Served,
    a_node_page,
    a_page,
    serving,
)
from tests.unit.example_pool import HEALTH, NOW, POOL

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
PROMETHEUS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
EVERY_PATH = (
    "/",
    "/1",
    "/1/list/collectors",
    "/1/report/all",
    "/1/report/storage/gluster",
    "/metrics",
    "/-/healthy",
    "/-/ready",
    "/node/node1.lab.test",
    "/runbook",
)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as served:
        yield served


def test_what_mond_says(served: Served) -> None:
    assert served.ask("/").body == b"[1]"
    assert served.ask("/1").body == b"null"
    assert json.loads(served.ask("/1/list/collectors").body) == [
        ["gluster", "storage", 1],
        ["gluster-bricks", "storage", 0],
        ["gluster-capacity", "storage", 0],
        ["gluster-disks", "storage", 0],
        ["glusterd", "daemon", 1],
    ]


def test_a_report(served: Served) -> None:
    answer = served.ask("/1/report/storage/gluster")
    report = json.loads(answer.body)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert list(report) == ["name", "version", "format_version", "timestamp", "category", "kind", "data"]
    assert list(report["data"]) == ["status"]
    whole = json.loads(served.ask("/1/report/storage/gluster?verbose=1").body)
    assert {"status", "volumes", "peers", "age"} <= set(whole["data"])
    assert json.loads(served.ask("/1/report/storage/gluster?verbose=0").body) == report


def test_all_reports_are_the_single_ones(served: Served) -> None:
    listing = json.loads(served.ask("/1/list/collectors").body)
    for query in ("", "?verbose=1"):
        single = [served.ask(f"/1/report/{category}/{name}{query}").body for name, category, _ in listing]
        assert served.ask(f"/1/report/all{query}").body == b"[" + b",".join(single) + b"]"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/1/report/storage/nothing", b"Unable to produce a report for the requested resource"),
        ("/1/report/daemon/gluster", b"Unable to produce a report for the requested resource"),
        ("/1/report/%2e%2e/%00", b"Unable to produce a report for the requested resource"),
        ("/nothing", b"Resource not found"),
        ("/1/report", b"Resource not found"),
        ("/1/list", b"Resource not found"),
        ("/2", b"Resource not found"),
        ("//metrics", b"Resource not found"),
        ("/../../etc/passwd", b"Resource not found"),
    ],
)
def test_what_does_not_exist_is_answered_as_mond_does(served: Served, path: str, text: bytes) -> None:
    answer = served.ask(path)
    assert (answer.status, answer.body) == (404, text)


def test_metrics_for_prometheus_and_open_metrics(served: Served) -> None:
    plain, negotiated = served.ask("/metrics"), served.ask("/metrics", accept=PROMETHEUS)
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert negotiated.headers["content-type"].startswith("application/openmetrics-text;")
    assert negotiated.headers["vary"] == plain.headers["vary"] == "Accept, Accept-Encoding"
    names = {family.name for family in metrics(plain.body.decode())}  # type: ignore[no-untyped-call]
    assert "gluster_brick_up" in names
    families = list(open_metrics(negotiated.body.decode()))  # type: ignore[no-untyped-call]
    assert len(families) == len(names)


def test_the_page_is_for_browsers(served: Served) -> None:
    answer = served.ask("/", accept=BROWSER)
    assert (answer.body, answer.headers["content-type"]) == (PAGE, "text/html; charset=utf-8")
    assert answer.headers["vary"] == "Accept, Accept-Encoding"
    policy = answer.headers["content-security-policy"]
    style = re.search(r"<style>(.*)</style>", answer.body.decode())
    assert style is not None and style[1] == STYLE
    assert f"'sha256-{base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
    for others in ("*/*", "application/json, text/html;q=0.5", "text/html;q=0"):
        assert served.ask("/", accept=others).body == b"[1]"


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("*, gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=nonsense", False),
        ("br", False),
        ("", False),
    ],
)
def test_packed_when_the_client_can_unpack(served: Served, accepted: str, packed: bool) -> None:
    answer = served.ask("/metrics", accept_encoding=accepted)
    assert (answer.headers.get("content-encoding") == "gzip") == packed
    assert answer.unpacked == RENDERED.metrics.plain


@pytest.mark.parametrize("accepted", ["gzip", ""])
def test_what_is_kept_compressed_is_sent_to_every_client(accepted: str) -> None:
    kept = PackedBody("text/plain", gzip.compress(b"x" * 100_000))
    with serving(dataclasses.replace(RENDERED, metrics=kept)) as served:
        answer = served.ask("/metrics", accept_encoding=accepted)
    assert answer.unpacked == b"x" * 100_000
    assert answer.headers["content-length"] == str(len(kept.gzipped) if accepted else 100_000)


def test_little_is_not_packed(served: Served) -> None:
    assert "content-encoding" not in served.ask("/1/list/collectors", accept_encoding="gzip").headers


@pytest.mark.parametrize("path", EVERY_PATH)
def test_head_is_get_without_the_body(served: Served, path: str) -> None:
    with served.client() as client:
        got = client.ask(path, accept_encoding="gzip")
        head = client.ask(path, "HEAD", accept_encoding="gzip")
        assert client.ask("/1").body == b"null"  # no byte was left over
    got.headers.pop("date")
    head.headers.pop("date")
    assert head.headers == got.headers
    assert int(head.headers["content-length"]) == len(got.body)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/node/node1.lab.test", PAGE + b"node1.lab.test"),
        ("/runbook", RUNBOOK_PAGE),
    ],
)
def test_pages_of_nodes_and_the_runbook(served: Served, path: str, body: bytes) -> None:
    answer = served.ask(path)
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]


def test_the_page_of_a_node_with_a_hostile_name() -> None:
    assert POOL.peers is not None
    pool = dataclasses.replace(POOL, peers=(dataclasses.replace(POOL.peers[0], hostname="a b%/"),))
    rendered = render(pool, HEALTH, NOW, make_page=a_page, make_node_page=a_node_page)
    with serving(rendered) as served:
        assert served.ask("/node/a%20b%25%2F").body == PAGE + b"a b%/"


@pytest.mark.parametrize(
    "path",
    [
        "/node/node4.lab.test",
        "/node/",
        "/node",
        "/node/node1.lab.test/",
        "/node/..",
        "/node/..%2f..%2fetc%2fpasswd",
        "/node/%00",
        "/runbook/",
        "/runbook/..%2fpage.css",
        "/runbook.md",
        "/runbook/../page.css",
    ],
)
def test_there_is_no_other_page(served: Served, path: str) -> None:
    answer = served.ask(path)
    assert (answer.status, answer.body) == (404, b"Resource not found")


def test_the_runbook_is_there_before_gluster_answers() -> None:
    with serving(rendered=None) as served:
        assert served.ask("/runbook").body == RUNBOOK_PAGE
        assert served.ask("/node/node1.lab.test").status == 503


@pytest.mark.parametrize("path", [*EVERY_PATH, "/nothing"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_nothing_but_reading(served: Served, path: str, method: str) -> None:
    answer = served.ask(path, method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    answer = served.ask(path, method, content_length="3")
    assert answer.status == 405


@pytest.mark.parametrize("path", [*EVERY_PATH, "/nothing"])
def test_headers_of_every_answer(served: Served, path: str) -> None:
    headers = served.ask(path).headers
    assert headers["server"] == "ganeti-gluster-mon"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "content-length" in headers and "etag" not in headers


def test_before_there_is_a_snapshot() -> None:
    with serving(rendered=None) as served:
        for path in (
            "/1/list/collectors",
            "/1/report/all",
            "/1/report/storage/gluster",
            "/metrics",
            "/-/ready",
        ):
            answer = served.ask(path)
            assert (answer.status, answer.body) == (503, b"Gluster has not been queried yet\n")
        assert served.ask("/", accept=BROWSER).status == 503
        assert served.ask("/-/healthy").status == 200
        assert served.ask("/").body == b"[1]"
        served.current.content = RENDERED
        assert served.ask("/-/ready").status == served.ask("/metrics").status == 200


def test_messages_for_monitoring_of_the_daemon() -> None:
    with serving() as served:
        assert served.ask("/-/healthy").body == b"healthy\n"
        served.current.unhealthy_reason = "no cycle of queries since 95 s"
        answer = served.ask("/-/healthy")
        assert (answer.status, answer.body) == (503, b"no cycle of queries since 95 s\n")
        served.current.not_ready_reason = "the capture is 95 s old"
        assert served.ask("/-/ready").status == 503
        assert served.ask("/metrics").status == 200


class _More(BaseHandler):
    async def get(self) -> None:
        self.send_line(200, "more")


class _Fails(BaseHandler):
    async def get(self) -> None:
        raise RuntimeError("secret")


class _Foreign(RequestHandler):
    pass


def test_more_handlers(caplog: pytest.LogCaptureFixture) -> None:
    more: Any = [(r"/1/more", _More, {}), (r"/fails", _Fails, {})]
    with serving(handlers=more) as served:
        assert served.ask("/1/more").body == b"more\n"
        assert served.ask("/1/more", "HEAD").headers["allow"] == "GET"
        failed = served.ask("/fails")
        assert (failed.status, failed.body) == (500, b"Internal Server Error\n")
    assert "secret" in caplog.text


def test_no_handler_bypasses_authentication() -> None:
    foreign: Any = [("/x", _Foreign, {})]
    with pytest.raises(TypeError, match="_Foreign is no BaseHandler"):
        application(CurrentContent(), handlers=foreign)
