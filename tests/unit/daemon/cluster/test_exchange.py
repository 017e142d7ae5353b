"""Nodes that talk to each other over real sockets, each on a loopback address of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, AsyncIterator, Callable, Coroutine, Dict, List, Optional, Sequence, Tuple

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from ganeti_gluster_mon.daemon import spool
from ganeti_gluster_mon.daemon.cluster import secret, signing
from ganeti_gluster_mon.daemon.cluster.exchange import (
    CHALLENGE,
    CHALLENGE_LASTS,
    NONCE,
    OTHER_CHALLENGE,
    PATH,
    SIGNATURE,
    Challenges,
    Exchange,
    NodeState,
)
from ganeti_gluster_mon.daemon.cluster.exchange_timing import ExchangeTiming
from ganeti_gluster_mon.daemon.cluster.follower import Follower
from ganeti_gluster_mon.daemon.cluster.peer_client import PeerClient, PeerError
from ganeti_gluster_mon.daemon.spool import Spool, boottime
from ganeti_gluster_mon.daemon.web.auth import Authenticator
from ganeti_gluster_mon.daemon.web.content import CurrentContent
from ganeti_gluster_mon.daemon.web.exchange_handler import ExchangeHandler
from ganeti_gluster_mon.daemon.web.handlers import application
from ganeti_gluster_mon.daemon.web.server import HttpServer
from ganeti_gluster_mon.gluster import capture, capture_archive
from ganeti_gluster_mon.mutes import Mute, Mutes
from tests.unit.gluster.test_merge import NOBODY, NODE1, NODE2, RECORDED

KEY = signing.derived(b"what all nodes of the cluster know")
GENEROUS = 30.0
#: seconds; its deadlines and beats are the shortest there are
INTERVAL = 2.0
HOSTS = {NODE1: "127.0.0.2", NODE2: "127.0.0.3"}


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, GENEROUS))


@dataclass
class Node:
    """The part of a daemon that talks to the others."""

    exchange: Exchange
    server: HttpServer
    port: int
    nudges: List[Tuple[str, ...]]


@asynccontextmanager
async def node(uuid: str, port: int = 0, key: Optional[bytes] = KEY) -> AsyncIterator[Node]:
    nudges: List[Tuple[str, ...]] = []
    exchange = Exchange(GENEROUS, lambda bricks: nudges.append(tuple(bricks)))
    exchange.key = key
    authenticator = Authenticator(None)
    handlers = [(PATH, ExchangeHandler, {"exchange": exchange})]
    server = HttpServer(
        application(CurrentContent(), None, handlers, authenticator=authenticator), authenticator
    )
    server.listen(f"{HOSTS[uuid]}:{port}")
    exchange.set_state(leading(uuid))
    try:
        yield Node(exchange, server, server.addresses[0][1], nudges)
    finally:
        exchange.end()
        await server.stop(0.0)
        authenticator.close()


def leading(uuid: str, **more: Any) -> NodeState:
    name = "healthy" if uuid == NODE1 else "healthy-node2"
    packed = capture_archive.pack(capture.read(str(RECORDED / name)))
    state = NodeState(uuid, answered=True, leads=True, boottime=boottime(), archive=packed)
    return replace(state, **more)


@asynccontextmanager
async def asking(port: int) -> AsyncIterator[PeerClient]:
    peers = PeerClient(port, lambda: False)
    try:
        yield peers
    finally:
        peers.close()


def test_a_leader_tells_what_it_has() -> None:
    async def work() -> None:
        async with node(NODE1) as there, asking(there.port) as peers:
            told = await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS)
            assert (told.uuid, told.eligible, told.leads, told.nudged) == (NODE1, True, True, False)
            assert told.sequence == there.exchange.sequence
            assert capture_archive.unpack(told.archive).node == "node1.lab.test"
            assert 0 <= boottime() - told.boottime < GENEROUS * 1e9
            again = await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS, after=told.sequence)
            assert (again.sequence, again.archive) == (told.sequence, b"")

    run(work())


def test_who_does_not_lead_tells_only_that() -> None:
    async def work() -> None:
        async with node(NODE1) as there, asking(there.port) as peers:
            there.exchange.set_state(leading(NODE1, leads=False))
            told = await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS)
            assert (told.eligible, told.leads, told.archive) == (True, False, b"")
            there.exchange.set_state(leading(NODE1, boottime=boottime() - round(2e9 * GENEROUS)))
            told = await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS)
            assert (told.eligible, told.leads, told.archive) == (False, False, b""), "what it has is too old"

    run(work())


def test_who_waits_hears_at_once_of_what_is_new() -> None:
    async def work() -> None:
        async with node(NODE1) as there, asking(there.port) as peers:
            after = there.exchange.sequence
            waiting = asyncio.ensure_future(
                peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS, after=after, wait=GENEROUS)
            )
            while not there.exchange.held:
                await asyncio.sleep(0.01)
            assert not waiting.done()
            there.exchange.set_state(leading(NODE1))
            told = await waiting
            assert told.sequence != after
            assert told.archive
            # Its age is not made older by the time for which the answer was held back.
            assert boottime() - told.boottime < 5e9
            waiting = asyncio.ensure_future(
                peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS, after=told.sequence, wait=GENEROUS)
            )
            while not there.exchange.held:
                await asyncio.sleep(0.01)
            there.exchange.end()
            told = await waiting
            assert (told.eligible, told.leads) == (False, False), "who leaves says so at once"

    run(work())


def test_a_nudge_counts_once_there_is_nothing_newer() -> None:
    async def work() -> None:
        async with node(NODE1) as there, asking(there.port) as peers:
            old = there.exchange.sequence
            told = await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS, after=old, nudge=True)
            assert told.nudged
            there.exchange.set_state(leading(NODE1))
            told = await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS, after=old, nudge=True)
            assert not told.nudged
            assert len(there.nudges) == 1

    run(work())


def test_another_secret_and_none() -> None:
    async def work() -> None:
        async with node(NODE1) as there, asking(there.port) as peers:
            with pytest.raises(PeerError, match="not by the cluster's secret"):
                await peers.request(HOSTS[NODE1], NODE1, signing.derived(b"another"), GENEROUS)
            there.exchange.key = None
            with pytest.raises(PeerError, match="has no secret"):
                await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS)
        async with asking(there.port) as peers:
            with pytest.raises(PeerError, match="refused"):
                await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS)

    run(work())


def signed_headers(there: Node, uri: str, receiver: str = NODE1) -> Dict[str, str]:
    nonce, challenge = signing.nonce(), there.exchange.challenges.current
    signature = signing.sign_request(KEY, uri, nonce, receiver, challenge)
    return {NONCE: nonce, CHALLENGE: challenge, SIGNATURE: signature}


def test_a_recorded_request_is_refused_while_it_is_answered_and_after() -> None:
    async def work() -> None:
        async with node(NODE1) as there:
            uri = f"{PATH}?after={there.exchange.sequence}&wait={GENEROUS}"
            headers = signed_headers(there, uri)
            client = AsyncHTTPClient(force_instance=True)
            url = f"http://{HOSTS[NODE1]}:{there.port}{uri}"
            first = asyncio.ensure_future(client.fetch(url, headers=headers))
            while not there.exchange.held:
                await asyncio.sleep(0.01)
            with pytest.raises(HTTPClientError, match="403"):
                await client.fetch(url, headers=headers)
            there.exchange.set_state(leading(NODE1))
            assert (await first).code == 200
            assert not there.exchange.held
            with pytest.raises(HTTPClientError, match="403"):
                await client.fetch(url, headers=headers)
            client.close()

    run(work())


def test_a_recorded_request_is_refused_by_another_node_and_by_another_process() -> None:
    async def work() -> None:
        async with node(NODE1) as first, node(NODE1) as restarted:
            uri = f"{PATH}?after=&wait=0"
            client = AsyncHTTPClient(force_instance=True)
            headers = signed_headers(first, uri)
            with pytest.raises(HTTPClientError) as refusal:
                await client.fetch(f"http://{HOSTS[NODE1]}:{restarted.port}{uri}", headers=headers)
            assert refusal.value.response is not None
            assert refusal.value.response.body.decode().strip() == OTHER_CHALLENGE
            for_another = signed_headers(first, uri, receiver=NODE2)
            with pytest.raises(HTTPClientError) as refusal:
                await client.fetch(f"http://{HOSTS[NODE1]}:{first.port}{uri}", headers=for_another)
            assert refusal.value.response is not None
            assert b"for another node" in refusal.value.response.body
            client.close()

    run(work())


def test_a_challenge_is_accepted_for_two_spans_and_no_longer() -> None:
    now = 0.0
    challenges = Challenges(lambda: now)
    first = challenges.current
    assert challenges.use(first, "a") and not challenges.use(first, "a")
    now = CHALLENGE_LASTS
    second = challenges.current
    assert second != first
    assert challenges.accepts(first) and challenges.accepts(second)
    assert not challenges.use(first, "a"), "its nonces are remembered as long as it is accepted"
    now = 2 * CHALLENGE_LASTS
    assert not challenges.accepts(first) and challenges.accepts(second)
    now = 10 * CHALLENGE_LASTS
    assert not challenges.accepts(second)
    assert not challenges.accepts("")


def test_the_memory_for_nonces_is_bounded() -> None:
    challenges = Challenges(lambda: 0.0)
    for number in range(50_000):
        assert challenges.use(challenges.current, str(number))
    assert sum(map(len, challenges._nonces.values())) <= 20_000


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


def http(body: bytes, signature: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\n{SIGNATURE}: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


HEAD = (
    b'{"uuid":"%s","eligible":true,"leads":true,"sequence":"0123456789abcdef-1","age":1.0,"held":0.0,"nudged":false}\n'
    % NODE1.encode()
)


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


def test_one_who_says_nothing_is_not_waited_for() -> None:
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
            told = await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS)
            assert boottime() - told.boottime >= 1.3e9

    run(work())


# --- follower -------------------------------------------------------------------------------------


@asynccontextmanager
async def follower(of: Node, directory: Path, hosts: Dict[str, str]) -> AsyncIterator[Follower]:
    """Node 2 among *hosts*, all on one port; it says what it does in *directory*."""
    place = Spool(str(directory))
    place.prepare()
    exchange = of.exchange
    peers = PeerClient(of.port, lambda: False)
    with ThreadPoolExecutor(1) as aside:
        mine = Follower(exchange, peers, place, INTERVAL, aside, lambda: None)
        running = asyncio.ensure_future(mine.run())
        mine.update(hosts, event=False)
        try:
            yield mine
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            peers.close()


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def test_it_follows_the_one_that_leads_and_leads_when_it_has_gone(tmp_path: Path) -> None:
    place = Spool(str(tmp_path))

    async def work() -> None:
        async with node(NODE2) as here, follower(here, tmp_path, {NODE1: HOSTS[NODE1]}) as mine:
            await until(lambda: place.role() == spool.LEAD)
            async with node(NODE1, here.port) as there:
                await until(lambda: place.role() == spool.FOLLOW)
                await until(lambda: mine.followed)
                assert mine.followed is not None
                assert mine.followed.capture.node == "node1.lab.test"
                assert mine.leader == NODE1
                taken = mine.followed.boottime
                there.exchange.set_state(leading(NODE1))
                await until(lambda: mine.followed and mine.followed.boottime > taken)
                mine.update({NODE1: HOSTS[NODE1]}, event=True)
                await until(lambda: there.nudges)
                mine.nudge_leader(["node2:/b c", "node2:/b&brick=d"])
                await until(lambda: there.nudges[-1] == ("node2:/b c", "node2:/b&brick=d"))
            await until(lambda: place.role() == spool.LEAD)
            assert mine.followed is not None, "what is known goes on being known, with its age"
            here.exchange.key = None
            mine.update(None, event=False)
            await until(lambda: place.role() == spool.ALONE)

    run(work())


def test_a_leader_whose_glusterd_is_silent_is_left_at_once(tmp_path: Path) -> None:
    """Its request is held back for longer than this test lasts: nothing but the probe tells."""
    place = Spool(str(tmp_path))

    async def work() -> None:
        known = {NODE1: HOSTS[NODE1]}
        async with (
            node(NODE2) as here,
            node(NODE1, here.port) as there,
            follower(here, tmp_path, known) as mine,
        ):
            await until(lambda: there.exchange.held)
            assert mine.leader == NODE1
            began = time.monotonic()
            mine.update(None, event=False, silent=[HOSTS[NODE1]])
            await until(lambda: place.role() == spool.LEAD)
            assert time.monotonic() - began < INTERVAL / 2
            mine.update(None, event=False, silent=[])
            await until(lambda: place.role() == spool.FOLLOW)

    run(work())


def test_a_mute_reaches_the_leader_and_the_follower(tmp_path: Path) -> None:
    def kept(of: Node, received: List[int]) -> None:
        async def take(sent: Sequence[Mute]) -> None:
            received.append(len(sent))
            of.exchange.set_mutes(of.exchange.mutes.merged(sent, time.time()))

        of.exchange.on_mutes = take

    async def work() -> None:
        now = time.time()
        known = {NODE1: HOSTS[NODE1]}
        here_received: List[int] = []
        there_received: List[int] = []
        async with node(NODE2) as here, node(NODE1, here.port) as there:
            kept(here, here_received)
            kept(there, there_received)
            async with follower(here, tmp_path, known):
                await until(lambda: there.exchange.held)
                there.exchange.set_mutes(Mutes({("A_B", ""): Mute("A_B", "", now + 60, now)}))
                await until(lambda: ("A_B", "") in here.exchange.mutes.entries)
                mine = Mute("C_D", "gv0", now + 60, now)
                here.exchange.set_mutes(here.exchange.mutes.merged([mine], now))
                await until(lambda: there.exchange.mutes == here.exchange.mutes)
                assert set(there.exchange.mutes.entries) == {("A_B", ""), ("C_D", "gv0")}
                await until(lambda: there.exchange.held)
                rounds = len(here_received)
                await asyncio.sleep(INTERVAL)
                assert len(here_received) == rounds, "once both know the same, nothing is sent"

    run(work())


def test_more_bricks_are_named_than_a_request_holds() -> None:
    async def work() -> None:
        async with node(NODE1) as there, asking(there.port) as peers:
            bricks = [f"node2:/{number:02}{'é' * 60}" for number in range(90)]
            after = there.exchange.sequence
            told = await peers.request(
                HOSTS[NODE1], NODE1, KEY, GENEROUS, after=after, nudge=True, bricks=bricks
            )
            assert told.nudged
            assert len(there.nudges[0]) >= 5
            assert there.nudges[0] == tuple(bricks[: len(there.nudges[0])])

    run(work())


def test_what_cannot_be_believed_is_refused_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = Spool(str(tmp_path))
    bad = {
        "of a pool that this node is not in": leading(NODE1),
        "cannot be unpacked": leading(NODE1, archive=b"nonsense"),
        "not by the node that sent it": leading(NODE1, archive=leading(NODE2).archive),
    }

    async def work() -> None:
        async with node(NODE2) as here, node(NODE1, here.port) as there:
            for why, state in bad.items():
                here.exchange.set_state(leading(NOBODY if "not in" in why else NODE2))
                there.exchange.set_state(state)
                async with follower(here, tmp_path, {NODE1: HOSTS[NODE1]}) as mine:
                    await until(lambda: why in caplog_fields(caplog))  # noqa: B023
                    if "not in" not in why:
                        await until(lambda: place.role() == spool.LEAD)
                    assert mine.followed is None
                    there.exchange.set_state(leading(NODE1, leads=False))

    with caplog.at_level(logging.INFO, "ganeti_gluster_mon"):
        run(work())
    refused = [record for record in caplog.records if record.getMessage() == "capture refused"]
    assert len(refused) == len(bad)


def caplog_fields(caplog: pytest.LogCaptureFixture) -> str:
    return " ".join(str(getattr(record, "fields", {})) for record in caplog.records)


def test_another_node_under_the_peers_name_is_nobody(tmp_path: Path) -> None:
    place = Spool(str(tmp_path))

    async def work() -> None:
        async with node(NODE2) as here, node(NODE1, here.port) as there:
            there.exchange.set_state(leading(NOBODY))
            async with follower(here, tmp_path, {NODE1: HOSTS[NODE1]}):
                await until(lambda: place.role() == spool.LEAD)

    run(work())


@pytest.mark.parametrize("interval", [1.0, 5.0, 30.0, 300.0])
def test_another_leads_within_two_intervals(interval: float) -> None:
    """Whatever the first one died of: it is noticed, the others are asked, and the one that is to begins."""
    rates = ExchangeTiming.of(interval)
    if interval >= 5:
        assert (
            rates.hold_timeout + rates.reply_timeout + rates.election_interval + rates.reply_timeout
            < 2 * interval
        )


# --- a node that has the key and lies ------------------------------------------------------------------


@asynccontextmanager
async def lying(make: Callable[[int], bytes], port: int) -> AsyncIterator[List[float]]:
    """A node 1 that has the key; *make* gives the body of its n-th reply.  Yields the times of the requests."""
    times: List[float] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.title(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            times.append(time.monotonic())
            body = make(len(times))
            uri = lines[0].split()[1]
            writer.write(http(body, signing.sign_response(KEY, uri, headers[NONCE.title()], body)))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, HOSTS[NODE1], port)
    try:
        yield times
    finally:
        server.close()
        await server.wait_closed()


def reply(number: int, parcel_: bytes = b"") -> bytes:
    return HEAD.replace(b"-1", b"-%d" % number) + parcel_


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda number: reply(number), "sends no capture"),
        (lambda number: reply(number, b"nonsense"), "cannot be unpacked"),
        (lambda number: reply(number, leading(NODE2).archive), "not by the node that sent it"),
    ],
    ids=["no-capture", "nonsense", "of-another-node"],
)
def test_a_liar_is_rejected_by_its_uuid_whatever_sequence_it_sends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, make: Callable[[int], bytes], why: str
) -> None:
    place = Spool(str(tmp_path))

    async def work() -> None:
        async with (
            node(NODE2) as here,
            lying(make, here.port) as times,
            follower(here, tmp_path, {NODE1: HOSTS[NODE1]}) as mine,
        ):
            await until(lambda: why in caplog_fields(caplog))
            await until(lambda: place.role() == spool.LEAD)
            asked = len(times)
            # It says something new each time, and this node leads all the while.
            await until(lambda: len(times) >= asked + 2)
            assert place.role() == spool.LEAD
            assert mine.leader == NODE2
            assert mine.followed is None

    with caplog.at_level(logging.INFO, "ganeti_gluster_mon"):
        run(work())
    refused = [record for record in caplog.records if record.getMessage() == "capture refused"]
    assert len(refused) == 1


def test_a_leader_that_always_has_something_new_is_not_polled_without_a_pause(tmp_path: Path) -> None:
    parcel_ = leading(NODE1).archive

    async def work() -> None:
        async with (
            node(NODE2) as here,
            lying(lambda number: reply(number, parcel_), here.port) as times,
            follower(here, tmp_path, {NODE1: HOSTS[NODE1]}) as mine,
        ):
            await until(lambda: mine.followed)
            count = len(times)
            await until(lambda: len(times) >= count + 6)
            # The search for other leaders sends requests to it, too, once a beat.
            assert times[count + 5] - times[count] > 1.0

    run(work())


# --- the secret ------------------------------------------------------------------------------------


def test_the_secret_of_the_cluster(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with pytest.raises(secret.NoSecret, match="is not there"):
        secret.read(str(path))
    path.write_bytes(b"0123456789abcde\n")
    path.chmod(0o600)
    with pytest.raises(secret.NoSecret, match="holds 15 bytes"):
        secret.read(str(path))
    path.write_bytes(b"0123456789abcdef\n")
    assert secret.read(str(path)) == signing.derived(b"0123456789abcdef")
    path.chmod(0o604)
    with pytest.raises(secret.NoSecret, match="everybody can read"):
        secret.read(str(path))
    path.chmod(0o600)
    path.write_bytes(b"x" * 5000)
    with pytest.raises(secret.NoSecret, match="larger than 4096 bytes"):
        secret.read(str(path))
    with pytest.raises(secret.NoSecret, match="is not a plain file"):
        secret.read(str(tmp_path))
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(secret.NoSecret, match="not a plain file"):
        secret.read(str(tmp_path / "fifo"))


def test_the_key_comes_and_goes_with_the_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "secret"
    place = Spool(str(tmp_path / "run"))
    place.prepare()
    publisher = secret.KeyPublisher(str(path), place)
    assert not publisher.publish()
    assert not publisher.publish()
    assert caplog.text.count("no secret") == 1
    path.write_bytes(b"0123456789abcdef")
    path.chmod(0o600)
    assert publisher.publish()
    assert place.read_key() == signing.derived(b"0123456789abcdef")
    assert ((tmp_path / "run" / "key").stat().st_mode & 0o777) == 0o640
    path.write_bytes(b"another one for all nodes")
    assert publisher.publish()
    assert place.read_key() == signing.derived(b"another one for all nodes")
    path.unlink()
    assert not publisher.publish()
    assert place.read_key() is None


def test_no_part_of_what_is_signed_can_pass_for_another() -> None:
    assert signing.sign_response(KEY, "/a", "bc", b"d") != signing.sign_response(KEY, "/ab", "c", b"d")
    request = signing.sign_request(KEY, "/a", "b", "c", "d")
    assert request != signing.sign_response(KEY, "/a", "b", b"")
    assert request != signing.sign_request(signing.derived(b"another"), "/a", "b", "c", "d")
    assert request != signing.sign_request(KEY, "/a", "b", "cd", "")
    assert signing.is_nonce(signing.nonce())
    assert not signing.is_nonce("g" * 32)
