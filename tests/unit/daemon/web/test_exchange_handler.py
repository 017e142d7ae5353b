"""The requests of other nodes over HTTP."""

from __future__ import annotations

import asyncio
from typing import Dict

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from ganeti_gluster_mon.daemon.cluster import signing
from ganeti_gluster_mon.daemon.cluster.exchange import (
    CHALLENGE,
    NONCE,
    OTHER_CHALLENGE,
    PATH,
    SIGNATURE,
)
from tests.unit.daemon.cluster.peer_nodes import GENEROUS, HOSTS, KEY, Node, leading, node, run
from tests.unit.gluster.test_merge import NODE1, NODE2


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
