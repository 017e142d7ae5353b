"""Nodes that talk to each other over real sockets, each on a loopback address of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, AsyncIterator, Callable, Coroutine, Dict, List, Optional

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from ganeti_gluster_mon.gluster import capture, parcel
from ganeti_gluster_mon.serve import handover, secret, signing
from ganeti_gluster_mon.serve.door import Door
from ganeti_gluster_mon.serve.exchange import NONCE, PATH, SIGNATURE, Answering, Exchange, Standing
from ganeti_gluster_mon.serve.following import Following, Rates
from ganeti_gluster_mon.serve.handler import Screen
from ganeti_gluster_mon.serve.handover import Handover, boottime
from ganeti_gluster_mon.serve.http import application
from ganeti_gluster_mon.serve.peers import PeerError, Peers
from ganeti_gluster_mon.serve.server import HttpServer
from tests.unit.test_joined import NOBODY, NODE1, NODE2, RECORDED

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
    nudges: List[int]


@asynccontextmanager
async def node(uuid: str, port: int = 0, key: Optional[bytes] = KEY) -> AsyncIterator[Node]:
    nudges: List[int] = []
    exchange = Exchange(GENEROUS, lambda: nudges.append(1))
    exchange.key = key
    door = Door(None)
    handlers = [(PATH, Answering, {"exchange": exchange})]
    server = HttpServer(application(Screen(), None, handlers, door=door), door)
    server.listen(f"{HOSTS[uuid]}:{port}")
    exchange.tell(leading(uuid))
    try:
        yield Node(exchange, server, server.addresses[0][1], nudges)
    finally:
        exchange.end()
        await server.stop(0.0)
        door.close()


def leading(uuid: str, **more: Any) -> Standing:
    name = "healthy" if uuid == NODE1 else "healthy-node2"
    packed = parcel.pack(capture.read(str(RECORDED / name)))
    standing = Standing(uuid, answered=True, leads=True, boottime=boottime(), parcel=packed)
    return replace(standing, **more)


@asynccontextmanager
async def asking(port: int) -> AsyncIterator[Peers]:
    peers = Peers(port, lambda: False)
    try:
        yield peers
    finally:
        peers.close()


def test_a_leader_tells_what_it_has() -> None:
    async def work() -> None:
        async with node(NODE1) as there, asking(there.port) as peers:
            told = await peers.ask(HOSTS[NODE1], KEY, GENEROUS)
            assert (told.uuid, told.able, told.leads, told.nudged) == (NODE1, True, True, False)
            assert told.sequence == there.exchange.sequence
            assert parcel.unpack(told.parcel).node == "node1.lab.test"
            assert 0 <= boottime() - told.boottime < GENEROUS * 1e9
            again = await peers.ask(HOSTS[NODE1], KEY, GENEROUS, after=told.sequence)
            assert (again.sequence, again.parcel) == (told.sequence, b"")

    run(work())


def test_who_does_not_lead_tells_only_that() -> None:
    async def work() -> None:
        async with node(NODE1) as there, asking(there.port) as peers:
            there.exchange.tell(leading(NODE1, leads=False))
            told = await peers.ask(HOSTS[NODE1], KEY, GENEROUS)
            assert (told.able, told.leads, told.parcel) == (True, False, b"")
            there.exchange.tell(leading(NODE1, boottime=boottime() - round(2e9 * GENEROUS)))
            told = await peers.ask(HOSTS[NODE1], KEY, GENEROUS)
            assert (told.able, told.leads, told.parcel) == (False, False, b""), "what it has is too old"

    run(work())


def test_who_waits_hears_at_once_of_what_is_new() -> None:
    async def work() -> None:
        async with node(NODE1) as there, asking(there.port) as peers:
            after = there.exchange.sequence
            waiting = asyncio.ensure_future(
                peers.ask(HOSTS[NODE1], KEY, GENEROUS, after=after, wait=GENEROUS)
            )
            while not there.exchange.held:
                await asyncio.sleep(0.01)
            assert not waiting.done()
            there.exchange.tell(leading(NODE1))
            told = await waiting
            assert told.sequence != after
            assert told.parcel
            # Its age is not made older by the time for which the answer was held back.
            assert boottime() - told.boottime < 5e9
            waiting = asyncio.ensure_future(
                peers.ask(HOSTS[NODE1], KEY, GENEROUS, after=told.sequence, wait=GENEROUS)
            )
            while not there.exchange.held:
                await asyncio.sleep(0.01)
            there.exchange.end()
            told = await waiting
            assert (told.able, told.leads) == (False, False), "who leaves says so at once"

    run(work())


def test_a_nudge_counts_once_there_is_nothing_newer() -> None:
    async def work() -> None:
        async with node(NODE1) as there, asking(there.port) as peers:
            old = there.exchange.sequence
            told = await peers.ask(HOSTS[NODE1], KEY, GENEROUS, after=old, nudge=True)
            assert told.nudged
            there.exchange.tell(leading(NODE1))
            told = await peers.ask(HOSTS[NODE1], KEY, GENEROUS, after=old, nudge=True)
            assert not told.nudged
            assert len(there.nudges) == 1

    run(work())


def test_another_secret_and_none() -> None:
    async def work() -> None:
        async with node(NODE1) as there, asking(there.port) as peers:
            with pytest.raises(PeerError, match="not by the cluster's secret"):
                await peers.ask(HOSTS[NODE1], signing.derived(b"another"), GENEROUS)
            there.exchange.key = None
            with pytest.raises(PeerError, match="has no secret"):
                await peers.ask(HOSTS[NODE1], KEY, GENEROUS)
        async with asking(there.port) as peers:
            with pytest.raises(PeerError, match="refused"):
                await peers.ask(HOSTS[NODE1], KEY, GENEROUS)

    run(work())


def test_one_request_is_not_answered_twice_at_a_time() -> None:
    """Who repeats what he overheard cannot pile up requests that wait."""

    async def work() -> None:
        async with node(NODE1) as there:
            uri = f"{PATH}?after={there.exchange.sequence}&wait={GENEROUS}"
            nonce = signing.nonce()
            headers = {NONCE: nonce, SIGNATURE: signing.question(KEY, uri, nonce)}
            client = AsyncHTTPClient(force_instance=True)
            url = f"http://{HOSTS[NODE1]}:{there.port}{uri}"
            first = asyncio.ensure_future(client.fetch(url, headers=headers))
            while not there.exchange.held:
                await asyncio.sleep(0.01)
            with pytest.raises(HTTPClientError, match="403"):
                await client.fetch(url, headers=headers)
            there.exchange.tell(leading(NODE1))
            assert (await first).code == 200
            assert not there.exchange.held
            client.close()

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


HEAD = b'{"uuid":"u","able":true,"leads":true,"sequence":"s","age":1.0,"held":0.0,"nudged":false}\n'


def test_an_answer_to_another_question_is_not_believed() -> None:
    async def work() -> None:
        recorded: List[bytes] = []

        def replayed(headers: Dict[str, str]) -> bytes:
            if not recorded:
                recorded.append(http(HEAD, signing.answer(KEY, headers["uri"], headers[NONCE.title()], HEAD)))
            return recorded[0]

        async with answering(replayed) as port, asking(port) as peers:
            assert (await peers.ask(HOSTS[NODE1], KEY, GENEROUS)).leads
            with pytest.raises(PeerError, match="not signed"):
                await peers.ask(HOSTS[NODE1], KEY, GENEROUS)

    run(work())


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"[]\n",
        b"{}\n",
        b"[" * 100_000,
        HEAD.replace(b"1.0", b"-1.0"),
        HEAD.replace(b"1.0", b"NaN"),
        HEAD.replace(b"1.0", b"Infinity"),
        HEAD.replace(b"1.0", b'"x"'),
        HEAD.replace(b'"held"', b'"hold"'),
    ],
)
def test_signed_nonsense_is_refused(head: bytes) -> None:
    async def work() -> None:
        def signed(headers: Dict[str, str]) -> bytes:
            return http(head, signing.answer(KEY, headers["uri"], headers[NONCE.title()], head))

        async with answering(signed) as port, asking(port) as peers:
            with pytest.raises(PeerError, match="of another version"):
                await peers.ask(HOSTS[NODE1], KEY, GENEROUS)

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
                await peers.ask(HOSTS[NODE1], KEY, GENEROUS)

    run(work())


def test_one_who_says_nothing_is_not_waited_for() -> None:
    async def work() -> None:
        async def mute(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await reader.read()

        server = await asyncio.start_server(mute, HOSTS[NODE1], 0)
        async with asking(server.sockets[0].getsockname()[1]) as peers:
            began = time.monotonic()
            with pytest.raises(PeerError):
                await peers.ask(HOSTS[NODE1], KEY, 0.2, wait=0.2)
            assert time.monotonic() - began < GENEROUS / 3
        server.close()

    run(work())


def test_an_answer_that_was_delayed_is_older_not_younger() -> None:
    async def work() -> None:
        def late(headers: Dict[str, str]) -> bytes:
            time.sleep(0.3)  # the delay is what is tested
            return http(HEAD, signing.answer(KEY, headers["uri"], headers[NONCE.title()], HEAD))

        async with answering(late) as port, asking(port) as peers:
            told = await peers.ask(HOSTS[NODE1], KEY, GENEROUS)
            assert boottime() - told.boottime >= 1.3e9

    run(work())


# --- following -------------------------------------------------------------------------------------


@asynccontextmanager
async def following(of: Node, directory: Path, hosts: Dict[str, str]) -> AsyncIterator[Following]:
    """Node 2 among *hosts*, all on one port; it says what it does in *directory*."""
    place = Handover(str(directory))
    place.prepare()
    exchange = of.exchange
    peers = Peers(of.port, lambda: False)
    with ThreadPoolExecutor(1) as aside:
        mine = Following(exchange, peers, place, INTERVAL, aside, lambda: None)
        running = asyncio.ensure_future(mine.run())
        mine.seen(hosts, event=False)
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
    place = Handover(str(tmp_path))

    async def work() -> None:
        async with node(NODE2) as here, following(here, tmp_path, {NODE1: HOSTS[NODE1]}) as mine:
            await until(lambda: place.role() == handover.LEAD)
            async with node(NODE1, here.port) as there:
                await until(lambda: place.role() == handover.FOLLOW)
                await until(lambda: mine.followed)
                assert mine.followed is not None
                assert mine.followed.capture.node == "node1.lab.test"
                assert mine.leader == NODE1
                taken = mine.followed.boottime
                there.exchange.tell(leading(NODE1))
                await until(lambda: mine.followed and mine.followed.boottime > taken)
                mine.seen({NODE1: HOSTS[NODE1]}, event=True)
                await until(lambda: there.nudges)
            await until(lambda: place.role() == handover.LEAD)
            assert mine.followed is not None, "what is known goes on being known, with its age"
            here.exchange.key = None
            mine.seen(None, event=False)
            await until(lambda: place.role() == handover.ALONE)

    run(work())


def test_what_cannot_be_believed_is_refused_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = Handover(str(tmp_path))
    bad = {
        "of a pool that this node is not in": leading(NODE1),
        "cannot be unpacked": leading(NODE1, parcel=b"nonsense"),
        "not by the node that sent it": leading(NODE1, parcel=leading(NODE2).parcel),
    }

    async def work() -> None:
        async with node(NODE2) as here, node(NODE1, here.port) as there:
            for why, standing in bad.items():
                here.exchange.tell(leading(NOBODY if "not in" in why else NODE2))
                there.exchange.tell(standing)
                async with following(here, tmp_path, {NODE1: HOSTS[NODE1]}) as mine:
                    await until(lambda: why in caplog_fields(caplog))  # noqa: B023
                    if "not in" not in why:
                        await until(lambda: place.role() == handover.LEAD)
                    assert mine.followed is None
                    there.exchange.tell(leading(NODE1, leads=False))

    with caplog.at_level(logging.INFO, "ganeti_gluster_mon"):
        run(work())
    refused = [record for record in caplog.records if record.getMessage() == "capture refused"]
    assert len(refused) == len(bad)


def caplog_fields(caplog: pytest.LogCaptureFixture) -> str:
    return " ".join(str(getattr(record, "fields", {})) for record in caplog.records)


def test_another_node_under_the_peers_name_is_nobody(tmp_path: Path) -> None:
    place = Handover(str(tmp_path))

    async def work() -> None:
        async with node(NODE2) as here, node(NODE1, here.port) as there:
            there.exchange.tell(leading(NOBODY))
            async with following(here, tmp_path, {NODE1: HOSTS[NODE1]}):
                await until(lambda: place.role() == handover.LEAD)

    run(work())


@pytest.mark.parametrize("interval", [1.0, 5.0, 30.0, 300.0])
def test_another_leads_within_two_intervals(interval: float) -> None:
    """Whatever the first one died of: it is noticed, the others are asked, and the one that is to begins."""
    rates = Rates.of(interval)
    if interval >= 5:
        assert rates.hold + rates.deadline + rates.beat + rates.deadline < 2 * interval


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
    with pytest.raises(secret.NoSecret, match="the most"):
        secret.read(str(path))
    with pytest.raises(secret.NoSecret, match="Is a directory"):
        secret.read(str(tmp_path))
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(secret.NoSecret, match="not a plain file"):
        secret.read(str(tmp_path / "fifo"))


def test_the_key_comes_and_goes_with_the_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "secret"
    place = Handover(str(tmp_path / "run"))
    place.prepare()
    giver = secret.Giver(str(path), place)
    assert not giver.give()
    assert not giver.give()
    assert caplog.text.count("no secret") == 1
    path.write_bytes(b"0123456789abcdef")
    path.chmod(0o600)
    assert giver.give()
    assert place.key() == signing.derived(b"0123456789abcdef")
    assert ((tmp_path / "run" / "key").stat().st_mode & 0o777) == 0o640
    path.write_bytes(b"another one for all nodes")
    assert giver.give()
    assert place.key() == signing.derived(b"another one for all nodes")
    path.unlink()
    assert not giver.give()
    assert place.key() is None


def test_no_part_of_what_is_signed_can_pass_for_another() -> None:
    assert signing.answer(KEY, "/a", "bc", b"d") != signing.answer(KEY, "/ab", "c", b"d")
    assert signing.question(KEY, "/a", "b") != signing.answer(KEY, "/a", "b", b"")
    assert signing.question(KEY, "/a", "b") != signing.question(signing.derived(b"another"), "/a", "b")
    assert signing.is_nonce(signing.nonce())
    assert not signing.is_nonce("g" * 32)
