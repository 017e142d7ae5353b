"""What a node answers the other nodes."""

from __future__ import annotations

import asyncio

import pytest

from ganeti_gluster_mon.daemon.cluster import signing
from ganeti_gluster_mon.daemon.cluster.exchange import (
    CHALLENGE_LASTS,
    Challenges,
)
from ganeti_gluster_mon.daemon.cluster.peer_client import PeerError
from ganeti_gluster_mon.daemon.spool import boottime
from ganeti_gluster_mon.gluster import capture_archive
from tests.unit.daemon.cluster.peer_nodes import GENEROUS, HOSTS, KEY, asking, leading, node, run
from tests.unit.gluster.test_merge import NODE1


def test_a_leader_sends_what_it_has() -> None:
    async def work() -> None:
        async with node(NODE1) as there, asking(there.port) as peers:
            reply = await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS)
            assert (reply.uuid, reply.eligible, reply.leads, reply.nudged) == (NODE1, True, True, False)
            assert reply.sequence == there.exchange.sequence
            assert capture_archive.unpack(reply.archive).node == "node1.lab.test"
            assert 0 <= boottime() - reply.boottime < GENEROUS * 1e9
            again = await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS, after=reply.sequence)
            assert (again.sequence, again.archive) == (reply.sequence, b"")

    run(work())


def test_a_node_that_does_not_lead_reports_only_that() -> None:
    async def work() -> None:
        async with node(NODE1) as there, asking(there.port) as peers:
            there.exchange.set_state(leading(NODE1, leads=False))
            reply = await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS)
            assert (reply.eligible, reply.leads, reply.archive) == (True, False, b"")
            there.exchange.set_state(leading(NODE1, boottime=boottime() - round(2e9 * GENEROUS)))
            reply = await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS)
            assert (reply.eligible, reply.leads, reply.archive) == (False, False, b""), (
                "what it has is too old"
            )

    run(work())


def test_a_waiting_request_is_answered_at_once_with_what_is_new() -> None:
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
            reply = await waiting
            assert reply.sequence != after
            assert reply.archive
            # Its age is not made older by the time for which the answer was held back.
            assert boottime() - reply.boottime < 5e9
            waiting = asyncio.ensure_future(
                peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS, after=reply.sequence, wait=GENEROUS)
            )
            while not there.exchange.held:
                await asyncio.sleep(0.01)
            there.exchange.end()
            reply = await waiting
            assert (reply.eligible, reply.leads) == (False, False), "a node that stops says so at once"

    run(work())


def test_a_nudge_counts_once_there_is_nothing_newer() -> None:
    async def work() -> None:
        async with node(NODE1) as there, asking(there.port) as peers:
            old = there.exchange.sequence
            reply = await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS, after=old, nudge=True)
            assert reply.nudged
            there.exchange.set_state(leading(NODE1))
            reply = await peers.request(HOSTS[NODE1], NODE1, KEY, GENEROUS, after=old, nudge=True)
            assert not reply.nudged
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
