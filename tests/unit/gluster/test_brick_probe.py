"""Which bricks answer at their ports, and what a missing reply means."""

from __future__ import annotations

from dataclasses import replace
from typing import Set

import pytest

from ganeti_gluster_mon.gluster import brick_probe, parse
from ganeti_gluster_mon.gluster.probe import Reply
from tests.unit.gluster.healthy_capture import HEALTHY, STATUS, VOLUMES, output
from tests.unit.gluster.probed_ports import probed_ports


@pytest.mark.parametrize(
    ("reply", "gone", "expected"),
    [
        (Reply.ANSWERS, set(), True),
        (Reply.REFUSED, set(), False),
        (Reply.SILENT, set(), False),
        (Reply.SILENT, {"node2"}, False),
        # a name that is not known here, perhaps
        (Reply.UNREACHABLE, set(), None),
        (Reply.UNREACHABLE, {"node2"}, False),
    ],
)
def test_what_the_silence_of_a_brick_means(
    monkeypatch: pytest.MonkeyPatch, reply: Reply, gone: Set[str], expected: bool | None
) -> None:
    def probe_ports(addresses: list[tuple[str, int]], _timeout: float, connect_only: bool) -> object:
        return dict.fromkeys(addresses, reply)

    monkeypatch.setattr(brick_probe.probe, "probe_ports", probe_ports)  # type: ignore[attr-defined]
    endpoint = brick_probe.BrickEndpoint("gv0", "node2", "/export/b1/gv0", 49152)
    found = brick_probe.probe_bricks([endpoint], VOLUMES, gone, 1.0)
    assert found.get(("node2", "/export/b1/gv0")) is expected


def test_a_brick_that_is_not_reported_on_is_called_at_its_last_known_port() -> None:
    key = ("node3.lab.test", "/export/b1/gv0")
    reported = parse.volume_status(output(STATUS).encode()).facts
    without = [
        replace(status, nodes=tuple(node for node in status.nodes if node.hostname != key[0]))
        for status in reported
    ]
    previous = replace(HEALTHY, brick_ports={key: 49160, ("gone", "/not/in/a/volume"): 1})
    endpoints = brick_probe.with_last_known(
        brick_probe.reported_endpoints(without), without, VOLUMES, previous
    )
    assert [
        (endpoint.host, endpoint.path, endpoint.port) for endpoint in endpoints if endpoint.host == key[0]
    ] == [(*key, 49160)]
    # what is reported offline is not called
    dead = [
        replace(status, nodes=tuple(node._replace(online=False) for node in status.nodes))
        for status in reported
    ]
    assert brick_probe.with_last_known(brick_probe.reported_endpoints(dead), dead, VOLUMES, previous) == []


def test_a_brick_that_was_suspected_before_gets_no_second_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = probed_ports(monkeypatch, Reply.SILENT)
    endpoints = [
        brick_probe.BrickEndpoint("gv0", "node1", "/b", 1),
        brick_probe.BrickEndpoint("gv0", "node2", "/b", 2),
    ]
    suspected = frozenset([("node2", "/b")])
    found = brick_probe.probe_bricks(endpoints, VOLUMES, frozenset(), 1.0, suspected)
    assert rounds == [[("node1", 1), ("node2", 2)], [("node1", 1)]]
    assert found == {("node1", "/b"): False, ("node2", "/b"): False}
