"""A pool made by hand that has something of everything, and how it is judged.

gv0, replica 3: the brick on node2 is offline and a backlog has built up.  dist2: well, but space
is getting short.  old: stopped, so that next to nothing is known of it.  node3 has just vanished
and glusterd has not noticed.
"""

from __future__ import annotations

import os
from pathlib import Path

from ganeti_gluster_mon import __version__
from ganeti_gluster_mon.gluster.brick_clients import BrickClient
from ganeti_gluster_mon.gluster.geo_replication import GeoReplication, GeoReplicationWorker
from ganeti_gluster_mon.gluster.log_messages import LogReport
from ganeti_gluster_mon.gluster.lvm import BrickLvm, LogicalVolume, LvmPool
from ganeti_gluster_mon.gluster.model import (
    SELF_HEAL_DAEMON,
    Brick,
    Capacity,
    Daemon,
    Disk,
    Heal,
    Inodes,
    Mount,
    Peer,
    Pool,
    Process,
    Subvolume,
    Volume,
)
from ganeti_gluster_mon.gluster.profile import BlockCount, BrickProfile, FileOperation
from ganeti_gluster_mon.gluster.quota import QuotaLimit
from ganeti_gluster_mon.gluster.rebalance import Rebalance, RebalanceNode
from ganeti_gluster_mon.gluster.scrub import ScrubStatus
from ganeti_gluster_mon.gluster.snapshots import VolumeSnapshot
from ganeti_gluster_mon.health import CRITICAL, OK, Health, Problem, VolumeHealth
from ganeti_gluster_mon.repair_tries import START_BRICK, SUCCEEDED, AutoRepairs, RepairTry

SECOND = 10**9
TAKEN_AT = 1795483447 * SECOND + SECOND // 4
NOW = TAKEN_AT + 2 * SECOND

UUIDS = {
    "node1.lab.test": "b7d24dec-f057-4c5d-b727-2cecd55642f5",
    "node2.lab.test": "9375b5fe-8e76-4901-9885-640b77202571",
    "node3.lab.test": "ada7b557-3ec3-4684-8cf7-b884b5507e92",
}
SIZE = 489946 * 4096


def _brick(volume: str, node: int, path: str, **fields: object) -> Brick:
    host = f"node{node}.lab.test"
    return Brick(volume=volume, host=host, path=path, uuid=UUIDS[host], **fields)  # type: ignore[arg-type]


_GV0 = (
    _brick(
        "gv0",
        1,
        "/export/b1/gv0",
        online=True,
        pid=89,
        port=60266,
        size=SIZE,
        free=1898463232,
        inodes_total=131072,
        inodes_free=131014,
        device="/dev/mapper/vg-b1",
        filesystem="ext4",
        name="dm-3",
        mount="/export/b1",
        filesystem_errors=0,
        lvm=BrickLvm(
            LogicalVolume("dm-3", "vg", "b1", SIZE, 20 << 30, 4 << 30, "tp"),
            (LvmPool("vg", "tp", "thin", 10 << 30, 47.01, 21.03),),
            TAKEN_AT - 20 * SECOND,
        ),
        clients=(BrickClient("10.99.0.1", 100000), BrickClient("10.99.0.2", 100000)),
        heal_pending=7,
        split_brain=0,
        possibly_healing=0,
    ),
    _brick(
        "gv0",
        2,
        "/export/b1/gv0",
        online=False,
        size=SIZE,
        free=1898463232,
        inodes_total=131072,
        inodes_free=131014,
        device="/dev/mapper/vg-b1",
        filesystem="ext4",
    ),
    _brick(
        "gv0",
        3,
        "/export/b1/gv0",
        arbiter=True,
        online=True,
        pid=91,
        port=49231,
        heal_pending=6,
        split_brain=1,
    ),
)
_DIST2 = (
    _brick("dist2", 1, "/export/b2/dist2", online=True, pid=120, port=51205, size=SIZE, free=SIZE // 6),
    _brick("dist2", 2, "/export/b2/dist2", online=True, pid=121, port=51206, size=SIZE, free=SIZE // 6),
)
_OLD = (
    _brick("old", 1, "/export/b2/old"),
    _brick("old", 2, "/export/b2/old"),
    _brick("old", 3, "/export/b2/old"),
)

_MOUNTS = (
    Mount(
        "gv0", "/mnt/a", ("node1.lab.test",), "", 4096, 489946, 463492, 458497, 131072, 131014, writable=True
    ),
    Mount("dist2", "/mnt/d", ("node2.lab.test",), failure="no answer within 2 s"),
)

_SETS = (Subvolume("replicate", _GV0, quorum=True),)

_DISKS = (
    Disk(
        "web.example.org",
        "disk/0",
        "gv0",
        "ganeti/0f1e2d3c.0",
        size=10 << 30,
        to_heal=2,
        node="node1.lab.test",
        template="gluster",
        allocated=3 << 20,
        bricks=_GV0,
        subvolumes=_SETS,
    ),
    Disk("web.example.org", "disk/1", "dist2", "ganeti/0f1e2d3c.1", size=1 << 30, template="ext"),
    Disk("db.example.org", "disk/0", "old", "ganeti/aa.0", bricks=_OLD),
    Disk("db.example.org", "disk/1", "gone", "ganeti/aa.1", size=0, allocated=0),
)

POOL = Pool(
    taken_at=TAKEN_AT,
    node="node1.lab.test",
    gluster_version="10.3",
    op_version=90000,
    max_op_version=100000,
    peers=(
        Peer("node1.lab.test", UUIDS["node1.lab.test"], "local", connected=True, local=True),
        Peer("node2.lab.test", UUIDS["node2.lab.test"], "Peer in Cluster", connected=True, reachable=True),
        Peer("node3.lab.test", UUIDS["node3.lab.test"], "Peer in Cluster", connected=True, reachable=False),
    ),
    volumes=(
        Volume(
            name="gv0",
            uuid="1a2b3c4d-0000-4000-8000-000000000001",
            type="replicate",
            state="started",
            transport="tcp",
            bricks=_GV0,
            subvolumes=(
                Subvolume(
                    "replicate",
                    _GV0,
                    quorum=True,
                    capacity=Capacity(SIZE, 108355584, 1878003712, "bricks"),
                ),
            ),
            options={"cluster.quorum-type": "auto", "storage.reserve": "1"},
            capacity=Capacity(SIZE, 108355584, 1878003712, "mount"),
            inodes=Inodes(131072, 58, 131014),
            heal=Heal(pending=7, split_brain=1, possibly_healing=0, taken_at=TAKEN_AT - SECOND),
            profile=(BrickProfile("node1.lab.test", "/export/b1/gv0", (), dumped_at=TAKEN_AT - 4 * SECOND),),
            daemons=tuple(
                Daemon(SELF_HEAL_DAEMON, host, uuid, online)
                for (host, uuid), online in zip(UUIDS.items(), (True, False, None))
            ),
            mounts=_MOUNTS[:1],
        ),
        Volume(
            name="dist2",
            uuid="1a2b3c4d-0000-4000-8000-000000000002",
            type="distribute",
            state="started",
            transport="tcp",
            bricks=_DIST2,
            subvolumes=tuple(Subvolume("distribute", (brick,), quorum=True) for brick in _DIST2),
            capacity=Capacity(2 * SIZE, 3344697344, 600000000, "bricks"),
            rebalance=Rebalance(
                "rebalance",
                "in progress",
                "0f1e2d3c-0000-4000-8000-00000000000a",
                nodes=(
                    RebalanceNode(
                        "node1.lab.test", "in progress", 1, files=12, size=3 << 20, lookups=40, skipped=2
                    ),
                    RebalanceNode("node2.lab.test", "completed", 0),
                ),
            ),
            profile=(
                BrickProfile(
                    "node1.lab.test",
                    "/export/b2/dist2",
                    (
                        FileOperation("WRITE", 186, 23767797.0, 55624.0, 2086462.0),
                        FileOperation("RELEASE", 1),
                    ),
                    read=0,
                    written=2048000,
                    blocks=(BlockCount(4096, 0, 100), BlockCount(8192, 0, 85), BlockCount(4194304, 0, 1)),
                ),
            ),
            snapshots=(
                VolumeSnapshot("daily", "dist2", 1795400000, activated=True, remaining=254),
                VolumeSnapshot("weekly", "dist2", 1795000000, activated=False, remaining=254),
            ),
            scrubs=(
                ScrubStatus("dist2", "node1.lab.test", TAKEN_AT, 2, 1, 0, 1795483000),
                ScrubStatus("dist2", "node2.lab.test", TAKEN_AT),
            ),
            geo_replications=(
                GeoReplication(
                    "dist2",
                    "node9.far.test::backup",
                    TAKEN_AT,
                    (
                        GeoReplicationWorker(
                            "node1.lab.test",
                            "/export/b2/dist2",
                            "active",
                            "changelog crawl",
                            1795483440,
                            1,
                            20,
                            300,
                            2,
                            1795483000,
                            1795483100,
                        ),
                        GeoReplicationWorker("node2.lab.test", "/export/b2/dist2"),
                    ),
                ),
            ),
            quota=(QuotaLimit("/images", 10**9, 8 * 10**8, 123, 10**9 - 123, False),),
            mounts=_MOUNTS[1:],
        ),
        Volume(
            name="old",
            uuid="1a2b3c4d-0000-4000-8000-000000000003",
            type="disperse",
            state="stopped",
            transport="tcp",
            bricks=_OLD,
            subvolumes=(Subvolume("disperse", _OLD, redundancy=1),),
        ),
    ),
    mounts=_MOUNTS,
    processes=(
        Process("glusterd", 23, 3051.5, 0.81, 23326720, state="sleeping"),
        Process("brick", 89, 3040.75, 0.62, 24023040, "gv0", "/export/b1/gv0", "sleeping"),
        Process("brick", 120, 3030.5, 0.25, 24023040, "dist2", "/export/b2/dist2", "stopped"),
        Process("self-heal", 106, 3040.5, 0.34, 15228928, state="sleeping"),
        Process("mount", 1868, 1695.5, 0.18, 16629760, "gv0", "/mnt/a", "sleeping"),
    ),
    disks=_DISKS,
    logs=LogReport({("brick", "error"): 2, ("glusterd", "info"): 17}, {"brick": 0, "glusterd": 0}, 1 << 20),
    auto_repairs=AutoRepairs(
        (
            RepairTry(
                "gv0", START_BRICK, "brick node2.lab.test:/export/b1/gv0 is offline", 1795483400.5, SUCCEEDED
            ),
        ),
        {("gv0", START_BRICK, SUCCEEDED): 1},
    ),
)

_OFFLINE = Problem(
    "BRICK_OFFLINE",
    CRITICAL,
    "brick node2.lab.test:/export/b1/gv0 of gv0 is offline, 2 of 3 copies are left",
    "gv0",
    "node2.lab.test:/export/b1/gv0",
)
_SPLIT = Problem("SPLIT_BRAIN", CRITICAL, "gv0 has 1 entry in split-brain", "gv0")
_PEER = Problem("PEER_SILENT", CRITICAL, "node3.lab.test cannot be reached", subject="node3.lab.test")
_SPACE = Problem("VOLUME_NEARLY_FULL", OK, "dist2 has 15 % of its space left", "dist2")

HEALTH = Health(
    code=CRITICAL,
    message="; ".join(problem.text for problem in (_OFFLINE, _SPLIT, _PEER, _SPACE)),
    problems=(_OFFLINE, _SPLIT, _PEER, _SPACE),
    volumes={
        "gv0": VolumeHealth("degraded", CRITICAL, (_OFFLINE, _SPLIT)),
        "dist2": VolumeHealth("healthy", OK, (_SPACE,)),
        "old": VolumeHealth("stopped", OK),
    },
)

#: without an answer from Gluster
NOTHING = Pool(taken_at=TAKEN_AT)
NOTHING_HEALTH = Health(
    2, "glusterd is not running", (Problem("GLUSTERD_DOWN", 2, "glusterd is not running"),), volumes={}
)

_GOLDEN = Path(__file__).parent / "golden"


def same_as_golden(name: str, text: str) -> None:
    """Compare *text* with the file in golden/; UPDATE_GOLDEN=1 writes it instead, to be read in the diff."""
    text = text.replace(f'"{__version__}"', '"VERSION"')
    golden = _GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
