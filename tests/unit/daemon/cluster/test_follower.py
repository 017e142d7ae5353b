"""A node follows the one that leads, and leads when it has gone."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import AsyncIterator, Callable, Dict, List, Sequence

import pytest

from ganeti_gluster_mon.daemon import spool
from ganeti_gluster_mon.daemon.cluster import signing
from ganeti_gluster_mon.daemon.cluster.exchange import (
    NONCE,
)
from ganeti_gluster_mon.daemon.cluster.follower import Follower
from ganeti_gluster_mon.daemon.cluster.peer_client import PeerClient
from ganeti_gluster_mon.daemon.spool import Spool
from ganeti_gluster_mon.mutes import Mute, Mutes
from tests.unit.daemon.cluster.peer_nodes import HEAD, HOSTS, KEY, Node, http, leading, node, run
from tests.unit.gluster.test_merge import NO_MEMBER, NODE1, NODE2

#: seconds; its deadlines and beats are the shortest there are
INTERVAL = 2.0


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


def test_it_follows_the_leader_and_leads_when_the_leader_has_ended(tmp_path: Path) -> None:
    place = Spool(str(tmp_path))

    async def work() -> None:
        async with node(NODE2) as here, follower(here, tmp_path, {NODE1: HOSTS[NODE1]}) as mine:
            await until(lambda: place.role() == spool.LEAD)
            async with node(NODE1, here.port) as there:
                await until(lambda: place.role() == spool.FOLLOW)
                await until(lambda: mine.followed)
                assert mine.followed is not None
                assert mine.followed.unpack().capture.node == "node1.lab.test"
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
    """Its request is held back for longer than this test lasts: only the probe notices."""
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


@pytest.mark.slow
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
                there.exchange.set_mutes(Mutes({("A_B", "", ""): Mute("A_B", "", now + 60, now)}))
                await until(lambda: ("A_B", "", "") in here.exchange.mutes.entries)
                mine = Mute("C_D", "gv0", now + 60, now)
                here.exchange.set_mutes(here.exchange.mutes.merged([mine], now))
                await until(lambda: there.exchange.mutes == here.exchange.mutes)
                assert set(there.exchange.mutes.entries) == {("A_B", "", ""), ("C_D", "gv0", "")}
                await until(lambda: there.exchange.held)
                rounds = len(here_received)
                await asyncio.sleep(INTERVAL)
                assert len(here_received) == rounds, "once both know the same, nothing is sent"

    run(work())


def test_what_cannot_be_believed_is_refused_and_logged_once(
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
                here.exchange.set_state(leading(NO_MEMBER if "not in" in why else NODE2))
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


def test_another_node_under_the_peers_name_is_ignored(tmp_path: Path) -> None:
    place = Spool(str(tmp_path))

    async def work() -> None:
        async with node(NODE2) as here, node(NODE1, here.port) as there:
            there.exchange.set_state(leading(NO_MEMBER))
            async with follower(here, tmp_path, {NODE1: HOSTS[NODE1]}):
                await until(lambda: place.role() == spool.LEAD)

    run(work())


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


def reply(number: int, archive: bytes = b"") -> bytes:
    return HEAD.replace(b"-1", b"-%d" % number) + archive


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
            requests = len(times)
            # It says something new each time, and this node leads all the while.
            await until(lambda: len(times) >= requests + 2)
            assert place.role() == spool.LEAD
            assert mine.leader == NODE2
            assert mine.followed is None

    with caplog.at_level(logging.INFO, "ganeti_gluster_mon"):
        run(work())
    refused = [record for record in caplog.records if record.getMessage() == "capture refused"]
    assert len(refused) == 1


@pytest.mark.slow
def test_a_leader_that_always_has_something_new_is_not_polled_without_a_pause(tmp_path: Path) -> None:
    archive = leading(NODE1).archive

    async def work() -> None:
        async with (
            node(NODE2) as here,
            lying(lambda number: reply(number, archive), here.port) as times,
            follower(here, tmp_path, {NODE1: HOSTS[NODE1]}) as mine,
        ):
            await until(lambda: mine.followed)
            count = len(times)
            await until(lambda: len(times) >= count + 6)
            # The search for other leaders sends requests to it, too, once a beat.
            assert times[count + 5] - times[count] > 1.0

    run(work())
