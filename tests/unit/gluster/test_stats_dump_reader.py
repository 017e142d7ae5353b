"""Reading the files of statistics that this node's bricks write."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional, Tuple

import pytest

from ganeti_gluster_mon import safe_open
from ganeti_gluster_mon.gluster import stats_dump_reader
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.facts import BrickInfo, VolumeInfo
from ganeti_gluster_mon.gluster.profile import FileOperation, StatsDump
from tests.unit.gluster.parse.test_stats_dump_json import RECORDED

CONTENT = (RECORDED / "glusterfs-10.3.dump").read_bytes()
BRICK = "/export/b1/gv0"
NAME = "glusterfsd__export_b1_gv0.dump"
SECOND = 1_000_000_000


def volume(*paths: str, **changes: Any) -> VolumeInfo:
    bricks = tuple(BrickInfo(host, path, f"u-{host}", False) for host in ("node1", "node2") for path in paths)
    made = VolumeInfo(
        name="gv0",
        uuid="u",
        type="replicate",
        state="started",
        transport="tcp",
        bricks=bricks,
        replica_count=2,
        arbiter_count=0,
        disperse_count=0,
        redundancy_count=0,
        options={"diagnostics.stats-dump-interval": "10"},
    )
    return replace(made, **changes)


def read(directory: Path, *volumes: VolumeInfo, before: Tuple[StatsDump, ...] = ()) -> Tuple[StatsDump, ...]:
    previous: Optional[Capture] = Capture(1, (), stats_dumps=before) if before else None
    return stats_dump_reader.read_dumps(volumes or [volume(BRICK)], {"u-node1"}, previous, str(directory))


def write(directory: Path, content: bytes = CONTENT, age: float = 3, name: str = NAME) -> Path:
    path = directory / name
    path.write_bytes(content)
    moment = time.time_ns() - round(age * SECOND)
    os.utime(path, ns=(moment, moment))
    return path


def test_the_dump_of_this_nodes_brick(tmp_path: Path) -> None:
    path = write(tmp_path)
    (found,) = read(tmp_path)
    assert (found.brick, found.stale, found.written) == (BRICK, False, 14336000)
    assert found.written_at == path.stat().st_mtime_ns


@pytest.mark.parametrize("age", [26, 3600, -6, -3600])
def test_one_that_is_old_or_from_the_future_is_stale(tmp_path: Path, age: float) -> None:
    write(tmp_path, age=age)
    (found,) = read(tmp_path)
    assert found.stale
    # it is stale as well when it was read before, and fresh once it is written anew
    (again,) = read(tmp_path, before=(replace(found, stale=False),))
    assert again.stale
    write(tmp_path)
    (anew,) = read(tmp_path, before=(found,))
    assert not anew.stale


@pytest.mark.parametrize(
    "left_out",
    [
        {"options": {}},
        {"options": {"diagnostics.stats-dump-interval": "0"}},
        {"options": {"diagnostics.stats-dump-interval": "10", "diagnostics.stats-dump-format": "text"}},
        {"state": "stopped"},
        {"bricks": (BrickInfo("node2", BRICK, "u-node2", False), BrickInfo("node3", BRICK, None, False))},
    ],
)
def test_where_no_brick_of_this_node_writes_one_none_is_read(tmp_path: Path, left_out: Any) -> None:
    write(tmp_path)
    assert read(tmp_path, replace(volume(BRICK), **left_out)) == ()


def test_two_bricks_that_write_to_one_file_are_left_out(tmp_path: Path) -> None:
    write(tmp_path)
    assert read(tmp_path, volume(BRICK, "/export/b1_gv0")) == ()


@pytest.mark.parametrize("content", [b"", CONTENT[:8192], CONTENT[:-3]])
def test_while_the_brick_writes_the_one_before_is_kept(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, age=12)
    (before,) = read(tmp_path)
    write(tmp_path, content, age=0)
    assert read(tmp_path, before=(before,)) == (before,)
    assert read(tmp_path) == ()
    # and as long as it is not stale itself
    old = replace(before, written_at=before.written_at - 60 * SECOND)
    assert read(tmp_path, before=(old,)) == (replace(old, stale=True),)


def test_one_that_is_written_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, age=12)
    (before,) = read(tmp_path)
    path = write(tmp_path, age=5)

    def written_meanwhile(*_: object) -> bytes:
        os.utime(path)
        return CONTENT

    monkeypatch.setattr(safe_open, "read", written_meanwhile)
    assert read(tmp_path, before=(before,)) == (before,)


def test_one_that_is_not_written_anew_is_not_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    (before,) = read(tmp_path)
    monkeypatch.setattr(safe_open, "read", None)
    assert read(tmp_path, before=(before,)) == (before,)


def test_what_is_no_plain_file_of_root_is_not_read(tmp_path: Path) -> None:
    """Every user may write to the directory that Gluster makes."""
    (tmp_path / "elsewhere").write_bytes(CONTENT)
    path = tmp_path / NAME
    path.symlink_to("elsewhere")
    assert read(tmp_path) == ()
    path.unlink()
    os.mkfifo(path)
    assert read(tmp_path) == ()
    path.unlink()
    path.mkdir()
    assert read(tmp_path) == ()
    path.rmdir()
    write(tmp_path, CONTENT + b" " * (1 << 20))
    assert read(tmp_path) == ()
    if os.geteuid() == 0:
        os.chown(write(tmp_path), 12345, 12345)
        assert read(tmp_path) == ()
    assert read(tmp_path / "missing") == ()


def test_a_latency_does_not_decrease_by_rounding(tmp_path: Path) -> None:
    """Of hundreds of millions of operations the average has too few digits for the sum."""

    def written(hits: int, average: str, age: float, uptime: int) -> StatsDump:
        text = CONTENT.decode().replace('aggr.fop.write.count": 400', f'aggr.fop.write.count": {hits}')
        text = text.replace(
            'aggr.fop.write.latency_ave_usec": 1846004.75', f'aggr.fop.write.latency_ave_usec": {average}'
        )
        write(tmp_path, text.replace('aggr.uptime": 11', f'aggr.uptime": {uptime}').encode(), age)
        (found,) = read(tmp_path, before=tuple(before))
        return found

    def writes(dump: StatsDump) -> FileOperation:
        return next(each for each in dump.operations if each.name == "WRITE")

    before: Tuple[StatsDump, ...] = ()
    first = written(300_000_000, "1846004.75", 20, 1000)
    before = (first,)
    second = written(300_000_001, "1846004.63", 10, 1010)
    assert (writes(second).hits, writes(second).latency) == (300_000_001, writes(first).latency)
    before = (second,)
    third = written(300_000_100, "1846004.88", 0, 1020)
    assert writes(third).latency == 300_000_100 * 1846004.88
    # the brick was started anew meanwhile: its counts begin anew, however many there are
    anew = written(300_000_101, "1000.00", 0, 5)
    assert writes(anew).latency == 300_000_101 * 1000.0
    # or its counts were cleared
    cleared = written(2, "1000.00", 0, 1020)
    assert writes(cleared).latency == 2000.0
