"""Metrics of bricks."""

from __future__ import annotations

import dataclasses
import time

from ganeti_gluster_mon.gluster.model import Brick
from ganeti_gluster_mon.health import Health, VolumeHealth
from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOW, POOL
from tests.unit.metrics.samples import of, pool_of


def test_a_follower_that_does_not_know_its_uuid_has_no_bricks() -> None:
    for peers in (None, (), tuple(dataclasses.replace(peer, local=False) for peer in POOL.peers or ())):
        pool = dataclasses.replace(POOL, peers=peers)
        text = render(pool, HEALTH, NOW, leader=False)
        assert of(text, "gluster_brick_up") == []
        assert of(text, "gluster_mount_up") != []
    of_no_node = pool_of((Brick("gv0", "h", "/b", uuid=None, online=True),))
    assert of(render(of_no_node, HEALTH, NOW, leader=False), "gluster_brick_up") == []


def test_a_thousand_bricks_are_no_matter() -> None:
    bricks = tuple(
        Brick(
            "gv0",
            f"node{i}",
            "/export/b1/gv0",
            online=True,
            size=i,
            free=i,
            inodes_total=i,
            inodes_free=i,
            heal_pending=i,
            split_brain=i,
        )
        for i in range(1000)
    )
    judged = Health(0, "", (), {"gv0": VolumeHealth("healthy", 0)})
    pool = pool_of(bricks)
    before = time.process_time()
    text = render(pool, judged, NOW)
    seconds = time.process_time() - before
    assert len(of(text, "gluster_brick_up")) == 1000
    assert seconds < 1  # it takes a tenth of that
