"""What a node accepts as the reply of another one."""

from __future__ import annotations

import asyncio
import json
import resource
import time
import zlib
from contextlib import asynccontextmanager, suppress
from typing import AsyncIterator, Callable, Dict, List

import pytest

from ganeti_gluster_mon.daemon.cluster import signing
from ganeti_gluster_mon.daemon.cluster.exchange import (
    CHALLENGE,
    NONCE,
    OTHER_CHALLENGE,
    Challenges,
)
from ganeti_gluster_mon.daemon.cluster.peer_client import PeerError
from ganeti_gluster_mon.daemon.spool import boottime
from tests.unit.daemon.cluster.peer_nodes import GENEROUS, HEAD, HOSTS, KEY, asking, http, node, run
from tests.unit.gluster.test_merge import NODE1


def test_a_client_whose_challenge_is_void_tries_again_by_itself() -> None:
    async def work() -> None:
        async with node(NODE1) as there, asking(there.port) as peers:
            assert (await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS)).leads
            there.exchange.challenges = Challenges()
            assert (await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS)).leads

    run(work())


def test_a_peer_that_accepts_no_challenge_is_given_up() -> None:
    async def work() -> None:
        requests: List[str] = []

        def never(headers: Dict[str, str]) -> bytes:
            requests.append(headers["uri"])
            body = f"{OTHER_CHALLENGE}\n".encode()
            return (
                f"HTTP/1.1 403 Forbidden\r\n{CHALLENGE}: {signing.nonce()}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            ).encode() + body

        async with answering(never) as port, asking(port) as peers:
            with pytest.raises(PeerError):
                await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS)
        assert len(requests) == 2

    run(work())


@asynccontextmanager
async def answering(make: Callable[[Dict[str, str]], bytes]) -> AsyncIterator[int]:
    """A stranger on node 1's address; *make* gives its whole answer by the request's headers and uri."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.title(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        headers["uri"] = lines[0].split()[1]
        with suppress(ConnectionError):
            writer.write(make(headers))
            await writer.drain()
            writer.close()

    server = await asyncio.start_server(answer, HOSTS[NODE1], 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def test_an_answer_to_another_question_is_not_believed() -> None:
    async def work() -> None:
        recorded: List[bytes] = []

        def replayed(headers: Dict[str, str]) -> bytes:
            if not recorded:
                recorded.append(
                    http(HEAD, signing.sign_response(KEY, headers["uri"], headers[NONCE.title()], HEAD))
                )
            return recorded[0]

        async with answering(replayed) as port, asking(port) as peers:
            assert (await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS)).leads
            with pytest.raises(PeerError, match="not signed"):
                await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS)

    run(work())


def with_field(name: str, value: str) -> bytes:
    """HEAD with another JSON value, as text, in the field *name*."""
    fields = json.loads(HEAD)
    fields[name] = "\0"
    return json.dumps(fields).replace(json.dumps("\0"), value).encode("utf-8") + b"\n"


MALFORMED = {
    "empty": b"",
    "list": b"[]\n",
    "no fields": b"{}\n",
    "deep": b'{"age":' + b"[" * 100_000 + b"\n",
    "another field": HEAD.replace(b'"held"', b'"hold"'),
    "long": b'{"more":"' + b"x" * 40_000 + b'",' + HEAD[1:],
    "not UTF-8": HEAD.replace(b"true", b"\xff"),
    **{
        f"{name} {value[:20]}": with_field(name, value)
        for name in ("age", "held")
        for value in (
            *("-1", "-1e-9", "1e300", "1e10", "NaN", "Infinity", "-Infinity", "true", "null"),
            *('"1"', "[]", "1" + 400 * "0", "9" * 4000, "9" * 5000),
        )
    },
    **{
        f"{name} {value[:20]}": with_field(name, value)
        for name in ("eligible", "leads", "nudged")
        for value in ("1", "0", '"true"', "null", "[]")
    },
    **{
        f"uuid {value[:20]}": with_field("uuid", value)
        for value in ("1", "[1]", '"u"', '""', '"' + NODE1.upper() + '"', '"' + NODE1 + '\\n"', '"\\ud800"')
    },
    **{
        f"sequence {value[:20]}": with_field("sequence", value)
        for value in (
            "null",
            "1",
            '"s"',
            '"\\ud800"',
            '"\\u0000\\r\\nX: y"',
            '"0123456789abcdef-"',
            '"' + "x" * 3000 + '"',
        )
    },
}


@pytest.mark.parametrize("head", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_reply_is_refused_though_it_is_signed(head: bytes) -> None:
    async def work() -> None:
        def signed(headers: Dict[str, str]) -> bytes:
            return http(head, signing.sign_response(KEY, headers["uri"], headers[NONCE.title()], head))

        async with answering(signed) as port, asking(port) as peers:
            with pytest.raises(PeerError, match="malformed or of another version"):
                await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS)

    run(work())


def test_an_unsigned_reply_is_not_decompressed() -> None:
    """One megabyte of it would be a gigabyte of memory."""
    unpacked = 256 << 20
    stream = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join([*(stream.compress(bytes(1 << 20)) for _ in range(unpacked >> 20)), stream.flush()])
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()

    async def work() -> None:
        async with answering(lambda headers: head + bomb) as port, asking(port) as peers:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            with pytest.raises(PeerError, match="not signed"):
                await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS)
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            assert grown << 10 < unpacked // 8

    run(work())


@pytest.mark.parametrize(
    "answer",
    [b"", b"nonsense", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"\xff" * 70_000],
    ids=["nothing", "nonsense", "too-long", "endless-head"],
)
def test_what_is_no_answer_is_refused(answer: bytes) -> None:
    async def work() -> None:
        async with answering(lambda headers: answer) as port, asking(port) as peers:
            with pytest.raises(PeerError):
                await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS)

    run(work())


def test_a_peer_that_does_not_answer_is_not_waited_for() -> None:
    async def work() -> None:
        async def mute(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await reader.read()

        server = await asyncio.start_server(mute, HOSTS[NODE1], 0)
        async with asking(server.sockets[0].getsockname()[1]) as peers:
            began = time.monotonic()
            with pytest.raises(PeerError):
                await peers.request(HOSTS[NODE1], NODE1, KEY, 0.2, wait=0.2)
            assert time.monotonic() - began < GENEROUS / 3
        server.close()

    run(work())


def test_an_answer_that_was_delayed_is_older_not_younger() -> None:
    async def work() -> None:
        def late(headers: Dict[str, str]) -> bytes:
            time.sleep(0.3)  # the delay is what is tested
            return http(HEAD, signing.sign_response(KEY, headers["uri"], headers[NONCE.title()], HEAD))

        async with answering(late) as port, asking(port) as peers:
            reply = await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS)
            assert boottime() - reply.boottime >= 1.3e9

    run(work())


def test_more_bricks_are_named_than_a_request_holds() -> None:
    async def work() -> None:
        async with node(NODE1) as there, asking(there.port) as peers:
            bricks = [f"node2:/{number:02}{'é' * 60}" for number in range(90)]
            after = there.exchange.sequence
            reply = await peers.request(
                HOSTS[NODE1], NODE1, KEY, GENEROUS, after=after, nudge=True, bricks=bricks
            )
            assert reply.nudged
            assert len(there.nudges[0]) >= 5
            assert there.nudges[0] == tuple(bricks[: len(there.nudges[0])])

    run(work())
