"""What each kind of answer says: on captured answers, and on the odd ones Gluster's source promises."""

from __future__ import annotations

from pathlib import Path
from typing import Tuple

import pytest

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.model import SELF_HEAL_DAEMON, Peer, QuotaLimit, Rebalance, RebalanceNode
from tests.unit.answers import ANSWERS, BROKEN, HEALTHY, answer_of, reader_of

NODE1 = "db9a84dd-92c8-4b35-b53f-103e15043a1d"
NODE2 = "2a38578f-d1fc-4de8-8f04-1ab1252e2620"
NODE3 = "cbeb81d6-c25e-409f-b448-be39a45def73"
TASK = "6b0a1d6e-7a8a-4f0e-9b6e-0d1b1c2d3e4f"


def xml(body: str) -> bytes:
    """An answer that worked."""
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<cliOutput>\n<opRet>0</opRet>\n'
    return f"{head}<opErrno>0</opErrno>\n<opErrstr/>\n{body}\n</cliOutput>\n".encode()


@pytest.mark.parametrize("file", ANSWERS, ids=str)
def test_captured_answers_are_understood_wholly(file: Path) -> None:
    output = file.read_bytes()
    if b"<opRet>0</opRet>" in output or file.suffix == ".txt":
        assert reader_of(file)(output).faults == ()
    else:
        with pytest.raises(parse.Refused):
            reader_of(file)(output)


def test_volume_info() -> None:
    volumes = {volume.name: volume for volume in parse.volume_info(answer_of(HEALTHY, "volume-info")).facts}
    assert list(volumes) == ["arb-vm", "disp", "dist2", "distrep", "gv0", "stopped"]
    arbiter = volumes["arb-vm"]
    assert arbiter == parse.VolumeInfo(
        name="arb-vm",
        uuid="be5b7fe6-750c-4963-8303-36e36ffd2560",
        state="started",
        type="replicate",
        transport="tcp",
        bricks=(
            parse.BrickInfo("node1.lab.test", "/export/b2/arb", NODE1, arbiter=False),
            parse.BrickInfo("node2.lab.test", "/export/b2/arb", NODE2, arbiter=False),
            parse.BrickInfo("node3.lab.test", "/export/b2/arb", NODE3, arbiter=True),
        ),
        replica_count=3,
        arbiter_count=1,
        disperse_count=0,
        redundancy_count=0,
        options={
            "cluster.granular-entry-heal": "on",
            "storage.fips-mode-rchecksum": "on",
            "transport.address-family": "inet",
            "nfs.disable": "on",
            "performance.client-io-threads": "off",
        },
    )
    assert (volumes["disp"].disperse_count, volumes["disp"].redundancy_count) == (3, 1)
    assert (volumes["distrep"].type, len(volumes["distrep"].bricks)) == ("distributed-replicate", 6)
    assert volumes["stopped"].state == "created"


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


def test_the_last_inode_is_gone() -> None:
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


def test_faults_of_volume_info_are_named() -> None:
    healthy = answer_of(HEALTHY, "volume-info")
    for right, wrong, fault in (
        (b"<brickCount>3", b"<brickCount>4", "volume arb-vm counts 4 bricks and names 3"),
        (b"<optCount>5", b"<optCount>6", "volume arb-vm counts 6 options and names 5"),
        (b"<count>6", b"<count>7", "the answer counts 7 volumes and names 6"),
        (b"<statusStr>Started", b"<statusStr>Stopped", "status of volume arb-vm is '1', 'Stopped'"),
        (b"<name>node3.lab.test:/export/b2/arb", b"<name>node2.lab.test:/export/b2/arb",
         "in volume arb-vm brick node2.lab.test:/export/b2/arb is there twice"),
    ):  # fmt: skip
        assert right in healthy
        assert fault in parse.volume_info(healthy.replace(right, wrong, 1)).faults


def test_many_faults_are_counted_and_not_kept() -> None:
    healthy = answer_of(HEALTHY, "volume-status-detail")
    faults = parse.volume_status(healthy.replace(b"<sizeTotal>2", b"<sizeTotal>x" + b"y" * 10_000)).faults
    assert len(faults) == 21 or len(faults) == healthy.count(b"<sizeTotal>2")
    assert all(len(fault) <= 200 for fault in faults)
    worse = healthy.replace(b"<sizeTotal>", b"<sizeTotal>x").replace(b"<sizeFree>", b"<sizeFree>x")
    assert parse.volume_status(worse).faults[-1] == f"… and {2 * worse.count(b'<node>') - 20} more"


def test_pool_list_and_peer_status() -> None:
    others = (
        Peer("node2.lab.test", NODE2, "Peer in Cluster", connected=True),
        Peer("node3.lab.test", NODE3, "Peer in Cluster", connected=True),
    )
    local = Peer("localhost", NODE1, "local", connected=True, local=True)
    assert parse.pool_list(answer_of(HEALTHY, "pool-list")).facts == (*others, local)
    assert parse.pool_list(answer_of(HEALTHY, "peer-status")).facts == others


def test_heal_of_a_brick_that_cannot_be_asked() -> None:
    summary = parse.heal_info(answer_of(BROKEN, "heal-summary-gv0"))
    assert summary.faults == ()
    assert summary.facts == (
        parse.HealCount("node1.lab.test", "/export/b1/gv0", True, 6, 0, 0),
        parse.HealCount("node2.lab.test", "/export/b1/gv0", False, None, None, None),
        parse.HealCount("node3.lab.test", "/export/b1/gv0", True, 6, 0, 0),
    )
    split_brain = parse.heal_info(answer_of(BROKEN, "heal-splitbrain-gv0"))
    assert split_brain.faults == ()
    assert [count.split_brain for count in split_brain.facts] == [0, None, 0]
    assert [count.connected for count in split_brain.facts] == [True, False, True]


def test_heal_that_failed_in_another_way() -> None:
    output = answer_of(BROKEN, "heal-summary-gv0").replace(
        b"Transport endpoint is not connected", b"Input/output error"
    )
    parsed = parse.heal_info(output)
    assert parsed.facts[1] == parse.HealCount(
        "node2.lab.test", "/export/b1/gv0", None, failure="Input/output error"
    )
    assert len(parsed.faults) == 1
    assert "Input/output error" in parsed.faults[0]


def test_heal_that_failed_half_way_tells_what_was_counted() -> None:
    output = answer_of(BROKEN, "heal-summary-gv0").replace(
        b"(Transport endpoint is not connected)totalNumberOfEntries0",
        b"(Stale file handle)totalNumberOfEntries12",
    )
    parsed = parse.heal_info(output)
    assert parsed.facts[1] == parse.HealCount(
        "node2.lab.test", "/export/b1/gv0", None, failure="Stale file handle"
    )
    assert parsed.faults == (
        "node2.lab.test:/export/b1/gv0 was not counted to the end: Stale file handle, 12 entries until then",
    )


@pytest.mark.parametrize(
    ("before", "faults"),
    [
        ("", ()),
        ("\n", ()),
        ("Welcome to gluster prompt, type 'help' to see the available commands.\n", ()),
        ("gluster> ", ()),
        ("warning: 2 options\n", ("plain text stands before the answer: 'warning: 2 options'",)),
    ],
)
def test_plain_text_before_an_answer_is_a_fault(before: str, faults: Tuple[str, ...]) -> None:
    assert parse.readable(before.encode() + xml("")).faults == faults


def test_a_gluster_that_does_not_know_the_command() -> None:
    usage = b"\nUsage:\nvolume heal <VOLNAME> [enable | disable | full]\n\n"
    with pytest.raises(parse.Unreadable, match="does not know the command"):
        parse.heal_info(usage)


def test_quota_whose_figures_are_not_available() -> None:
    row = "".join(
        f"<{name}>N/A</{name}>"
        for name in (
            "hard_limit",
            "soft_limit_value",
            "used_space",
            "avail_space",
            "sl_exceeded",
            "hl_exceeded",
        )
    )
    parsed = parse.quota_list(xml(f"<volQuota><limit><path>/</path>{row}</limit></volQuota>"))
    assert parsed.facts == (QuotaLimit("/", None, None, None, None, None),)
    assert parsed.faults == ("the limit of / and what is used are N/A",)


def test_split_brain_names_files() -> None:
    output = xml(
        '<healInfo><bricks><brick hostUuid="x"><name>node1:/b</name>'
        '<file gfid="a">/vm/a.img</file><file gfid="b">&lt;gfid:b&gt;</file>'
        "<status>Connected</status><numberOfEntries>2</numberOfEntries></brick></bricks></healInfo>"
    )
    assert parse.heal_info(output) == parse.Parsed((parse.HealCount("node1", "/b", True, split_brain=2),))


def test_quota_that_is_on_without_a_limit() -> None:
    answer = (Path(__file__).parents[2] / "captures/recorded/healthy/quota-dist2.xml").read_bytes()
    assert parse.quota_list(answer) == parse.Parsed(())


def test_quota() -> None:
    assert parse.quota_list(answer_of(HEALTHY, "quota-dist2")).facts == (
        QuotaLimit("/vms", 524288000, 419430400, 20971520, 503316480, exceeded=False, soft_exceeded=False),
    )
    failed = xml("<volQuota><limit><path>/x</path><errstr>No such file</errstr></limit></volQuota>")
    assert parse.quota_list(failed) == parse.Parsed(
        (QuotaLimit("/x", None, None, None, None, None),), ("the limit of /x: No such file",)
    )


REBALANCE = (
    f"<volRebalance><task-id>{TASK}</task-id><op>3</op><nodeCount>%d</nodeCount>"
    "<node><nodeName>localhost</nodeName><failures>2</failures><status>3</status><statusStr>completed</statusStr></node>"
    "<node><nodeName>node2</nodeName><failures>0</failures><status>1</status><statusStr>in progress</statusStr></node>"
    "<aggregate><failures>2</failures><status>%s</status><statusStr>in progress</statusStr></aggregate></volRebalance>"
)


def test_rebalance() -> None:
    # A third host on which it was never started is counted and not listed.
    for nodes in (2, 3):
        parsed = parse.rebalance_status(xml(REBALANCE % (nodes, "1")))
        on_hosts = (RebalanceNode("localhost", "completed", 2), RebalanceNode("node2", "in progress", 0))
        assert parsed == parse.Parsed(Rebalance("rebalance", "in progress", TASK, failures=2, nodes=on_hosts))
    assert parse.rebalance_status(xml(REBALANCE % (1, "1"))).faults == (
        "the rebalance counts 1 nodes and names 2",
    )
    with pytest.raises(parse.Unreadable, match="status of the rebalance is '3', 'in progress'"):
        parse.rebalance_status(xml(REBALANCE % (2, "3")))


def test_refused_in_glusters_own_words() -> None:
    with pytest.raises(parse.Refused) as refused:
        parse.rebalance_status(answer_of(HEALTHY, "rebalance-gv0"))
    assert refused.value.op_errno == 30800
    assert (
        refused.value.message
        == str(refused.value)
        == ("Volume gv0 is not a distribute volume or contains only 1 brick. Not performing rebalance")
    )
    with pytest.raises(parse.Refused, match="Not able to fetch volfile from glusterd"):
        parse.heal_info(answer_of(HEALTHY, "heal-summary-stopped"))


def test_state() -> None:
    state = parse.state(answer_of(Path(__file__).parents[1] / "answers", "get-state", ".txt")).facts
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
    state = answer_of(Path(__file__).parents[1] / "answers", "get-state", ".txt")
    lost = state.replace(b": 2006818816Bytes", b": 0Bytes").replace(b": 2005671936Bytes", b": 0Bytes")
    parsed = parse.state(lost)
    assert parsed.faults == ()
    assert (parsed.facts.volumes[0].bricks[0].size, parsed.facts.volumes[0].bricks[0].free) == (None, None)


def test_text_before_an_answer_is_passed_over() -> None:
    pool = answer_of(HEALTHY, "pool-list")
    welcome = b"Welcome to gluster prompt, type 'help' to see the available commands.\n"
    assert parse.pool_list(welcome + pool) == parse.pool_list(pool)


def test_brick_names_that_gluster_takes() -> None:
    healthy = answer_of(HEALTHY, "volume-info")
    path = "/b/\u00e4\u4e2d\U0001f600&<>*$;,[]{}|()=%#!@'\""
    quoted = path.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    parsed = parse.volume_info(healthy.replace(b"/export/b2/arb", quoted.encode()))
    assert parsed.faults == ()
    assert {brick.path for brick in parsed.facts[0].bricks} == {path}


def test_a_host_may_be_an_address() -> None:
    healthy = answer_of(HEALTHY, "volume-info")
    parsed = parse.volume_info(healthy.replace(b"<name>node1.lab.test:", b"<name>fd00::1:"))
    assert parsed.facts[0].bricks[0].host == "fd00::1"
    assert parsed.facts[0].bricks[0].path == "/export/b2/arb"
