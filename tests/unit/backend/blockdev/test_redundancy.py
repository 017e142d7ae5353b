"""What the daemon tells the storage backend, and what that makes of it: digest → seen → redundancy and space."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti_gluster_mon.backend.blockdev.redundancy import Redundancy, redundancy
from ganeti_gluster_mon.backend.blockdev.volume_space import space
from ganeti_gluster_mon.backend.status_file import known_volumes, volume_status
from ganeti_gluster_mon.backend.volume import GlusterVolume, VolumeError
from ganeti_gluster_mon.daemon.web.storage_status import Peaks, storage_status
from ganeti_gluster_mon.gluster.model import Brick, Capacity, Heal, Pool, Subvolume, Volume
from tests.unit.example_pool import NOTHING, POOL, TAKEN_AT

DISK = "ganeti/0a1b.0"
GV0 = GlusterVolume("127.0.0.1", 24007, "gv0")
FINE, DEGRADED = Redundancy(), Redundancy(degraded=True)


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


def tell(path: Path, told: Pool, peaks: Optional[Peaks] = None, at: Optional[int] = None) -> Peaks:
    """Have the daemon write what it saw; the peaks of the backlogs."""
    content, new = storage_status(told, peaks or {}, now() if at is None else at)
    path.write_bytes(content)
    return new


def of(path: Path, disk: str = DISK, volume: GlusterVolume = GV0) -> Redundancy:
    return redundancy(volume, disk, str(path))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "storage.json"


def test_without_a_daemon_nothing_is_said(source: Path) -> None:
    assert of(source) == FINE


def test_all_copies_are_there(source: Path) -> None:
    tell(source, pool(copies(True, True, True)))
    assert of(source) == FINE


def test_a_missing_brick_is_a_missing_copy(source: Path) -> None:
    tell(source, pool(copies(True, False, True)))
    assert of(source) == DEGRADED


def test_what_is_not_known_is_no_illness(source: Path) -> None:
    tell(source, pool(copies(True, None, None, pending=None), pending=None))
    assert of(source) == FINE


def test_percent_of_the_largest_backlog_until_it_is_gone(source: Path) -> None:
    ill = tell(source, pool(copies(True, False, True, pending=3), pending=3))
    assert of(source) == DEGRADED, "while a brick is away nothing is being healed"
    ill = tell(source, pool(copies(True, True, True, pending=8), pending=8), ill)
    assert of(source) == Redundancy(True, 0.0)
    ill = tell(source, pool(copies(True, True, True, pending=2), pending=2), ill)
    assert of(source) == Redundancy(True, 75.0)
    ill = tell(source, pool(copies(True, True, True, pending=None), pending=None), ill)
    assert of(source) == FINE, "not known"
    ill = tell(source, pool(copies(True, True, True, pending=4), pending=4), ill)
    assert of(source) == Redundancy(True, 50.0), "and the peak was not forgotten meanwhile"
    ill = tell(source, pool(copies(True, True, True)), ill)
    assert (of(source), ill) == (FINE, {})


def test_only_the_bricks_that_hold_the_disk_count(source: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for brick in (here, there):
        (brick / "ganeti").mkdir(parents=True)
    sets = copies(True, True, True, paths=str(here)), copies(True, False, True, paths=str(there))
    tell(source, pool(*sets))
    assert of(source) == DEGRADED, "nobody can tell which it is: the worst"
    (here / DISK).write_bytes(b"x")
    assert of(source) == FINE
    (here / DISK).rename(there / DISK)
    assert of(source) == DEGRADED
    # What only points to the other subvolume holds nothing.
    (here / DISK).touch()
    (here / DISK).chmod(0o1000)
    assert of(source) == DEGRADED
    (here / DISK).chmod(0o600)
    (there / DISK).unlink()
    assert of(source) == FINE
    tell(source, pool(*sets, features_shard="on"))
    assert of(source) == DEGRADED, "its shards are on all of them"


def test_a_lone_brick_that_is_away_takes_the_disk_with_it(source: Path) -> None:
    tell(source, pool(copies(True, kind="distribute"), copies(False, kind="distribute")))
    assert of(source) == DEGRADED


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ("127.0.0.1", DEGRADED),
        ("::1", DEGRADED),
        ("localhost", DEGRADED),
        ("/run/glusterd.socket", DEGRADED),
        ("NODE2.lab.test", DEGRADED),
        ("other.example.org", FINE),
        ("192.0.2.1", FINE),
    ],
)
def test_another_pool_may_have_a_volume_of_that_name(source: Path, server: str, told: Redundancy) -> None:
    tell(source, pool(copies(True, False, True)))
    assert of(source, volume=GlusterVolume(server, 24007, "gv0")) == told


def test_what_is_old_is_not_believed(source: Path) -> None:
    ill = pool(copies(True, False, True))
    for age, told in ((0, DEGRADED), (290, DEGRADED), (310, FINE), (-10, FINE)):
        tell(source, ill, at=now() - age * 10**9)
        assert of(source) == told, age


def test_names_of_hosts_are_in_lower_case(source: Path) -> None:
    tell(source, POOL)
    assert json.loads(source.read_text())["hosts"] == ["node1.lab.test", "node2.lab.test", "node3.lab.test"]
    tell(source, pool(Subvolume("replicate", (Brick("gv0", "NODE9", "/b", online=False),))))
    assert of(source, volume=GlusterVolume("Node9", 24007, "gv0")) == DEGRADED


def test_the_example(source: Path) -> None:
    """gv0's brick on node2 is offline, dist2 is well, of old nothing is known."""
    peaks = tell(source, POOL)
    assert peaks == {"gv0": 7}
    assert of(source) == DEGRADED
    assert of(source, volume=GlusterVolume("127.0.0.1", 24007, "dist2")) == FINE
    assert of(source, volume=GlusterVolume("127.0.0.1", 24007, "old")) == FINE
    assert sorted(known_volumes(str(source))) == ["dist2", "gv0", "old"]
    tell(source, NOTHING)
    assert known_volumes(str(source)) == []
    assert json.loads(storage_status(POOL, {}, TAKEN_AT)[0])["boottime"] == TAKEN_AT


GOOD: Dict[str, Any] = json.loads(
    storage_status(pool(copies(True, True, True, pending=2), pending=2), {"gv0": 8}, 0)[0]
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spoilt") / "storage.json"


@given(data=st.data())
def test_nonsense_is_nothing_known(spoilt: Path, data: st.DataObject) -> None:
    """The web process, which writes it, has connections from the network."""
    told = json.loads(json.dumps({**GOOD, "boottime": now()}))
    gv0 = ("volumes", "gv0")
    brick = (*gv0, "subvolumes", 0, "bricks", 0)
    at = data.draw(st.sampled_from([(), gv0[:1], gv0, (*gv0, "subvolumes", 0), brick]))
    place: Any = told
    for step in at:
        place = place[step]
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(JSON)
    spoilt.write_text(json.dumps(told))
    found = of(spoilt)
    assert found.percent is None or 0 <= found.percent <= 100
    assert all(name.isascii() for name in known_volumes(str(spoilt)))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100000, b'{"format_version": 2}']
)
def test_what_is_no_digest(source: Path, content: bytes) -> None:
    source.write_bytes(content)
    assert volume_status("127.0.0.1", "gv0", str(source)) is None
    assert known_volumes(str(source)) == []


def test_no_link_nor_pipe_is_followed(source: Path, tmp_path: Path) -> None:
    tell(tmp_path / "elsewhere", pool(copies(True, False, True)))
    source.symlink_to(tmp_path / "elsewhere")
    assert of(source) == FINE
    source.unlink()
    os.mkfifo(source)
    assert of(source) == FINE


def test_space_as_the_collector_reckoned_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it cannot be mounted."""
    monkeypatch.setenv("PATH", str(tmp_path))
    tell(source, pool(copies(True, True, True)))
    mine = GlusterVolume("127.0.0.1", 1, "gv0", (), str(tmp_path / "gluster"), str(tmp_path / "uses"))
    assert space(mine, str(source)) == Capacity(1000, 400, 600, "bricks")


@pytest.mark.parametrize("figure", [None, "1000", -1, True, 1.5])
def test_space_that_is_not_known_is_no_figure(
    source: Path, tmp_path: Path, figure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    told = json.loads(json.dumps({**GOOD, "boottime": now()}))
    told["volumes"]["gv0"]["size"] = figure
    source.write_text(json.dumps(told))
    mine = GlusterVolume("127.0.0.1", 1, "gv0", (), str(tmp_path / "gluster"), str(tmp_path / "uses"))
    with pytest.raises(VolumeError, match="cannot be mounted"):
        space(mine, str(source))
