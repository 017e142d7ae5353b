"""Metrics of the daemons that serve volumes."""

from __future__ import annotations

import dataclasses

import pytest

from ganeti_gluster_mon.gluster.model import Daemon
from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOW, POOL
from tests.unit.metrics.samples import WHOLE, of


def test_the_self_heal_daemon_of_each_host() -> None:
    assert of(WHOLE, "gluster_self_heal_daemon_up") == [
        ({"volume": "gv0", "host": "node1.lab.test"}, 1.0),
        ({"volume": "gv0", "host": "node2.lab.test"}, 0.0),
    ]


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Quota Daemon", "quota"),
        ("Bitrot Daemon", "bitrot"),
        ("Scrubber Daemon", "scrubber"),
        ("Snapshot Daemon", "snapshot"),
        ("NFS Server", "nfs"),
        ("Tiering Daemon", "Tiering Daemon"),
    ],
)
def test_other_daemons_have_short_names(name: str, short: str) -> None:
    assert POOL.volumes is not None
    volume = dataclasses.replace(POOL.volumes[0], daemons=(Daemon(name, "node1", "u", online=False),))
    pool = dataclasses.replace(POOL, volumes=(volume,))
    text = render(pool, HEALTH, NOW)
    assert of(text, "gluster_daemon_up") == [({"daemon": short, "host": "node1", "volume": "gv0"}, 0.0)]


def test_daemons_of_a_stopped_volume_have_no_metric() -> None:
    assert POOL.volumes is not None
    stopped = dataclasses.replace(POOL.volumes[0], state="stopped")
    text = render(dataclasses.replace(POOL, volumes=(stopped,)), HEALTH, NOW)
    assert of(text, "gluster_self_heal_daemon_up") == []
