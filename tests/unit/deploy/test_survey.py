"""The survey of a node."""

from __future__ import annotations

import json
from typing import Dict, List, Sequence

import pytest

from ganeti_gluster_mon.deploy.survey import NodeSurvey, faults, understand
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import FAILED, cluster, lsblk, ok, pool_list, volume_info, wipefs
from tests.unit.deploy.test_plan import NODE1, NODE2

VERSION = ok("glusterfs 10.3\n")


TARGETS = ok(json.dumps({"filesystems": [{"target": "/"}, {"target": "/export/brick1"}]}))


def names(parsed: Dict[str, List[str]], time: float = 100.0) -> CommandResult:
    return ok(json.dumps({"names": parsed, "time": time}))


def surveyed(node: str, *answers: CommandResult, wanted: Sequence[str] = ()) -> NodeSurvey:
    usual = [VERSION, pool_list(node), volume_info(), ok(), TARGETS, *answers]
    return understand(node, wanted, usual, 100.0)


def test_a_healthy_node() -> None:
    found = surveyed(NODE1, lsblk(), wipefs(), names({NODE2: ["192.0.2.2"]}), wanted=["/dev/vdb"])
    assert found.fault is None
    assert faults([found], cluster(3)) == ()
    assert found.devices["/dev/vdb"].size == 1 << 30
    assert found.mount_points == ("/", "/export/brick1")


@pytest.mark.parametrize(
    ("parsed", "words"),
    [
        (
            {NODE2: ["192.0.2.66"]},
            f"{NODE1}: it takes {NODE2} for 192.0.2.66, and Ganeti has 192.0.2.2: put it right",
        ),
        ({NODE2: []}, f"{NODE1}: it does not know the address of {NODE2}: put it right"),
    ],
)
def test_names_that_lead_elsewhere(parsed: Dict[str, List[str]], words: str) -> None:
    (line,) = faults([surveyed(NODE1, names(parsed))], cluster(3))
    assert line.startswith(words)


def test_a_node_may_know_itself_by_any_address() -> None:
    assert faults([surveyed(NODE1, names({NODE1: ["127.0.1.1"]}))], cluster(3)) == ()


def test_clocks_that_differ() -> None:
    early, late = surveyed(NODE1, names({}, time=100.0)), surveyed(NODE2, names({}, time=133.0))
    (line,) = faults([early, late], cluster(3))
    assert line.startswith(f"{NODE2}: its clock is 33 s ahead of that of {NODE1}")
    assert faults([early, surveyed(NODE2, names({}, time=105.0))], cluster(3)) == ()


@pytest.mark.parametrize(
    ("version", "pool", "words"),
    [
        (
            CommandResult(127, "", "gluster: No such file or directory"),
            FAILED,
            "apt-get install glusterfs-server",
        ),
        (VERSION, CommandResult(1, "", "Connection failed. Please check"), "systemctl restart glusterd"),
        (VERSION, CommandResult(124, "", "gluster: no answer within 15 s"), "no answer within 15 s"),
    ],
)
def test_a_node_without_gluster(version: CommandResult, pool: CommandResult, words: str) -> None:
    found = understand(NODE1, (), [version, pool, pool, ok(), TARGETS, names({})], 100.0)
    assert words in str(found.fault)


def test_a_device_that_is_not_there_is_reported() -> None:
    gone = CommandResult(32, "", "lsblk: /dev/vdb: not a block device\n")
    found = surveyed(NODE1, gone, FAILED, names({}), wanted=["/dev/vdb"])
    assert faults([found], cluster(3)) == (f"{NODE1}: /dev/vdb is no block device there",)
