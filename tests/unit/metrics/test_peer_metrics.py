"""Metrics of peers."""

from __future__ import annotations

from typing import List

import pytest

from ganeti_gluster_mon.gluster.model import Peer, Pool
from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOW
from tests.unit.metrics.samples import of


@pytest.mark.parametrize(
    ("connected", "reachable", "expected"),
    [
        (True, True, [1.0]),
        (True, None, [1.0]),
        (True, False, [0.0]),  # glusterd has not noticed yet
        (False, True, [0.0]),
        (False, None, [0.0]),
        (None, False, [0.0]),
        (None, True, []),
        (None, None, []),
    ],
)
def test_peer(connected: bool | None, reachable: bool | None, expected: List[float]) -> None:
    pool = Pool(NOW, peers=(Peer("node2", "u", connected=connected, reachable=reachable),))
    assert [value for _, value in of(render(pool, HEALTH, NOW), "gluster_peer_connected")] == expected
