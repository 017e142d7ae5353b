"""The status file of the daemon, and what the storage backend makes of it: redundancy and space."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Optional

import pytest

from ganeti_gluster_mon.backend.blockdev.redundancy import Redundancy, redundancy
from ganeti_gluster_mon.backend.volume import GlusterVolume
from ganeti_gluster_mon.daemon.web.storage_status import Peaks, storage_status
from ganeti_gluster_mon.gluster.model import Brick, Capacity, Heal, Pool, Subvolume, Volume
from tests.unit.example_pool import POOL

DISK = "ganeti/0a1b.0"
GV0 = GlusterVolume("127.0.0.1", 24007, "gv0")
NOT_DEGRADED, DEGRADED = Redundancy(), Redundancy(degraded=True)


def now() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def pool(*sets: Subvolume, pending: Optional[int] = 0, **options: str) -> Pool:
    """A pool with volume gv0 of these subvolumes."""
    bricks = tuple(brick for each in sets for brick in each.bricks)
    volume = Volume(
        name="gv0",
        uuid="u",
        type=sets[0].type,
        state="started",
        transport="tcp",
        bricks=bricks,
        subvolumes=sets,
        options={name.replace("_", "."): value for name, value in options.items()},
        capacity=Capacity(1000, 400, 600, "bricks"),
        heal=None if pending is None else Heal(pending, 0, 0),
    )
    return replace(POOL, volumes=(volume,))


def copies(
    *online: Optional[bool], pending: Optional[int] = 0, paths: str = "/b", kind: str = "replicate"
) -> Subvolume:
    """A subvolume on node1, node2, …: whether each brick is online."""
    hosts = [f"node{number}.lab.test" for number in range(1, len(online) + 1)]
    assert POOL.peers
    uuids = {peer.hostname: peer.uuid for peer in POOL.peers}
    return Subvolume(
        kind,
        tuple(
            Brick("gv0", host, paths, uuids.get(host), online=up, heal_pending=pending)
            for host, up in zip(hosts, online)
        ),
    )


def publish_status(
    path: Path, source_pool: Pool, peaks: Optional[Peaks] = None, at: Optional[int] = None
) -> Peaks:
    """Have the daemon write what it saw; the peaks of the backlogs."""
    content, new = storage_status(source_pool, peaks or {}, now() if at is None else at)
    path.write_bytes(content)
    return new


def of(path: Path, disk: str = DISK, volume: GlusterVolume = GV0) -> Redundancy:
    return redundancy(volume, disk, str(path))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "storage.json"


def test_without_a_daemon_nothing_is_reported(source: Path) -> None:
    assert of(source) == NOT_DEGRADED


def test_all_copies_are_there(source: Path) -> None:
    publish_status(source, pool(copies(True, True, True)))
    assert of(source) == NOT_DEGRADED


def test_a_missing_brick_is_a_missing_copy(source: Path) -> None:
    publish_status(source, pool(copies(True, False, True)))
    assert of(source) == DEGRADED


def test_what_is_not_known_is_no_illness(source: Path) -> None:
    publish_status(source, pool(copies(True, None, None, pending=None), pending=None))
    assert of(source) == NOT_DEGRADED


def test_only_the_bricks_that_hold_the_disk_count(source: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for brick in (here, there):
        (brick / "ganeti").mkdir(parents=True)
    sets = copies(True, True, True, paths=str(here)), copies(True, False, True, paths=str(there))
    publish_status(source, pool(*sets))
    assert of(source) == DEGRADED, "it is not known which it is: the worst"
    (here / DISK).write_bytes(b"x")
    assert of(source) == NOT_DEGRADED
    (here / DISK).rename(there / DISK)
    assert of(source) == DEGRADED
    # What only points to the other subvolume holds nothing.
    (here / DISK).touch()
    (here / DISK).chmod(0o1000)
    assert of(source) == DEGRADED
    (here / DISK).chmod(0o600)
    (there / DISK).unlink()
    assert of(source) == NOT_DEGRADED
    publish_status(source, pool(*sets, features_shard="on"))
    assert of(source) == DEGRADED, "its shards are on all of them"


def test_a_lone_brick_that_is_away_takes_the_disk_with_it(source: Path) -> None:
    publish_status(source, pool(copies(True, kind="distribute"), copies(False, kind="distribute")))
    assert of(source) == DEGRADED


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("127.0.0.1", DEGRADED),
        ("::1", DEGRADED),
        ("localhost", DEGRADED),
        ("/run/glusterd.socket", DEGRADED),
        ("NODE2.lab.test", DEGRADED),
        ("other.example.org", NOT_DEGRADED),
        ("192.0.2.1", NOT_DEGRADED),
    ],
)
def test_another_pool_may_have_a_volume_of_that_name(source: Path, server: str, expected: Redundancy) -> None:
    publish_status(source, pool(copies(True, False, True)))
    assert of(source, volume=GlusterVolume(server, 24007, "gv0")) == expected
