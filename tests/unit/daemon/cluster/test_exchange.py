"""What a node answers the other nodes."""

from __future__ import annotations

import asyncio
from typing import Dict

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from ganeti_gluster_mon.daemon.cluster import signing
from ganeti_gluster_mon.daemon.cluster.exchange import (
    CHALLENGE,
    CHALLENGE_LASTS,
    NONCE,
    OTHER_CHALLENGE,
    PATH,
    SIGNATURE,
    Challenges,
)
from ganeti_gluster_mon.daemon.cluster.peer_client import PeerError
from ganeti_gluster_mon.daemon.spool import boottime
from ganeti_gluster_mon.gluster import capture_archive
from tests.unit.daemon.cluster.peer_nodes import GENEROUS, HOSTS, KEY, Node, asking, leading, node, run
from tests.unit.gluster.test_merge import NODE1, NODE2


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
