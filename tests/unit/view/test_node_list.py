"""gnt-gluster list-nodes."""

from __future__ import annotations

from dataclasses import replace

from ganeti_gluster_mon.gluster.model import Peer
from tests.unit.example_pool import POOL
from tests.unit.view.test_listing import POOL_VIEW, shown


def test_the_nodes_with_those_that_are_not_in_the_pool() -> None:
    assert shown("list-nodes") == [
        "Node           R State           Connected Bricks Online Waiting Heal",
        "node1.lab.test M local           Y              3      2       ?    ?",
        "node2.lab.test O Peer in Cluster Y              3      1       ?    ?",
        "node3.lab.test - Peer in Cluster Y              2      1       ?    6",
        "node9.lab.test R not in the pool -              0      0       ?    0",
    ]


def test_a_peer_is_the_node_whose_address_it_has() -> None:
    peers = (Peer("10.1.0.2", "u2", "Peer in Cluster", True), Peer("node1", "u1", "local", True, local=True))
    view = replace(POOL_VIEW, pool=replace(POOL, peers=peers))
    assert shown("list-nodes", "name", "peer", view=view)[1:] == [
        "node1.lab.test node1",
        "node2.lab.test 10.1.0.2",
        "node9.lab.test -",
    ]
