"""A pool of a thousand bricks in which every feature is on: what the benches of serving and rendering serve."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Tuple

from ganeti_gluster_mon.gluster.geo_replication import GeoReplication, GeoReplicationWorker
from ganeti_gluster_mon.gluster.log_messages import LEVELS, LogReport
from ganeti_gluster_mon.gluster.lvm import BrickLvm, LogicalVolume, LvmPool
from ganeti_gluster_mon.gluster.model import Brick, Disk, Mount, Pool, Process, Subvolume, Volume
from ganeti_gluster_mon.gluster.parse.stats_dump_json import stats_dump
from ganeti_gluster_mon.gluster.profile import BlockCount, BrickProfile, FileOperation
from ganeti_gluster_mon.gluster.quota import QuotaLimit
from ganeti_gluster_mon.gluster.rebalance import Rebalance, RebalanceNode
from ganeti_gluster_mon.gluster.scrub import ScrubStatus
from ganeti_gluster_mon.gluster.snapshots import VolumeSnapshot
from tests.unit.example_pool import POOL, SIZE, TAKEN_AT

BRICKS = 1000
GUESTS = 1000
#: volumes of three bricks each
VOLUMES = -(-BRICKS // 3)
#: the processes of Gluster whose logs are counted
_LOGS = ("glusterd", "brick", "self-heal", "mount", "quotad", "bitd", "scrub", "snapd", "rebalance")
_DUMP = Path(__file__).parents[1] / "unit/gluster/stats_dumps/glusterfs-10.3.dump"


def large_pool(features: bool = True, profile: bool = True) -> Pool:
    """Volumes of three bricks each, a thousand and two bricks in all; some are unwell.

    Without *features* only what every pool has: no profile, quota, snapshots, scrubbers, geo-replication, rebalance,
    LVM, guests.  Without *profile* all but that.
    """
    volumes = tuple(_volume(f"volume{number:03}", number, features, profile) for number in range(VOLUMES))
    if not features:
        return replace(POOL, volumes=volumes)
    disks = tuple(_disk(number, volumes[number % VOLUMES]) for number in range(GUESTS))
    mounts = tuple(mount for volume in volumes for mount in volume.mounts)
    # a third of the bricks is on this node
    bricks = (volume.bricks[0] for volume in volumes)
    processes = tuple(
        Process("brick", 1000 + number, 3040.0, 0.5, 24 << 20, brick.volume, brick.path, "sleeping")
        for number, brick in enumerate(bricks)
    )
    counts = {(process, level): 17 for process in _LOGS for level in LEVELS.values()}
    logs = LogReport(counts, dict.fromkeys(_LOGS, 0), 1 << 30)
    return replace(
        POOL,
        volumes=volumes,
        disks=disks,
        mounts=mounts,
        processes=(*(POOL.processes or ()), *processes),
        logs=logs,
    )


def _volume(name: str, number: int, features: bool, profile: bool) -> Volume:
    assert POOL.volumes is not None
    volume = POOL.volumes[0]
    bricks = tuple(
        replace(brick, volume=name, path=f"/export/{name}", online=True, free=number << 20)
        for brick in volume.bricks
    )
    subvolumes = (replace(volume.subvolumes[0], bricks=bricks),)
    plain = replace(volume, name=name, bricks=bricks, subvolumes=subvolumes, profile=None)
    full = _with_features(plain, number) if features else plain
    return full if profile else replace(full, profile=None)


def _with_features(volume: Volume, number: int) -> Volume:
    # each node knows the logical volumes under its own bricks
    here, *others = volume.bricks
    bricks = (replace(here, lvm=_lvm(here, number)), *others)
    return replace(
        volume,
        bricks=bricks,
        subvolumes=(replace(volume.subvolumes[0], bricks=bricks),),
        profile=tuple(_profile(brick, 3 * number + place + 1) for place, brick in enumerate(bricks)),
        quota=(QuotaLimit("/images", 10**9, 8 * 10**8, number, 10**9 - number, False),),
        snapshots=(VolumeSnapshot("daily", volume.name, 1795400000, activated=True, remaining=254),),
        scrubs=tuple(ScrubStatus(volume.name, brick.host, TAKEN_AT, 2, 1, 0, 1795483000) for brick in bricks),
        rebalance=Rebalance(
            "rebalance",
            "completed",
            f"0f1e2d3c-0000-4000-8000-{number:012}",
            nodes=tuple(
                RebalanceNode(brick.host, "completed", 1, files=12, size=3 << 20, lookups=40)
                for brick in bricks
            ),
        ),
        geo_replications=(
            GeoReplication(
                volume.name,
                "node9.far.test::backup",
                TAKEN_AT,
                tuple(
                    _worker(brick, "active" if place == 0 else "passive")
                    for place, brick in enumerate(bricks)
                ),
            ),
        ),
        mounts=(
            Mount(
                volume.name,
                f"/mnt/{volume.name}",
                ("node1.lab.test",),
                "",
                4096,
                489946,
                463492,
                458497,
                131072,
                131014,
            ),
        ),
    )


def _lvm(brick: Brick, number: int) -> BrickLvm:
    vg = f"vg{number}"
    volume = LogicalVolume(f"dm-{number}", vg, brick.volume, SIZE, 20 << 30, 4 << 30, "tp")
    return BrickLvm(volume, (LvmPool(vg, "tp", "thin", 10 << 30, 47.01, 21.03),), TAKEN_AT)


def _profile(brick: Brick, times: int) -> BrickProfile:
    """What a brick of the lab had counted after some writes, 19 kinds of operations, so many *times*."""
    return BrickProfile(
        brick.host,
        brick.path,
        tuple(
            FileOperation(
                each.name, each.hits * times, None if each.latency is None else each.latency * times * 1.001
            )
            for each in _COUNTED.operations
        ),
        (_COUNTED.read or 0) * times,
        (_COUNTED.written or 0) * times,
        tuple(BlockCount(each.size, each.reads * times, each.writes * times) for each in _COUNTED.blocks),
    )


def _worker(brick: Brick, status: str) -> GeoReplicationWorker:
    return GeoReplicationWorker(
        brick.host, brick.path, status, "changelog crawl", 1795483440, 1, 20, 300, 2, 1795483000, 1795483100
    )


def _disk(number: int, volume: Volume) -> Disk:
    subvolumes: Tuple[Subvolume, ...] = volume.subvolumes
    return Disk(
        f"guest{number:04}.example.org",
        "disk/0",
        volume.name,
        f"ganeti/{number:08}.0",
        size=10 << 30,
        node="node1.lab.test",
        template="gluster",
        allocated=3 << 20,
        bricks=volume.bricks,
        subvolumes=subvolumes,
        to_heal=0,
    )


_COUNTED = stats_dump(_DUMP.read_bytes(), "/export/b1/gv0", TAKEN_AT)
