"""The answer to `get-state`."""

from __future__ import annotations

from pathlib import Path

from ganeti_gluster_mon.gluster import parse
from tests.unit.answers import answer_of


def test_state() -> None:
    state = parse.state(answer_of(Path(__file__).parents[2] / "answers", "get-state", ".txt")).facts
    assert state.uuid == "b7d24dec-f057-4c5d-b727-2cecd55642f5"
    assert [(peer.hostname, peer.state, peer.connected) for peer in state.peers] == [
        ("node2.lab.test", "Peer in Cluster", True),
        ("node3.lab.test", "Peer in Cluster", True),
    ]
    (volume,) = state.volumes
    assert (volume.name, volume.state) == ("gv0", "started")
    assert volume.bricks == (
        parse.LocalBrick("node1.lab.test", "/export/b1/gv0", True, 60266, 2006818816, 2005671936),
    )


def test_state_of_a_brick_without_filesystem() -> None:
    state = answer_of(Path(__file__).parents[2] / "answers", "get-state", ".txt")
    lost = state.replace(b": 2006818816Bytes", b": 0Bytes").replace(b": 2005671936Bytes", b": 0Bytes")
    parsed = parse.state(lost)
    assert parsed.faults == ()
    assert (parsed.facts.volumes[0].bricks[0].size, parsed.facts.volumes[0].bricks[0].free) == (None, None)
