"""The answers to `pool list` and `peer status`."""

from __future__ import annotations

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.model import Peer
from tests.unit.answers import HEALTHY, NODE1, NODE2, NODE3, answer_of


def test_pool_list_and_peer_status() -> None:
    others = (
        Peer("node2.lab.test", NODE2, "Peer in Cluster", connected=True),
        Peer("node3.lab.test", NODE3, "Peer in Cluster", connected=True),
    )
    local = Peer("localhost", NODE1, "local", connected=True, local=True)
    assert parse.pool_list(answer_of(HEALTHY, "pool-list")).facts == (*others, local)
    assert parse.pool_list(answer_of(HEALTHY, "peer-status")).facts == others


def test_text_before_an_answer_is_passed_over() -> None:
    pool = answer_of(HEALTHY, "pool-list")
    welcome = b"Welcome to gluster prompt, type 'help' to see the available commands.\n"
    assert parse.pool_list(welcome + pool) == parse.pool_list(pool)
