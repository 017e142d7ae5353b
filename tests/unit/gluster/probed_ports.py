"""Replies to probes, made up."""

from __future__ import annotations

from typing import List

import pytest

from ganeti_gluster_mon.gluster import probe
from ganeti_gluster_mon.gluster.probe import Reply


def probed_ports(monkeypatch: pytest.MonkeyPatch, reply: Reply) -> List[List[tuple[str, int]]]:
    """The ports that are probed from now on, by round; all of them reply as *reply*."""
    rounds: List[List[tuple[str, int]]] = []

    def probe_ports(addresses: list[tuple[str, int]], _timeout: float, connect_only: bool) -> object:
        if addresses:
            rounds.append(list(addresses))
        return dict.fromkeys(addresses, reply)

    monkeypatch.setattr(probe, "probe_ports", probe_ports)
    return rounds
