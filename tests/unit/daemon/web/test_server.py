"""Clients that are slow, idle, greedy, broken or too many."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import resource
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import Callable, Iterator, List, Optional

import psutil
import pytest

from ganeti_gluster_mon.daemon.web import server
from ganeti_gluster_mon.daemon.web.base_handler import BaseHandler
from ganeti_gluster_mon.daemon.web.bodies import Body
from ganeti_gluster_mon.daemon.web.connections import BLOCKED_AFTER
from ganeti_gluster_mon.daemon.web.listen import ListenError, parse
from ganeti_gluster_mon.daemon.web.server import ClientLimits
from ganeti_gluster_mon.daemon.web.streams import MOST_PIPELINED
from tests.unit.daemon.web.serving import GENEROUS, RENDERED, Client, Served, serving

LARGE = dataclasses.replace(RENDERED, metrics=Body("text/plain", b"x" * (8 << 20)))


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as served:
        yield served


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for *true*, which no event reports; a minute at most."""
    end = time.monotonic() + GENEROUS
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


def quietly(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing that a client did is worth a line."""
    assert [
        record.getMessage() for record in caplog.records if record.levelname in ("WARNING", "ERROR")
    ] == []


def test_a_head_without_end_is_closed(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    with served.client() as client:
        client.send_until_closed(b"x: y\r\n" * 1000)
    quietly(caplog)


def test_some_requests_in_advance_are_answered_in_their_order(served: Served) -> None:
    paths = [b"/1", b"/", b"/nothing"] * 3
    with served.client() as client:
        client.send(b"".join(b"GET %s HTTP/1.1\r\n\r\n" % path for path in paths[:MOST_PIPELINED]))
        answers = [client.answer().body for _ in range(MOST_PIPELINED)]
        assert answers == [served.ask(path.decode()).body for path in paths[:MOST_PIPELINED]]
        assert client.ask("/1").body == b"null"


def test_a_client_that_sends_very_many_requests_in_advance_is_sent_away(served: Served) -> None:
    with served.client() as client:
        client.send(b"GET /1 HTTP/1.1\r\n\r\n" * 1000)
        assert client.closed()
    assert served.ask("/1").body == b"null"


def test_old_clients(served: Served) -> None:
    with served.client() as client:
        client.send(b"GET /1 HTTP/1.0\r\n\r\n")
        assert client.answer().body == b"null"
        assert client.closed()


def test_a_client_that_has_closed_its_half_is_answered_or_sent_away(served: Served) -> None:
    """tornado takes it for gone as soon as it sees it; what matters is that nothing is left of it."""
    for _ in range(20):
        with served.client() as client:
            client.send(b"GET /metrics HTTP/1.1\r\n\r\n")
            client.socket.shutdown(socket.SHUT_WR)
            try:
                assert client.answer().body == RENDERED.metrics.plain
            except ConnectionError:
                continue
            assert client.closed()
    wait_until(lambda: served.server.connections == 0)


def test_a_client_that_goes_in_the_middle(caplog: pytest.LogCaptureFixture) -> None:
    with serving(LARGE) as served:
        for sent in (
            b"",
            b"GET /met",
            b"GET /metrics HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n1",
        ):
            with served.client() as client:
                client.send(sent)
        wait_until(lambda: served.server.connections == 0)
        assert served.ask("/1").body == b"null"
    quietly(caplog)


def test_a_client_that_sends_nothing_is_disconnected() -> None:
    with serving(limits=ClientLimits(idle_timeout=0.2)) as served:
        with served.client() as silent, served.client() as slow, served.client() as done:
            assert done.ask("/1").body == b"null"
            slow.send(b"GET / HTTP/1.1\r\nx")
            for client in (silent, slow, done):
                assert client.closed()
        wait_until(lambda: served.server.connections == 0)


def test_a_client_that_does_not_read_its_response_is_disconnected(caplog: pytest.LogCaptureFixture) -> None:
    with serving(LARGE, limits=ClientLimits(response_timeout=0.5)) as served, served.client() as greedy:
        # More of them than any buffer holds: not one after the other is answered, but none.
        greedy.send(b"GET /metrics HTTP/1.1\r\n\r\n" * 100)
        assert greedy.socket.recv(10)
        wait_until(lambda: served.server.connections == 0)
        assert served.ask("/1").body == b"null"
    quietly(caplog)


def test_slow_readers_share_one_body() -> None:
    process = psutil.Process()
    with serving(LARGE) as served:
        readers = [served.client() for _ in range(50)]
        before = process.memory_info().rss
        for reader in readers:
            reader.send(b"GET /metrics HTTP/1.1\r\n\r\n")
        heads = [reader.socket.recv(1000) for reader in readers]
        assert all(head.startswith(b"HTTP/1.1 200 OK\r\n") for head in heads)
        grown = process.memory_info().rss - before
        for reader in readers:
            reader.close()
    assert grown < 10 * len(LARGE.metrics.plain)  # 50 copies would be fifty times


@pytest.mark.slow
def test_a_thousand_idle_connections_are_no_matter() -> None:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, files[1]), files[1]))
    clients: List[Client] = []
    try:
        with serving() as served:
            try:
                for _ in range(1000):
                    clients.append(served.client())
                wait_until(lambda: served.server.connections == 1000)
                process = psutil.Process()
                before = sum(process.cpu_times()[:2])
                began = time.monotonic()
                for _ in range(100):
                    assert served.ask("/metrics").status == 200
                wait_until(lambda: time.monotonic() - began > 1)
                assert sum(process.cpu_times()[:2]) - before < 0.9 * (time.monotonic() - began)
                assert clients[0].ask("/1").body == clients[-1].ask("/1").body == b"null"
            finally:
                for client in clients:
                    client.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, files)


def test_when_it_is_crowded_the_longest_idle_goes() -> None:
    with serving(limits=ClientLimits(connections=3)) as served:
        clients = [served.client() for _ in range(3)]
        for client in clients:
            assert client.ask("/1").body == b"null"
        clients[0].ask("/1")  # now the second has been idle longest
        with served.client() as newcomer:
            assert newcomer.ask("/1").body == b"null"
            assert clients[1].closed()
            assert clients[0].ask("/1").body == clients[2].ask("/1").body == b"null"
        for client in clients:
            client.close()


def blocked(served: Served) -> Client:
    """A client with an answer that it does not read."""
    client = served.client()
    client.send(b"GET /metrics HTTP/1.1\r\n\r\n")
    assert client.socket.recv(10)
    return client


def test_when_it_is_crowded_the_longest_blocked_goes() -> None:
    with serving(LARGE, limits=ClientLimits(connections=3)) as served:
        idle = served.client()
        assert idle.ask("/1").body == b"null"
        clients = [blocked(served), blocked(served)]
        time.sleep(BLOCKED_AFTER)  # what makes them blocked is the time
        with served.client() as newcomer:
            assert newcomer.ask("/1").body == b"null"
            assert idle.ask("/1").body == b"null"
            assert clients[0].closed()
        for client in (idle, *clients):
            client.close()


def test_clients_that_do_not_read_do_not_lock_out_others() -> None:
    """Twice as many as there are places, and each that is closed comes again."""
    with serving(LARGE, limits=ClientLimits(connections=20)) as served:
        flood = [blocked(served) for _ in range(20)]
        for _ in range(40):
            flood.append(served.client())
            flood[-1].send(b"GET /metrics HTTP/1.1\r\n\r\n")
            with served.client() as good:
                assert good.ask("/1").body == b"null"
        for client in flood:
            client.close()


def test_an_address_with_few_connections_keeps_them() -> None:
    with serving(limits=ClientLimits(connections=10)) as served:
        prometheus = Client(served.address, source="127.0.0.9")
        assert prometheus.ask("/1").body == b"null"
        others = [served.client() for _ in range(30)]
        others[-1].ask("/1")
        assert prometheus.ask("/1").body == b"null", (
            "it had been idle longest, and is the only one of its address"
        )
        for client in (prometheus, *others):
            client.close()


@contextmanager
def crowd(order: List[str], limits: Optional[ClientLimits] = None) -> Iterator[Callable[..., Client]]:
    """A function for clients that all come before the server looks, in the order of the calls.

    At the end of the block the server looks.  Each client requests /order/NAME, several times in advance with *times*;
    *order* gets the names as they are answered.
    """

    class Order(BaseHandler):
        async def get(self, *parts: str) -> None:
            order.append(parts[0])
            self.send_line(200, parts[0])

    looks = threading.Event()
    clients: List[Client] = []
    with serving(handlers=[(r"/order/(.*)", Order, {})], limits=limits) as served:

        def come(name: str, times: int = 1, source: str = "127.0.0.1") -> Client:
            clients.append(Client(served.address, source=source))
            clients[-1].send(f"GET /order/{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * times)
            return clients[-1]

        busy = threading.Thread(target=served.loop.call, args=(lambda: looks.wait(GENEROUS),))
        busy.start()
        try:
            yield come
        finally:
            looks.set()
            busy.join()
            for client in clients:
                with suppress(ConnectionError):
                    client.socket.recv(1)  # answered, or closed
            for client in clients:
                client.close()


def test_requests_in_advance_wait_for_those_of_other_clients() -> None:
    order: List[str] = []
    with crowd(order) as come:
        for _ in range(200):
            come("pipelining", 5)
        come("good")
    assert order.index("good") < 5, order[:50]
    assert "pipelining" in order


def test_each_address_has_its_turn() -> None:
    """The clients of one address do not delay that of another, in whatever order they come."""
    order: List[str] = []
    with crowd(order) as come:
        for _ in range(100):
            come("flood")
        come("good", source="127.0.0.9")
        for _ in range(100):
            come("flood")
    assert order.index("good") < 5, order[:50]


def test_clients_without_a_request_displace_no_other_client() -> None:
    with serving(limits=ClientLimits(connections=3)) as served:
        clients = [served.client() for _ in range(3)]
        for client in clients:
            assert client.ask("/1").body == b"null"
        silent = [served.client() for _ in range(20)]
        gone = served.client()
        gone.close()
        for client in clients:
            assert client.ask("/1").body == b"null"
        # It has one as soon as it asks for something, also after a while.
        assert silent[7].ask("/1").body == b"null"
        assert silent[0].ask("/1").body == b"null"
        wait_until(lambda: waiting(served) == 18)
        before, began = time.process_time(), time.monotonic()
        wait_until(lambda: time.monotonic() - began > 1)
        assert time.process_time() - before < 0.5 * (time.monotonic() - began)
        for client in (*clients, *silent):
            client.close()
        wait_until(lambda: waiting(served) == 0)
        wait_until(lambda: served.server.connections == 0)


def waiting(served: Served) -> int:
    """How many connections wait to be served for the first time."""
    return served.loop.call(lambda: len(served.server._newcomers))


def test_more_newcomers_than_can_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection that has waited longest is closed, of the address with the most."""
    monkeypatch.setattr(server, "_MOST_WAITING", 10)
    order: List[str] = []
    with crowd(order, ClientLimits(connections=30)) as come:
        come("good", source="127.0.0.9")
        for number in range(60):
            come(f"flood-{number}")
    assert "good" in order and "flood-59" in order
    assert not set(order) & {f"flood-{number}" for number in range(21)}


def test_out_of_files(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Without free descriptors the server uses no processor, recovers, and logs it once."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    waiting = socket.socket()
    waiting.settimeout(GENEROUS)
    try:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (max(int(fd) for fd in os.listdir("/proc/self/fd")) + 1, limits[1])
        )
        fillers = []
        try:
            while True:
                fillers.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
        waiting.connect(served.address)
        wait_until(lambda: "no connection can be taken: Too many open files" in caplog.text)
        before, began = time.process_time(), time.monotonic()
        wait_until(lambda: time.monotonic() - began > 1)
        assert time.process_time() - before < 0.5 * (time.monotonic() - began)
        for filler in fillers:
            os.close(filler)
        waiting.sendall(b"GET /1 HTTP/1.0\r\n\r\n")
        answer = b""
        while not answer.endswith(b"null"):
            got = waiting.recv(1000)
            assert got
            answer += got
    finally:
        waiting.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert caplog.text.count("no connection can be taken") == 1


def test_stopping_completes_responses_that_have_begun() -> None:
    with serving(LARGE) as served, served.client() as idle, served.client() as busy:
        idle.ask("/1")
        busy.send(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert busy.socket.recv(1, socket.MSG_PEEK)

        async def stop_and_take() -> None:
            stopping = asyncio.ensure_future(served.server.stop(timeout=GENEROUS))
            taken = await asyncio.get_running_loop().run_in_executor(None, busy.answer)
            assert taken.body == LARGE.metrics.plain
            await stopping

        served.loop.run(stop_and_take())
        assert idle.closed() and busy.closed()
        with pytest.raises(ConnectionRefusedError):
            served.client()


def test_stopping_does_not_wait_for_clients_that_do_not_read() -> None:
    with serving(LARGE) as served, served.client() as greedy:
        greedy.send(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert greedy.socket.recv(10)
        served.loop.run(served.server.stop(timeout=0.1))
        assert served.server.connections == 0
        assert greedy.closed()


def test_stopping_without_clients_takes_no_time(served: Served) -> None:
    with served.client() as idle:
        idle.ask("/1")
        served.loop.run(served.server.stop(timeout=10 * GENEROUS))  # the loop would give up before
        assert idle.closed()


@pytest.mark.parametrize(
    ("where", "host", "port"),
    [
        ("127.0.0.1:1816", "127.0.0.1", 1816),
        ("[::1]:1816", "::1", 1816),
        ("[::]:0", "::", 0),
        (":1815", "", 1815),
        ("node1.lab.test:1", "node1.lab.test", 1),
    ],
)
def test_where_to_listen(where: str, host: str, port: int) -> None:
    assert parse(where) == (host, port)


@pytest.mark.parametrize(
    "where", ["", "1816", "::1:1816", "[::1]", "127.0.0.1:", ":65536", ":-1", ":x", ":١", "[::1:1"]
)
def test_where_it_cannot_be_listened(where: str) -> None:
    with pytest.raises(ListenError, match=r"is no ADDR:PORT") as raised:
        parse(where)
    assert "\n" not in str(raised.value)


def test_all_addresses_and_ipv6() -> None:
    with serving(listen=":0") as served:
        port = served.address[1]
        assert {address for address, _ in served.server.addresses} <= {"0.0.0.0", "::"}
        with Client(("127.0.0.1", port)) as client:
            assert client.ask("/1").body == b"null"
        if len(served.server.addresses) == 2:
            with Client(("::1", served.server.addresses[1][1])) as client:
                assert client.ask("/1").body == b"null"


def test_a_port_that_is_taken(served: Served) -> None:
    address, port = served.address
    with pytest.raises(ListenError, match=f"cannot listen on {address}:{port}: Address already in use"):
        served.loop.call(lambda: served.server.listen(f"{address}:{port}"))


def test_a_host_that_is_none(served: Served) -> None:
    for host in ("no.such.host.invalid", "x" * 300):
        with pytest.raises(ListenError, match="cannot listen on"):
            served.loop.call(lambda host=host: served.server.listen(f"{host}:1"))  # type: ignore[misc]


def test_it_never_takes_more_than_there_are_files() -> None:
    files, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        with serving() as served:
            clients = [served.client() for _ in range(20)]
            assert served.server.most_connections == 119
            for client in clients:
                client.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
