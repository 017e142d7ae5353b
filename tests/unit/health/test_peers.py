"""Peers that do not take part in the pool."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

import pytest

from ganeti_gluster_mon.gluster.model import Peer, Process
from ganeti_gluster_mon.health import CRITICAL, UNKNOWN
from ganeti_gluster_mon.health.peers import PEER_STATUSES, peer_problems, peer_status, takes_part

PEER = Peer("node2", "u2", "Peer in Cluster", connected=True, reachable=True)
LOCAL = Peer("node1", "u1", "local", connected=True, reachable=True, local=True)
GLUSTERD = Process("glusterd", 23, 1.0, 0.0, 0)
BRICK = Process("brick", 24, 1.0, 0.0, 0)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"reachable": None}, []),
        ({"state": None}, []),
        ({"connected": False}, [("PEER_DISCONNECTED", CRITICAL)]),
        ({"connected": False, "reachable": False}, [("PEER_DISCONNECTED", CRITICAL)]),
        ({"reachable": False}, [("PEER_SILENT", CRITICAL)]),
        ({"connected": None, "reachable": False}, [("PEER_SILENT", CRITICAL)]),
        ({"connected": None}, [("NOT_KNOWN", UNKNOWN)]),
        ({"state": "Peer Rejected"}, [("PEER_REJECTED", CRITICAL)]),
    ],
)
def test_the_problem_of_a_peer(changes: Any, found: list[tuple[str, int]]) -> None:
    problems = list(peer_problems([replace(PEER, **changes)]))
    assert [(one.code, one.severity) for one in problems] == found
    assert all(one.subject == "node2" for one in problems)


@pytest.mark.parametrize(
    ("changes", "processes", "code"),
    [
        ({}, None, None),
        ({"connected": False}, None, "PEER_DISCONNECTED"),
        ({"reachable": False}, None, "GLUSTERD_HANGS"),
        ({"reachable": False}, (BRICK, GLUSTERD), "GLUSTERD_HANGS"),
        ({"reachable": False}, (BRICK,), "GLUSTERD_DOWN"),
        ({"reachable": False}, (), "GLUSTERD_DOWN"),
        # its state is "local", which is no state of a peer
        ({"connected": None}, None, None),
    ],
)
def test_the_problem_of_this_node(
    changes: Any, processes: Optional[tuple[Process, ...]], code: Optional[str]
) -> None:
    problems = list(peer_problems([replace(LOCAL, **changes)], processes))
    assert [one.code for one in problems] == ([] if code is None else [code])


def test_whose_glusterd_answers_the_queries_of_the_pool() -> None:
    assert takes_part(PEER) and takes_part(LOCAL) and takes_part(replace(PEER, reachable=None))
    for changes in (
        {"connected": False},
        {"connected": None},
        {"reachable": False},
        {"state": "Peer Rejected"},
    ):
        assert not takes_part(replace(PEER, **changes))
    assert not takes_part(replace(LOCAL, reachable=False))


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "connected"),
        ({"reachable": None}, "connected"),
        ({"connected": False}, "disconnected"),
        ({"connected": None}, "unknown"),
        ({"reachable": False}, "silent"),
        ({"connected": None, "reachable": False}, "silent"),
        ({"state": "Peer Rejected"}, "rejected"),
        ({"state": "Peer Rejected", "connected": None}, "rejected"),
        ({"state": "Peer Rejected", "connected": False}, "disconnected"),
        ({"local": True, "state": "local"}, "connected"),
    ],
)
def test_the_status_of_a_peer_that_has_a_problem_is_not_connected(changes: Any, status: str) -> None:
    peer = replace(PEER, **changes)
    assert peer_status(peer) == status and status in PEER_STATUSES
    assert (status == "connected") is (list(peer_problems([peer])) == [])
