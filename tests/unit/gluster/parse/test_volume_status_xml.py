"""The answers to `volume status`, with its daemons, clients and tasks."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.model import SELF_HEAL_DAEMON
from ganeti_gluster_mon.gluster.rebalance import Rebalance
from tests.unit.answers import BROKEN, HEALTHY, NODE2, TASK, answer_of, xml


def test_volume_status_detail() -> None:
    parsed = parse.volume_status(answer_of(BROKEN, "volume-status-detail"))
    gv0 = {status.volume: status for status in parsed.facts}["gv0"]
    assert [node.online for node in gv0.nodes] == [True, False, True]
    dead = gv0.nodes[1]
    assert (dead.hostname, dead.path, dead.uuid) == ("node2.lab.test", "/export/b1/gv0", NODE2)
    assert (dead.port, dead.pid) == (None, None)
    assert (dead.size, dead.block_size, dead.inodes_total) == (2006818816, 4096, 131072)
    assert (dead.device, dead.filesystem) == ("/dev/loop2", "ext4")


def test_volume_status_lists_daemons() -> None:
    parsed = parse.volume_status(answer_of(HEALTHY, "volume-status"))
    gv0 = {status.volume: status for status in parsed.facts}["gv0"]
    daemons = [node for node in gv0.nodes if node.hostname == SELF_HEAL_DAEMON]
    assert sorted(daemon.path for daemon in daemons) == ["localhost", "node2.lab.test", "node3.lab.test"]
    assert all(daemon.online and daemon.pid and daemon.port is None for daemon in daemons)
    assert all(node.size is None and node.inodes_free is None for node in gv0.nodes)


def test_clients_of_a_brick_are_not_taken_for_the_brick() -> None:
    parsed = parse.volume_status(answer_of(HEALTHY, "volume-status-clients"))
    assert {node.hostname for status in parsed.facts for node in status.nodes} == {
        "node1.lab.test",
        "node2.lab.test",
        "node3.lab.test",
    }


def test_tasks() -> None:
    output = xml(
        "<volStatus><volumes><volume><volName>gv0</volName><tasks>"
        f"<task><type>Rebalance</type><id>{TASK}</id>"
        "<status>1</status><statusStr>in progress</statusStr></task>"
        f"<task><type>Remove brick</type><id>{TASK}</id><status>3</status><statusStr>completed</statusStr>"
        "<params><brick>node1:/b</brick></params></task>"
        "</tasks></volume></volumes></volStatus>"
    )
    assert parse.volume_status(output) == parse.Parsed(
        (
            parse.VolumeStatus(
                "gv0",
                (),
                (
                    Rebalance("rebalance", "in progress", TASK),
                    Rebalance("remove-brick", "completed", TASK, ("node1:/b",)),
                ),
            ),
        )
    )


def test_without_free_inodes() -> None:
    """glusterd leaves inodesFree out where it is 0; that is a full filesystem, not an unknown one."""
    healthy = answer_of(HEALTHY, "volume-status-detail")
    full = healthy.replace(b"          <inodesFree>129972</inodesFree>\n", b"", 1)
    parsed = parse.volume_status(full)
    assert parsed.faults == ()
    assert (parsed.facts[0].nodes[0].inodes_total, parsed.facts[0].nodes[0].inodes_free) == (131072, 0)
    # Without what glusterd writes after it, the count may as well have been lost.
    lost = full.replace(b"          <device>/dev/loop1</device>\n", b"", 1)
    assert parse.volume_status(lost).facts[0].nodes[0].inodes_free is None
    assert parse.volume_status(lost).faults


@pytest.mark.parametrize(
    ("wrong", "right", "fault"),
    [
        (b"<sizeFree>-5</sizeFree>", b"<sizeFree>2002350080</sizeFree>",
         "sizeFree of node1.lab.test:/export/b2/arb is '-5'"),
        (b"<status>2</status>", b"<status>1</status>", "status of node1.lab.test:/export/b2/arb is '2'"),
        (b"<pid>-1</pid>", b"<pid>2239</pid>", "pid of node1.lab.test:/export/b2/arb is '-1'"),
        (b"<port>65536</port>", b"<port>59307</port>", "port of node1.lab.test:/export/b2/arb is '65536'"),
        (b"<nodeCount>4</nodeCount>", b"<nodeCount>3</nodeCount>", "volume arb-vm counts 4 nodes and names 3"),
        (b"<sizeFree>2006818817</sizeFree>", b"<sizeFree>2002350080</sizeFree>",
         "node1.lab.test:/export/b2/arb has 2006818817 bytes free of 2006818816"),
        (b"<path>/export/b2/arb&#10;x</path>", b"<path>/export/b2/arb</path>",
         "a node is called 'node1.lab.test':'/export/b2/arb x'"),
        (b"<volName>../x</volName>", b"<volName>arb-vm</volName>", "a volume is called '../x'"),
        (b"<volName>disp</volName>", b"<volName>arb-vm</volName>", "volume disp is there twice"),
        (b"<hostname>node2.lab.test</hostname>", b"<hostname>node1.lab.test</hostname>",
         "in volume arb-vm node node2.lab.test:/export/b2/arb is there twice"),
    ],
)  # fmt: skip
def test_faults_are_named(wrong: bytes, right: bytes, fault: str) -> None:
    healthy = answer_of(HEALTHY, "volume-status-detail")
    assert right in healthy
    assert fault in parse.volume_status(healthy.replace(right, wrong, 1)).faults
