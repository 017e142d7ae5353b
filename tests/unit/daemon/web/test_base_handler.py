"""Requests that are refused before a handler sees them."""

from __future__ import annotations

from typing import Any, Iterator, List

import pytest

from ganeti_gluster_mon.daemon.web.allowed_hosts import AllowedHosts
from ganeti_gluster_mon.daemon.web.base_handler import BaseHandler
from tests.unit.daemon.web.serving import Served, serving
from tests.unit.daemon.web.test_server import quietly


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /metrics%s HTTP/1.1\r\n" % (b"x" * 5000), 414),
        (b"GET /?%s HTTP/1.1\r\n" % (b"x" * 5000), 414),
        (b"GET / HTTP/1.1\r\n" + b"x: %s\r\n" % (b"y" * 17000), 431),
        (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 4000, 431),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", 400),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: identity\r\n", 400),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\nGET /1 HTTP/1.1\r\n", 400),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /1 HTTP/1.1\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n", 413),
        (b"GET /1/report/all?verbose=%ff HTTP/1.1\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1, 2\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 3\r\n", 413),
        (b"GET / HTTP/1.1\r\nContent-Length: 99999999999\r\n", 413),
        (b"GET / HTTP/1.1\r\nContent-Length: %s\r\n" % (b"9" * 19), 400),
        (b"GET / HTTP/1.1\r\nContent-Length: %s\r\n" % (b"9" * 4301), 400),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length : 3\r\n", 400),
        (b"nonsense\r\n", 400),
        (b"GET /\r\n", 400),
        (b"GET / HTTP/2.0\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n", 400),
        (b"GET /%ff/\xff HTTP/1.1\r\n", 404),
        (b"GET /1/report/%ff/x HTTP/1.1\r\n", 400),
        (b"GET / HTTP/1.1\r\nAuthorization: Basic \xff\r\n", 200),
    ],
    ids=lambda value: value[:60].decode("latin-1") if isinstance(value, bytes) else str(value),
)
def test_heads(served: Served, caplog: pytest.LogCaptureFixture, head: bytes, status: int) -> None:
    with served.client() as client:
        client.send(head + b"\r\n")
        assert client.answer().status == status
        if status in (413, 414, 431) or b"Encoding" in head or b"nonsense" in head:
            with pytest.raises(ConnectionError):
                client.answer()  # and whatever follows is no request
    assert served.ask("/1").body == b"null"
    quietly(caplog)


def test_a_body_is_not_read(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    with served.client() as client:
        client.send(b"POST /metrics HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n")
        client.send_until_closed(bytes(1 << 20))
    assert served.ask("/1").body == b"null"
    quietly(caplog)


class Failing(BaseHandler):
    async def get(self) -> None:
        raise RuntimeError("two\nlines")


class Signed(BaseHandler):
    signed = True

    async def get(self) -> None:
        self.send_line(200, "signed")


def test_a_method_that_a_handler_lacks(served: Served) -> None:
    answer = served.ask("/metrics", "DELETE")
    assert (answer.status, answer.body) == (405, b"Method Not Allowed\n")
    assert "GET" in answer.headers["allow"] and "DELETE" not in answer.headers["allow"]


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 200), ("evil.example", 421)])
def test_a_name_that_is_not_of_this_node_is_refused_unless_the_request_is_signed(
    host: str, status: int
) -> None:
    handlers: List[Any] = [("/signed", Signed, {})]
    with serving(handlers=handlers, allowed_hosts=AllowedHosts((), lambda: frozenset())) as served:
        for path, expected in (("/1", status), ("/signed", 200)):
            with served.client() as client:
                client.send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                assert client.answer().status == expected


def test_an_error_is_one_line_for_each_client_and_minute(caplog: pytest.LogCaptureFixture) -> None:
    with serving(handlers=[("/failing", Failing, {})]) as served:
        for _ in range(3):
            answer = served.ask("/failing")
            assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert line.startswith("request failed: RuntimeError: two lines at ") and "\n" not in line
    assert line.endswith("from 127.0.0.1: GET /failing")


@pytest.mark.parametrize("path", ["/1", "/nothing", "/metrics"])
def test_each_response_has_the_headers_of_security(served: Served, path: str) -> None:
    headers = served.ask(path).headers
    assert (headers["server"], headers["x-content-type-options"], headers["cache-control"]) == (
        "ganeti-gluster-mon",
        "nosniff",
        "no-store",
    )
    assert "etag" not in headers


def test_before_the_first_content_is_rendered() -> None:
    with serving(None) as served:
        answer = served.ask("/metrics")
        assert (answer.status, answer.body) == (503, b"Gluster has not been queried yet\n")
