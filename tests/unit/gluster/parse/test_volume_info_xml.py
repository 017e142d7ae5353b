"""The answer to `volume info`."""

from __future__ import annotations

from ganeti_gluster_mon.gluster import parse
from tests.unit.answers import HEALTHY, NODE1, NODE2, NODE3, answer_of


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
        snapshots=0,
    )
    assert (volumes["disp"].disperse_count, volumes["disp"].redundancy_count) == (3, 1)
    assert (volumes["distrep"].type, len(volumes["distrep"].bricks)) == ("distributed-replicate", 6)
    assert volumes["stopped"].state == "created"


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


def test_a_number_of_snapshots_that_is_none_is_a_fault_and_a_missing_one_is_not() -> None:
    whole = answer_of(HEALTHY, "volume-info")
    count = b"<snapshotCount>0</snapshotCount>"
    wrong = parse.volume_info(whole.replace(count, b"<snapshotCount>N/A</snapshotCount>", 1))
    assert len(wrong.faults) == 1 and "snapshotCount of volume" in wrong.faults[0]
    missing = parse.volume_info(whole.replace(count, b"", 1))
    assert not missing.faults and [volume.snapshots for volume in missing.facts].count(None) == 1
