"""Which peers and hosts answer."""

from __future__ import annotations

from typing import List

import pytest

from ganeti_gluster_mon.gluster import peer_probe
from ganeti_gluster_mon.gluster.model import Peer
from ganeti_gluster_mon.gluster.probe import Reply
from tests.unit.gluster.probed_ports import probed_ports


def test_a_host_is_away_when_nothing_accepts_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    replies = {"a": Reply.SILENT, "b": Reply.REFUSED, "c": Reply.ANSWERS, "d": Reply.UNREACHABLE}

    def probe_ports(addresses: List[tuple[str, int]], _timeout: float, connect_only: bool) -> object:
        assert connect_only
        return {address: replies[address[0]] for address in addresses}

    monkeypatch.setattr(peer_probe.probe, "probe_ports", probe_ports)  # type: ignore[attr-defined]
    found = peer_probe.probe_hosts({**dict.fromkeys(replies, False), "e": True}, 1.0)
    assert found == {"a": False, "b": True, "c": True, "d": False}


def test_a_peer_that_is_known_to_be_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = probed_ports(monkeypatch, Reply.ANSWERS)
    peers = [Peer("node1", "1", local=True), Peer("node2", "2"), Peer("node3", "3")]
    found = peer_probe.probe_peers(peers, 1.0, {"node2": True, "node3": False})
    assert rounds == [[("node2", 24007)]]
    assert found == {"node2": True, "node3": False}
