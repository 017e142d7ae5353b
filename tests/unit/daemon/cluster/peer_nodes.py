"""Nodes that exchange requests, for tests."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, AsyncIterator, Coroutine, List, Optional, Tuple

from ganeti_gluster_mon.daemon.cluster import signing
from ganeti_gluster_mon.daemon.cluster.exchange import (
    PATH,
    SIGNATURE,
    Exchange,
    NodeState,
)
from ganeti_gluster_mon.daemon.cluster.peer_client import PeerClient
from ganeti_gluster_mon.daemon.spool import boottime
from ganeti_gluster_mon.daemon.web.auth import Authenticator
from ganeti_gluster_mon.daemon.web.content import CurrentContent
from ganeti_gluster_mon.daemon.web.exchange_handler import ExchangeHandler
from ganeti_gluster_mon.daemon.web.handlers import application
from ganeti_gluster_mon.daemon.web.server import HttpServer
from ganeti_gluster_mon.gluster import capture, capture_archive
from tests.unit.gluster.test_merge import NODE1, NODE2, RECORDED

KEY = signing.derived(b"what all nodes of the cluster know")


GENEROUS = 30.0


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


def http(body: bytes, signature: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\n{SIGNATURE}: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


HEAD = (
    b'{"uuid":"%s","eligible":true,"leads":true,"sequence":"0123456789abcdef-1","age":1.0,"held":0.0,"nudged":false}\n'
    % NODE1.encode()
)
