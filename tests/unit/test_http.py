"""What is served, and what a client can do to the server: on real sockets."""

from __future__ import annotations

import gzip
import json
import selectors
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import Iterator

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from ganeti_gluster_mon.serve.address import parse_listen
from tests.unit.serving import LONG, Served, cpu_seconds, free_port, read_all, reply, serving

MOND_NO_REPORT = b"Unable to produce a report for the requested resource"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving("brick-killed") as server:
        yield server


def test_mond_s_own_paths(served: Served) -> None:
    assert served.get("/").body == b"[1]"
    assert served.get("/1").body == b"null"
    assert served.get("/1/").body == b"null"
    listing = served.get("/1/list/collectors")
    assert ["gluster", "storage", 1] in listing.json()
    assert ["glusterd", "daemon", 1] in listing.json()
    assert listing.headers["content-type"] == "application/json"


def test_a_report_is_terse_unless_asked_otherwise(served: Served) -> None:
    terse = served.get("/1/report/storage/gluster").json()
    assert list(terse) == ["name", "version", "format_version", "timestamp", "category", "kind", "data"]
    assert list(terse["data"]) == ["status"]
    assert terse["data"]["status"]["code"] == 4
    verbose = served.get("/1/report/storage/gluster?verbose=1").json()
    assert verbose["data"]["volumes"]
    assert "volumes" not in served.get("/1/report/storage/gluster?verbose=0").json()["data"]


def test_all_reports_are_the_single_ones(served: Served) -> None:
    for query in ("", "?verbose=1"):
        names = served.get("/1/list/collectors").json()
        single = [served.get(f"/1/report/{category}/{name}{query}").json() for name, category, _ in names]
        assert served.get(f"/1/report/all{query}").json() == single


@pytest.mark.parametrize("path", ["/1/report/storage/nothing", "/1/report/daemon/gluster", "/1/report/x/y"])
def test_a_report_that_is_not_there(served: Served, path: str) -> None:
    answer = served.get(path)
    assert (answer.status, answer.body) == (404, MOND_NO_REPORT)


@pytest.mark.parametrize("path", ["/2", "/1/report", "/1/report/storage/gluster/x", "/../etc/passwd", "/%00"])
def test_a_path_that_is_not_there(served: Served, path: str) -> None:
    answer = served.get(path)
    assert (answer.status, answer.body) == (404, b"Resource not found")


def test_metrics_for_prometheus(served: Served) -> None:
    answer = served.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    names = {family.name for family in text_string_to_metric_families(answer.body.decode())}  # type: ignore[no-untyped-call]
    assert {"gluster_up", "gluster_brick_up"} <= names


def test_metrics_for_who_asks_for_openmetrics(served: Served) -> None:
    answer = served.get("/metrics", Accept="application/openmetrics-text; version=1.0.0,*/*;q=0.1")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert {"gluster_up", "gluster_brick_up"} <= {family.name for family in openmetrics(answer.body.decode())}  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("accepts", "packed"),
    [
        ("gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("identity", False),
        ("", False),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
    ],
)
def test_packed_for_who_takes_that(served: Served, accepts: str, packed: bool) -> None:
    plain = served.get("/metrics").body
    answer = served.get("/metrics", Accept_Encoding=accepts)
    assert (answer.headers.get("content-encoding") == "gzip") is packed
    assert (gzip.decompress(answer.body) if packed else answer.body) == plain
    assert "Accept-Encoding" in answer.headers["vary"]
    assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.parametrize(
    "path", ["/", "/1", "/metrics", "/1/report/all", "/-/healthy", "/-/ready", "/nothing"]
)
def test_head_is_get_without_the_body(served: Served, path: str) -> None:
    full, head = served.get(path), served.get(path, method="HEAD")
    assert (head.status, head.body) == (full.status, b"")
    assert head.headers["content-length"] == full.headers["content-length"] == str(len(full.body))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "NONSENSE"])
def test_other_methods_are_not_allowed(served: Served, method: str) -> None:
    answer = served.get("/metrics", method=method)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_healthy_and_ready(served: Served) -> None:
    assert served.get("/-/healthy").status == 200
    assert served.get("/-/ready").status == 200


def test_one_connection_serves_many_requests(served: Served) -> None:
    one = b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with served.connect() as client:
        client.sendall(one * 20 + last)
        assert read_all(client).count(b"HTTP/1.1 200 OK") == 21


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00" * 100 + b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X-Header: value\r\n" * 100_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000,
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n" + b"x" * 1000,
    ],
    ids=["tls", "no path", "version", "giant url", "endless headers", "body", "negative", "chunked"],
)
def test_nonsense_is_refused_and_costs_nothing(served: Served, request_: bytes) -> None:
    answer = served.raw(request_)
    assert answer.status in (0, 400, 413, 414, 431)
    assert served.get("/1").body == b"null"


def test_a_thousand_that_say_nothing_cost_nothing() -> None:
    with serving("healthy") as server, ExitStack() as idle:
        before = cpu_seconds(server.process.pid)
        for _ in range(1000):
            idle.enter_context(server.connect())
        assert server.get("/metrics").status == 200
        spent = cpu_seconds(server.process.pid) - before
        at_rest = cpu_seconds(server.process.pid)
        for _ in range(20):
            assert server.get("/1").status == 200
        assert spent < 5
        assert cpu_seconds(server.process.pid) - at_rest < 1
        assert server.stop() < 2


def test_more_clients_than_descriptors() -> None:
    """Who comes too late is sent away at once; who goes makes room; nothing spins."""
    with serving("healthy", limit=128) as server:
        with ExitStack() as idle:
            clients = [idle.enter_context(server.connect()) for _ in range(200)]
            selector = idle.enter_context(selectors.DefaultSelector())
            for client in clients:
                selector.register(client, selectors.EVENT_READ)
            sent_away = 0
            while sent_away < len(clients) - 64:
                ready = selector.select(LONG)
                assert ready, f"only {sent_away} of {len(clients)} were sent away"
                for key, _ in ready:
                    selector.unregister(key.fileobj)
                    sent_away += 1
            before = cpu_seconds(server.process.pid)
            clients[0].sendall(b"GET /1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert reply(read_all(clients[0])).body == b"null"
            assert cpu_seconds(server.process.pid) - before < 0.5
        until = time.monotonic() + LONG
        while server.get("/1").status != 200:
            assert time.monotonic() < until


def test_who_never_takes_an_answer_holds_up_nobody() -> None:
    with serving("healthy") as server, server.connect() as greedy:
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
        for _ in range(20):
            assert server.get("/metrics").status == 200
        assert server.stop() < 2


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run_serve("--replay", "tests/captures/recorded/healthy", "--listen", f"127.0.0.1:{port}")
    assert ended.returncode == 78
    assert ended.stderr == f"ganeti-gluster-mon: cannot listen on 127.0.0.1:{port}: Address already in use\n"


@pytest.mark.parametrize("listen", ["", "1816", "a b:1", ":99999", "[::1", "::1:80", ":x"])
def test_an_address_that_is_none(listen: str) -> None:
    ended = run_serve("--replay", "tests/captures/recorded/healthy", "--listen", listen)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1


def test_addresses() -> None:
    assert parse_listen(":1816") == ("", 1816)
    assert parse_listen("127.0.0.1:0") == ("127.0.0.1", 0)
    assert parse_listen("[::1]:80") == ("::1", 80)
    assert parse_listen("node1.lab.test:80") == ("node1.lab.test", 80)


def test_ipv6() -> None:
    port = free_port()
    argv = [
        sys.executable,
        "-m",
        "ganeti_gluster_mon",
        "serve",
        "--replay",
        "tests/captures/recorded/healthy",
    ]
    process = subprocess.Popen([*argv, "--listen", f"[::1]:{port}"], stderr=subprocess.PIPE)
    try:
        until = time.monotonic() + LONG
        while True:
            assert time.monotonic() < until
            try:
                client = socket.create_connection(("::1", port), LONG)
                break
            except ConnectionRefusedError:
                time.sleep(0.02)  # nobody announces that a port is listened on
        with client:
            client.sendall(b"GET /1 HTTP/1.0\r\n\r\n")
            assert json.loads(reply(read_all(client)).body) is None
    finally:
        process.terminate()
        assert process.wait(LONG) == 0


def run_serve(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "ganeti_gluster_mon", "serve", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=LONG)
