"""The files of statistics that bricks write, recorded and made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import pytest

from ganeti_gluster_mon.gluster.parse.stats_dump_json import dump_name, stats_dump
from ganeti_gluster_mon.gluster.profile import BlockCount, FileOperation, StatsDump
from ganeti_gluster_mon.gluster.validation import Unreadable

RECORDED = Path(__file__).parents[1] / "stats_dumps"
BRICK = "/export/b1/gv0"
PREFIX = "gluster.brick._b_c.aggr."
VALUES: Dict[str, Any] = {
    "read_1b": 1,
    "write_1b": 2,
    "read_128kb": 3,
    "write_128kb": 0,
    "read_1024mb": 0,
    "write_1024mb": 4,
    "fop.write.count": 6,
    "fop.write.latency_ave_usec": 1.5,
    "fop.release.count": 2,
    "fop.release.latency_ave_usec": 0.0,
    "fop.lookup.count": 0,
    "fop.lookup.latency_ave_usec": 0.0,
    "fop.ci_iatt.count": 9,
    "uptime": 11,
    "bytes_read": 12,
    "bytes_written": 13,
}


def dump(second: str = "{}", **changes: Any) -> bytes:
    """A dump of the brick at /b/c with *changes*; None leaves a value out."""
    values = {**VALUES, **{key.replace("__", "."): value for key, value in changes.items()}}
    first = json.dumps({PREFIX + key: value for key, value in values.items() if value is not None})
    return f"{first}\n{second}\n".encode()


def test_a_recorded_one() -> None:
    """Of 300 writes of 4 kB and 100 of 128 kB, as `volume profile info cumulative` listed them at that time."""
    content = (RECORDED / "glusterfs-10.3.dump").read_bytes()
    found = stats_dump(content, BRICK, 5)
    assert (found.brick, found.written_at, found.stale, found.uptime) == (BRICK, 5, False, 11)
    assert (found.read, found.written) == (0, 300 * 4096 + 100 * 131072)
    assert [block for block in found.blocks if block.reads or block.writes] == [
        BlockCount(4096, 0, 300),
        BlockCount(131072, 0, 100),
    ]
    assert [block.size for block in found.blocks] == [1 << power for power in range(31)]
    operations = {each.name: each for each in found.operations}
    assert {name: each.hits for name, each in operations.items()} == {
        "MKDIR": 1, "OPEN": 2, "WRITE": 400, "STATFS": 1, "FLUSH": 5, "FSYNC": 300, "SETXATTR": 1, "GETXATTR": 16,
        "OPENDIR": 8, "CREATE": 2, "FSTAT": 1, "LOOKUP": 24, "READDIR": 16, "INODELK": 4, "FINODELK": 4, "ENTRYLK": 4,
        "FXATTROP": 4, "RELEASE": 4, "RELEASEDIR": 8,
    }  # fmt: skip
    # nanoseconds, as the profile's 1846004.730000
    assert operations["WRITE"].latency == pytest.approx(400 * 1846004.73, rel=1e-7)
    assert operations["RELEASE"].latency is None
    least, largest = operations["WRITE"].least or 0.0, operations["WRITE"].largest or 0.0
    assert 0 < least < 1846004.73 < largest


def test_one_of_glusterfs_11() -> None:
    """The profile listed 400 writes of 2168029.795000 ns."""
    found = stats_dump((RECORDED / "glusterfs-11.1.dump").read_bytes(), BRICK, 5)
    assert (found.read, found.written) == (0, 300 * 4096 + 100 * 131072)
    writes = next(each for each in found.operations if each.name == "WRITE")
    assert writes.hits == 400
    assert writes.latency == pytest.approx(400 * 2168029.795, rel=1e-7)


def test_each_value() -> None:
    assert stats_dump(dump(), "/b/c", 7) == StatsDump(
        "/b/c",
        7,
        False,
        11,
        (FileOperation("WRITE", 6, 9.0), FileOperation("RELEASE", 2)),
        12,
        13,
        (BlockCount(1, 1, 2), BlockCount(131072, 3, 0), BlockCount(1 << 30, 0, 4)),
    )


@pytest.mark.parametrize("part", [0, 1, 4096, 8192, 16384, 21304, 30000, 42000, 42600])
def test_one_that_is_not_whole_yet(part: int) -> None:
    content = (RECORDED / "glusterfs-10.3.dump").read_bytes()
    with pytest.raises(Unreadable):
        stats_dump(content[:part], BRICK, 5)


@pytest.mark.parametrize("part", range(0, len(dump()) - 2, 7))
def test_no_part_of_one_is_taken(part: int) -> None:
    with pytest.raises(Unreadable):
        stats_dump(dump()[:part], "/b/c", 5)


@pytest.mark.parametrize(
    "content",
    [
        dump("[]"),
        dump("{} x"),
        dump("3"),
        b"[1]\n{}\n",
        b"\xff\xfe",
        b"[" * 100_000,
        b"{" + b'"a":' * 50_000,
        dump(uptime=None),
        dump(uptime=-1),
        dump(uptime=True),
        dump(uptime="11"),
        dump(bytes_read=1 << 63),
        dump(bytes_written=1.5),
        dump(write_1b=None),
        dump(read_3b=1, write_3b=1),
        dump(read_0b=1, write_0b=1),
        dump(fop__write__count=-3),
        dump(fop__write__count="6"),
        dump(fop__write__latency_ave_usec="1.5"),
        dump(fop__write__latency_ave_usec=-1.5),
        dump(fop__write__latency_ave_usec=float("nan")),
        dump(fop__write__latency_ave_usec=float("inf")),
        dump(fop__write__latency_ave_usec=1e300),
        dump(fop__write__latency_max_usec="1"),
    ],
)
def test_what_cannot_be_understood(content: bytes) -> None:
    with pytest.raises(Unreadable):
        stats_dump(content, "/b/c", 5)


def test_that_of_another_brick_is_not_taken() -> None:
    with pytest.raises(Unreadable, match="uptime is None"):
        stats_dump(dump(), "/b/d", 5)


def test_the_name_of_the_file() -> None:
    assert dump_name(BRICK) == "glusterfsd__export_b1_gv0.dump"
