"""The run time of a rebalance, over the hosts on which it is in progress."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

import pytest

from ganeti_gluster_mon.gluster.rebalance import Rebalance, RebalanceNode


@pytest.mark.parametrize(
    ("hosts", "seconds"),
    [
        ([], None),
        ([("completed", 5.0)], None),
        ([("in progress", 2.5)], 2.5),
        ([("in progress", 0.0)], 0.0),
        ([("in progress", 2.0), ("fix-layout in progress", 3.0), ("failed", 9.0), ("completed", None)], 5.0),
        ([("in progress", 2.0), ("in progress", None)], None),
    ],
)
def test_the_run_time(hosts: Sequence[Tuple[str, Optional[float]]], seconds: Optional[float]) -> None:
    nodes = tuple(
        RebalanceNode(f"node{number}", status, run_time=time) for number, (status, time) in enumerate(hosts)
    )
    assert Rebalance("rebalance", "in progress", nodes=nodes).run_time == seconds
