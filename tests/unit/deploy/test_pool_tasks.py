"""The last lines of commands that change the pool."""

from __future__ import annotations

from ganeti_gluster_mon.deploy import gluster_cli
from ganeti_gluster_mon.deploy.pool_tasks import _in_the_pool
from ganeti_gluster_mon.deploy.survey import NodeSurvey
from tests.unit.deploy.fake_nodes import pool_list, volume, volume_info

NODE1, NODE2, NODE3 = (f"node{number}.example.org" for number in (1, 2, 3))


def test_a_node_that_was_installed_anew_has_its_bricks_still() -> None:
    volumes = gluster_cli.volumes(volume_info(volume("gv0", [f"{NODE1}:/b", f"{NODE2}:/b", "192.0.2.3:/b"])))
    peers = gluster_cli.peers(pool_list(NODE1, NODE2, NODE3))
    coordinator = NodeSurvey(NODE1, peers=tuple(peers), volumes=tuple(volumes))
    assert _in_the_pool([NODE2], coordinator) == (
        f"{NODE2} is in the pool, with {NODE2}:/b of gv0: gnt-gluster diagnose {NODE2} shows what is missing there"
    )
    new = "node9.example.org"
    assert _in_the_pool([new], coordinator) == (
        f"{new} is in the pool, without bricks: gnt-gluster expand-volume VOLUME {new} --device DEVICE adds some"
    )
    both = _in_the_pool([NODE2, new], coordinator)
    assert both.startswith(f"{NODE2}, {new} are in the pool, with {NODE2}:/b of gv0: ")
