"""A capture with other names, and the search for names that are left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ganeti_gluster_mon.gluster import query
from ganeti_gluster_mon.gluster.anonymize import anonymous, remaining
from ganeti_gluster_mon.gluster.brick_filesystems import BrickFilesystem
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.geo_replication import GeoReplication, GeoReplicationWorker
from ganeti_gluster_mon.gluster.lvm import LogicalVolume, LvmPool, LvmReport
from ganeti_gluster_mon.gluster.model import DiskFile, Mount, Process
from ganeti_gluster_mon.gluster.profile import FileOperation, StatsDump
from ganeti_gluster_mon.gluster.scrub import ScrubStatus

CAPTURE = Capture(
    recorded_at=7,
    answers=(
        Answer(query.VOLUME_INFO, b"<volName>gv0</volName>", stderr="kvm7.corp: gv0", seconds=1.5),
        Answer(query.heal_summary("gv0"), b"", returncode=1, failure="heal-summary-gv0.xml: of kvm7", taken_at=6),
    ),
    node="kvm7.corp",
    gluster_version="10.3",
    mounts=(Mount("gv0", "/mnt/gv0", ("kvm7.corp", "10.0.0.1"), "sub", f_blocks=9, failure="gv0 hangs"),),
    reachable={"kvm8.corp": True},
    hosts_answering={"kvm8.corp": False},
    bricks_answering={("kvm8.corp", "/export/b1"): True},
    brick_ports={("kvm8.corp", "/export/b1"): 49152},
    devices={"/dev/mapper/vg-x": "dm-3", "tank": "bob"},
    scrubs=(ScrubStatus("gv0", "kvm8.corp", 5, errors=1),),
    filesystems=(
        BrickFilesystem(
            "/export/b1", "/export/b1", "ext4", "/dev/mapper/vg-x", "dm-3", 2, "dm-3", "dm-2", "/export/b1"
        ),
    ),
    stats_dumps=(StatsDump("/export/b1", 4, operations=(FileOperation("WRITE", 2, 3.0),)),),
    lvm=LvmReport(
        5,
        (LogicalVolume("dm-3", "fastdisks", "bricklv", 1, 2, 3, "thinlv"),),
        (LvmPool("fastdisks", "thinlv", "thin", 4, 5.0, 6.0, "out of data space", "vdolv"),),
    ),
    geo_replications=(
        GeoReplication(
            "gv0", "bob@kvm8.corp::gv0", 6, (GeoReplicationWorker("kvm7.corp", "/export/b1", "active"),), "of kvm7"
        ),
    ),
    processes=(Process("brick", 3, 1.0, 2.0, 4, "gv0", "/export/b1", "running"),),
    disks=(
        DiskFile(
            "web1.corp", "disk/0", "gv0", "web1.corp/disk", 8, "kvm7.corp", "ext", "kvm8.corp",
            copies={"kvm8.corp:/export/b1": 5}, to_heal={"kvm8.corp:/export/b1": 2},
            bricks=("kvm8.corp:/export/b1",), allocated=4, queried_at=3,
        ),
    ),
    disks_unknown="web1.corp is gone",
    local="2f5fe442-3b7d-413f-a157-e783a5d0af1b",
    queried_by="kvm8.corp",
)  # fmt: skip


def test_each_field() -> None:
    changed, _ = anonymous(CAPTURE)
    assert changed == Capture(
        recorded_at=7,
        answers=(
            Answer(query.VOLUME_INFO, b"<volName>v1</volName>", stderr="node1.example.org: v1", seconds=1.5),
            Answer(query.heal_summary("v1"), b"", returncode=1, failure="heal-summary-v1.xml: of node1", taken_at=6),
        ),
        node="node1.example.org",
        gluster_version="10.3",
        mounts=(Mount("v1", "/d1/d2", ("node1.example.org", "192.0.2.1"), "d3", f_blocks=9, failure="v1 hangs"),),
        reachable={"node2.example.org": True},
        hosts_answering={"node2.example.org": False},
        bricks_answering={("node2.example.org", "/d4/d5"): True},
        brick_ports={("node2.example.org", "/d4/d5"): 49152},
        devices={"/dev/disk1": "dm-3", "/dev/disk2": "text1"},
        scrubs=(ScrubStatus("v1", "node2.example.org", 5, errors=1),),
        filesystems=(
            BrickFilesystem("/d4/d5", "/d4/d5", "ext4", "/dev/disk1", "dm-3", 2, "dm-3", "dm-2", "/d4/d5"),
        ),
        stats_dumps=(StatsDump("/d4/d5", 4, operations=(FileOperation("WRITE", 2, 3.0),)),),
        lvm=LvmReport(
            5,
            (LogicalVolume("dm-3", "lvm1", "lvm2", 1, 2, 3, "lvm3"),),
            (LvmPool("lvm1", "lvm3", "thin", 4, 5.0, 6.0, "out of data space", "lvm4"),),
        ),
        geo_replications=(
            GeoReplication(
                "v1", "text1@node2.example.org::v1", 6,
                (GeoReplicationWorker("node1.example.org", "/d4/d5", "active"),), "of node1",
            ),
        ),
        processes=(Process("brick", 3, 1.0, 2.0, 4, "v1", "/d4/d5", "running"),),
        disks=(
            DiskFile(
                "instance1", "disk/0", "v1", "d6/d7", 8, "node1.example.org", "ext", "node2.example.org",
                copies={"node2.example.org:/d4/d5": 5}, to_heal={"node2.example.org:/d4/d5": 2},
                bricks=("node2.example.org:/d4/d5",), allocated=4,
                queried_at=3,
            ),
        ),
        disks_unknown="instance1 is gone",
        local="00000000-0000-4000-8000-000000000001",
        queried_by="node2.example.org",
    )  # fmt: skip


def test_what_is_not_known_stays_not_known() -> None:
    nothing = Capture(recorded_at=7, answers=())
    assert anonymous(nothing)[0] == nothing


def test_the_bricks_of_a_remove_brick_are_replaced() -> None:
    sent = query.remove_brick_status("gv0", ("kvm7.corp:/srv/secret",))
    changed, _ = anonymous(replace(CAPTURE, answers=(*CAPTURE.answers, Answer(sent, b""))))
    (found,) = [one.query for one in changed.answers if "remove-brick" in one.query]
    assert found == query.remove_brick_status("v1", ("node1.example.org:/d1/d2",))


def test_a_query_that_no_capture_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="not a query of a capture: volume top gv0"):
        anonymous(replace(CAPTURE, answers=(Answer(("volume", "top", "gv0"), b""),)))


def test_no_name_is_left() -> None:
    assert remaining(*anonymous(CAPTURE)) is None


@pytest.mark.parametrize(
    ("left", "name"),
    [
        (b"<x>kvm7.corp</x>", "kvm7.corp"),
        (b"<x>sub.KVM7.corp.</x>", "kvm7.corp"),
        (b"<kvm7.corp/>", "kvm7.corp"),
        (b"<x>on kvm7</x>", "kvm7"),
        (b"<x>'gv0'</x>", "gv0"),
        (b"<x>at /export/b1/file</x>", "/export/b1"),
        (b"<x>10.0.0.1:24007</x>", "10.0.0.1"),
        (b"<x>2f5fe442-3b7d-413f-a157-e783a5d0af1b</x>", "2f5fe442-3b7d-413f-a157-e783a5d0af1b"),
        (b"<x>see /dev/mapper/vg-x</x>", "/dev/mapper/vg-x"),
        (b"<x>k&#118;m7.corp</x>", "kvm7.corp"),
        (b"<x>heal-summary-gv0.xml</x>", "heal-summary-gv0.xml"),
    ],
)
def test_a_name_that_is_left_is_found(left: bytes, name: str) -> None:
    changed, names = anonymous(CAPTURE)
    with_name = replace(changed, answers=(*changed.answers[1:], Answer(query.POOL_LIST, left)))
    assert remaining(with_name, names) == name


@pytest.mark.parametrize("left", [b"<x>10.0.0.12</x>", b"<x>210.0.0.1</x>", b"<x>gv01</x>", b"<gv0>5</gv0>"])
def test_what_only_looks_like_a_name_is_none(left: bytes) -> None:
    changed, names = anonymous(CAPTURE)
    assert remaining(replace(changed, answers=(Answer(query.POOL_LIST, left),)), names) is None


@pytest.mark.parametrize(
    "change",
    [
        {"node": "kvm7"},
        {"reachable": {"kvm7": True}},
        {"mounts": (Mount("gv0", "/x"),)},
        {"bricks_answering": {("x", "/export/b1"): True}},
        {"processes": (Process("brick", 3, 1.0, 2.0, 4, None, "/export/b1"),)},
        {"disks": (DiskFile("web1.corp", "disk/0", "x", "y"),)},
        {"disks_unknown": "why web1.corp"},
        {"devices": {"/dev/mapper/vg-x": "dm-3"}},
        {"scrubs": (ScrubStatus("x", "kvm8.corp", 5),)},
        {"geo_replications": (GeoReplication("x", "kvm8.corp::x", 5),)},
        {"geo_replications": (GeoReplication("x", "x::x", 5, (GeoReplicationWorker("kvm8.corp", "/x"),)),)},
        {"filesystems": (BrickFilesystem("/x", "/y", "ext4", "/dev/mapper/vg-x"),)},
        {"lvm": LvmReport(1, (LogicalVolume("dm-3", "fastdisks", "y"),))},
        {"lvm": LvmReport(1, (), (LvmPool("x", "y", "thin", pool="vdolv"),))},
        {"stats_dumps": (StatsDump("/export/b1", 4),)},
        {"filesystems": (BrickFilesystem("/export/b1", "/y", "ext4", "/dev/y"),)},
        {"filesystems": (BrickFilesystem("/x", "/y", "ext4", "/dev/y", not_mounted="/export/b1"),)},
    ],
)
def test_a_name_that_is_left_in_the_manifest_is_found(change: dict[str, object]) -> None:
    changed, names = anonymous(CAPTURE)
    assert remaining(replace(changed, **change), names) is not None  # type: ignore[arg-type]


def test_the_snapshots_of_a_volume_stay_so() -> None:
    info = (
        b"<volName>gv0</volName><snapshots><snapshot><name>web-daily</name><createTime>2018-03-12 14:35:16</createTime>"
        b"<snapVolume><name>4516d5</name><status>Stopped</status><originVolume><name>gv0</name></originVolume>"
        b"</snapVolume></snapshot></snapshots>"
    )
    changed, _ = anonymous(replace(CAPTURE, answers=(Answer(query.SNAPSHOT_INFO, info),)))
    output = changed.answers[0].output
    assert b"<originVolume><name>v1</name>" in output and b"<createTime>2018-03-12 14:35:16<" in output
    assert b"web" not in output and b"<status>Stopped<" in output
