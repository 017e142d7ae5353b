"""mond behind us: a server that behaves as mond 3.0.2 does, on a real socket."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest

from ganeti_gluster_mon.daemon.web.mond_proxy import MondProxy, MondProxyError
from tests.unit.daemon.web.serving import RENDERED, serving

LISTING = (
    b'[["cpu-avg-load","default",0],["xen-cpu-avg-load","default",0],["diskstats","storage",0],'
    b'["drbd","storage",1],["lv","storage",0]]'
)
LOAD = (
    b'{"name":"cpu-avg-load","version":"B","format_version":1,"timestamp":1795483447123456789,'
    b'"category":null,"kind":0,"data":{"cpu_number":2,"cpus":[0.1,2.0e-2],"cpu_total":0.12}}'
)
LV = (
    b'{"name": "lv",  "version":"B","format_version":1,"timestamp":1,"category":"storage","kind":0,"data":[]}'
)
BROKEN = b"A web handler threw an exception. Details:\n/proc/diskstats: parse error"
OURS = [list(each) for each in RENDERED.reports.listing]

Answers = Dict[str, Tuple[int, bytes]]

#: as on a host whose kernel and DRBD mond cannot read
MOND: Answers = {
    "/1/list/collectors": (200, LISTING),
    "/1/report/default/cpu-avg-load": (200, LOAD),
    "/1/report/default/cpu-avg-load?verbose=1": (200, LOAD),
    "/1/report/default/xen-cpu-avg-load": (500, BROKEN),
    "/1/report/storage/diskstats": (500, BROKEN),
    "/1/report/storage/drbd": (500, BROKEN),
    "/1/report/storage/lv": (200, LV),
    "/1/report/storage/lv?verbose=1": (200, LV),
    "/1/report/all": (500, BROKEN),
}
NOT_THERE = (404, b"Unable to produce a report for the requested resource")


class Mond:
    """Answers from a table, without a content type; does not answer where the table says so."""

    def __init__(self, answers: Answers, hangs: Tuple[str, ...] = (), raw: Optional[bytes] = None) -> None:
        self.requested: List[str] = []
        self._answers = answers
        self._hangs = hangs
        self._raw = raw
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: List[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            with connection.makefile("rb") as file:
                path = file.readline().split()[1].decode()
                while file.readline().strip():
                    pass
            self.requested.append(path)
            if path in self._hangs:
                continue
            status, body = self._answers.get(path, NOT_THERE)
            head = (
                f"HTTP/1.1 {status} Reason of mond\r\nserver: Snap/1.1\r\ncontent-length: {len(body)}\r\n\r\n"
            )
            connection.sendall(self._raw if self._raw is not None else head.encode() + body)
            connection.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._open:
            connection.close()


@contextmanager
def mond(*given: Any, **more: Any) -> Iterator[Mond]:
    made = Mond(*given, **more)
    try:
        yield made
    finally:
        made.close()


def names(array: bytes) -> List[str]:
    return [report["name"] for report in json.loads(array)]


def test_lists_are_merged() -> None:
    with mond(MOND) as behind, serving(front=behind.url) as served:
        assert json.loads(served.ask("/1/list/collectors").body) == json.loads(LISTING) + OURS


def test_ours_win() -> None:
    theirs = b'[["gluster","default",0],["lv","storage",0]]'
    report = {"/1/list/collectors": (200, theirs), "/1/report/storage/gluster": (200, b"{}")}
    with mond({**MOND, **report}) as behind, serving(front=behind.url) as served:
        assert json.loads(served.ask("/1/list/collectors").body) == [["lv", "storage", 0], *OURS]
        own = served.ask("/1/report/storage/gluster").body
        assert own == RENDERED.reports["storage", "gluster"].terse.plain
        assert names(served.ask("/1/report/all").body) == ["lv", *(name for name, *_ in OURS)]
        assert "/1/report/storage/gluster" not in behind.requested


@pytest.mark.parametrize("query", ["", "?verbose=1"])
def test_a_report_is_passed_through(query: str) -> None:
    with mond(MOND) as behind, serving(front=behind.url) as served:
        answer = served.ask(f"/1/report/default/cpu-avg-load{query}")
        assert (answer.status, answer.body) == (200, LOAD)
        assert "content-type" not in answer.headers
        assert behind.requested == [f"/1/report/default/cpu-avg-load{query}"]


def test_what_mond_says_when_it_fails_is_passed_through() -> None:
    with mond(MOND) as behind, serving(front=behind.url) as served:
        for path, expected in (
            ("/1/report/storage/drbd", (500, BROKEN)),
            ("/1/report/a%2Fb/%20c?x=%0d", NOT_THERE),
        ):
            answer = served.ask(path)
            assert (answer.status, answer.body) == expected
            assert behind.requested[-1] == path


def test_a_broken_collector_costs_only_itself() -> None:
    with mond(MOND) as behind, serving(front=behind.url) as served:
        for query in ("", "?verbose=1"):
            answer = served.ask(f"/1/report/all{query}")
            assert answer.status == 200
            assert names(answer.body) == ["cpu-avg-load", "lv", *(name for name, *_ in OURS)]
            assert LOAD in answer.body and LV in answer.body
        assert "/1/report/all" not in behind.requested


def test_before_the_first_snapshot_mond_is_queried() -> None:
    with mond(MOND) as behind, serving(None, front=behind.url) as served:
        assert served.ask("/1/report/default/cpu-avg-load").body == LOAD


def test_the_rest_is_ours() -> None:
    with mond(MOND) as behind, serving(front=behind.url) as served:
        for path in ("/", "/1", "/metrics", "/-/ready", "/nothing", "/1/report", "/1/list"):
            served.ask(path)
        assert behind.requested == []


def test_mond_down(caplog: pytest.LogCaptureFixture) -> None:
    with mond(MOND) as gone:
        pass
    with serving(front=gone.url) as served:
        for _ in range(2):
            assert json.loads(served.ask("/1/list/collectors").body) == OURS
            assert names(served.ask("/1/report/all").body) == [name for name, *_ in OURS]
            answer = served.ask("/1/report/default/cpu-avg-load")
            assert (answer.status, answer.headers["content-type"]) == (502, "text/plain; charset=utf-8")
    assert caplog.text.count("does not answer") == 1


@pytest.mark.slow
def test_mond_hangs() -> None:
    hanging = ("/1/list/collectors", "/1/report/storage/lv")
    with mond(MOND, hanging) as behind, serving(front=behind.url, deadline=0.3) as served:
        assert json.loads(served.ask("/1/list/collectors").body) == OURS
        assert names(served.ask("/1/report/all").body) == [name for name, *_ in OURS]
        assert served.ask("/1/report/storage/lv").status == 502
    with mond(MOND, hanging[1:]) as behind, serving(front=behind.url, deadline=2) as served:
        assert names(served.ask("/1/report/all").body) == ["cpu-avg-load", *(name for name, *_ in OURS)]


def test_many_questions_to_a_mond_that_hangs_do_not_add_up() -> None:
    with mond(MOND, ("/1/report/storage/lv",)) as behind, serving(front=behind.url, deadline=0.5) as served:
        clients = [served.client() for _ in range(100)]
        for client in clients:
            client.send(b"GET /1/report/storage/lv HTTP/1.1\r\n\r\n")
        assert {client.answer().status for client in clients} == {502}
        # They end at one deadline, most without a request to mond.
        assert len(behind.requested) < 50
        for client in clients:
            client.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (5 << 20),
        b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe",
        b'HTTP/1.1 200 OK\r\n\r\n{"a": 1}',
        b'HTTP/1.1 200 OK\r\n\r\n[1, null, ["a"], ["a", "b", "c"], [1, 2, 3], ["a", "b", true]]',
        b"HTTP/1.1 301 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    ],
    ids=lambda raw: raw[:70].decode("latin-1"),
)
def test_nonsense_from_mond_is_left_out(raw: bytes) -> None:
    with mond(MOND, raw=raw) as behind, serving(front=behind.url, deadline=2) as served:
        assert json.loads(served.ask("/1/list/collectors").body) == OURS
        assert names(served.ask("/1/report/all").body) == [name for name, *_ in OURS]
        served.ask("/1/report/storage/lv")
        assert served.ask("/metrics").status == 200


def test_a_redirect_is_not_followed() -> None:
    with mond(MOND) as other:
        head = f"HTTP/1.1 302 Found\r\nlocation: {other.url}/1/report/storage/lv\r\ncontent-length: 0\r\n\r\n"
        with mond(MOND, raw=head.encode()) as behind, serving(front=behind.url) as served:
            assert served.ask("/1/report/storage/lv").status == 302
        assert other.requested == []


def test_a_report_that_is_no_json_would_spoil_the_array() -> None:
    damaged = {"/1/report/storage/lv": (200, b'{"name": "lv"'), "/1/report/storage/drbd": (200, b"")}
    with mond({**MOND, **damaged}) as behind, serving(front=behind.url) as served:
        assert names(served.ask("/1/report/all").body) == ["cpu-avg-load", *(name for name, *_ in OURS)]


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1:1816",
        "http://localhost.evil.test:1816",
        "http://127.0.0.1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:1816/path",
        "http://u:p@127.0.0.1:1816",
        "https://127.0.0.1:1816",
        "127.0.0.1:1816",
        "file:///etc/passwd",
        "",
    ],
)
def test_mond_is_on_this_host(url: str) -> None:
    with pytest.raises(MondProxyError, match="is not where mond can be"):
        MondProxy(url)
