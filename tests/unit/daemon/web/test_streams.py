"""Requests that a client has sent before it was served, and those that it sends in advance."""

from __future__ import annotations

import asyncio
import socket
from typing import Iterator, List, Tuple

import pytest
from tornado.iostream import StreamClosedError

from ganeti_gluster_mon.daemon.web import streams

REQUEST = b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
Pair = Tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    server, client = socket.socketpair()
    with server, client:
        yield server, client


@pytest.mark.parametrize(
    ("sent", "is_encrypted", "count"),
    [
        (b"", False, 0),
        (REQUEST[:-1], False, 0),
        (REQUEST[:-1], True, 1),
        (REQUEST, False, 1),
        (b"GET / HTTP/1.0\n\n", False, 1),
        (REQUEST + b"G", False, 2),
        (REQUEST * 9, False, 2),
        (b"x" * 4096, False, 1),
        (b"x" * 4095, False, 0),
    ],
)
def test_requests_that_are_sent_are_counted_and_not_read(
    pair: Pair, sent: bytes, is_encrypted: bool, count: int
) -> None:
    server, client = pair
    client.sendall(sent)
    assert streams.requests_sent(server, is_encrypted) == count
    if sent:
        assert server.recv(len(sent) + 1) == sent


def test_a_client_that_has_gone(pair: Pair) -> None:
    server, client = pair
    client.close()
    assert streams.requests_sent(server, False) is None


async def heads(stream: streams.PlainStream, number: int) -> List[bytes]:
    return [await stream.read_until_regex(rb"\r?\n\r?\n") for _ in range(number)]


def test_requests_in_advance_wait_for_their_turn(pair: Pair) -> None:
    server, client = pair
    client.sendall(REQUEST * 3)

    async def read() -> None:
        stream = streams.plain(server)
        waiting: List[streams.PipelinedRequest] = []
        stream.wait_for_turn = waiting.append
        # The first request comes at once.
        assert await stream.read_until_regex(rb"\r?\n\r?\n") == REQUEST
        second = asyncio.ensure_future(heads(stream, 1))
        await asyncio.sleep(0)
        assert len(waiting) == 1 and not second.done()
        waiting[0].read()
        assert await second == [REQUEST]
        third = asyncio.ensure_future(heads(stream, 1))
        await asyncio.sleep(0)
        stream.close()
        waiting[1].read()
        with pytest.raises(StreamClosedError):
            await third

    asyncio.run(read())


def test_a_task_that_was_cancelled_gets_no_request(pair: Pair) -> None:
    server, client = pair
    client.sendall(REQUEST)

    async def read() -> None:
        request = streams.PipelinedRequest(streams.plain(server), REQUEST)
        request.future.cancel()
        request.read()
        assert request.future.cancelled()

    asyncio.run(read())


@pytest.mark.parametrize(
    ("in_advance", "closed"), [(streams.MOST_PIPELINED, False), (streams.MOST_PIPELINED + 1, True)]
)
def test_too_many_requests_in_advance_close_the_connection(pair: Pair, in_advance: int, closed: bool) -> None:
    server, client = pair
    client.sendall(REQUEST * (1 + in_advance))

    async def read() -> bool:
        stream = streams.plain(server)
        stream.wait_for_turn = streams.PipelinedRequest.read
        await heads(stream, 1 + in_advance)
        return stream.closed()

    assert asyncio.run(read()) is closed
