"""The report `glusterd`: the processes of this node."""

from __future__ import annotations

from dataclasses import replace

from ganeti_gluster_mon import __version__
from ganeti_gluster_mon.collectors.glusterd import Glusterd
from ganeti_gluster_mon.gluster.model import Process
from ganeti_gluster_mon.health import OK, evaluate_node
from tests.unit.example_pool import HEALTH, NOTHING, NOTHING_HEALTH, NOW, POOL


def test_its_status_is_about_this_nodes_processes_alone() -> None:
    report = Glusterd().collect(POOL, HEALTH, NOW)
    assert report["status"]["code"] == evaluate_node(POOL).code
    assert report["status"]["message"] == evaluate_node(POOL).message != HEALTH.message
    well = replace(POOL, processes=(Process("glusterd", 1, 9.0, 0.1, 100, state="sleeping"),))
    assert Glusterd().evaluate(well, HEALTH).code == OK


def test_each_process_in_seconds_and_bytes() -> None:
    process = Process("brick", 89, 3040.75, 0.62, 24023040, "gv0", "/b", "sleeping")
    (reported,) = Glusterd().collect(replace(POOL, processes=(process,)), HEALTH, NOW)["processes"]
    assert reported == {
        "name": "brick",
        "pid": 89,
        "uptime": 3040.75,
        "cpu_seconds": 0.62,
        "rss": 24023040,
        "volume": "gv0",
        "path": "/b",
        "state": "sleeping",
    }


def test_versions_and_processes_that_are_not_known() -> None:
    report = Glusterd().collect(NOTHING, NOTHING_HEALTH, NOW)
    assert report["processes"] is None
    assert report["versions"] == {"gluster": None, "ganeti-gluster-mon": __version__}
