"""Whether a volume has room for a request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

import pytest

from ganeti_gluster_mon.gluster.model import Brick, Capacity, Disk, Inodes, Pool, Subvolume, Volume
from ganeti_gluster_mon.health import Limits, evaluate
from ganeti_gluster_mon.hooks.space_check import refusal
from ganeti_gluster_mon.hooks.space_request import SpaceRequest
from tests.unit.hooks.test_space_guard import CONFIGURATION, GIB


def the_pool(
    available: int = 4 * GIB,
    allocated: Optional[int] = GIB,
    quorum: bool = True,
    sets: int = 1,
    **more: Any,
) -> Pool:
    """gv0, of 10 GiB, with two disks on it that take *allocated* each."""
    bricks = tuple(
        Brick(
            "gv0",
            f"n{n}",
            "/b",
            online=quorum,
            size=10 * GIB // sets,
            free=available // sets,
            block_size=4096,
            inodes_total=9,
            inodes_free=9,
        )
        for n in range(sets)
    )
    volume = Volume(
        name="gv0",
        uuid="",
        type="distribute",
        state="started",
        transport="tcp",
        bricks=bricks,
        subvolumes=tuple(Subvolume("distribute", (brick,), quorum=quorum) for brick in bricks),
        capacity=Capacity(10 * GIB, 10 * GIB - available, available, "bricks"),
        inodes=Inodes(100, 1, 99),
    )
    disks = tuple(
        Disk(each.instance, each.name, each.volume, each.path, each.size, allocated=allocated)
        for each in CONFIGURATION.disks[:2]
    )
    return Pool(1, volumes=(replace(volume, **more),), disks=disks)


def why(pool: Pool, more: int = 0, overcommit: float = 1.0, largest: int = 1) -> Optional[str]:
    wanted = SpaceRequest("gv0", more, largest, "new")
    return refusal(wanted, CONFIGURATION, pool, evaluate(pool, Limits(), 1), overcommit)


def test_what_is_promised_counts_and_not_what_is_taken() -> None:
    """6 GiB are promised; 4 GiB are free and 2 GiB taken by the disks: not a byte more."""
    assert why(the_pool()) is None
    text = why(the_pool(), more=GIB)
    assert text == (
        "volume gv0 has no room for 1.0G more: 6.0G are promised to disks, which may take 6.0G; add bricks "
        "(gnt-gluster expand-volume), or raise GLUSTER_OVERCOMMIT"
    )
    assert why(the_pool(available=5 * GIB), more=GIB) is None
    assert why(the_pool(available=5 * GIB), more=GIB + 1) is not None


def test_overcommit() -> None:
    assert why(the_pool(), more=6 * GIB, overcommit=2.0) is None
    text = why(the_pool(), more=6 * GIB + 1, overcommit=2.0)
    assert text is not None and "which may take 6.0G, times 2; " in text
    assert why(the_pool(), overcommit=0.9) is not None


def test_what_the_disks_take_is_not_known() -> None:
    """Then all that is used may be theirs: nothing is refused that might fit."""
    assert why(the_pool(allocated=None), more=4 * GIB) is None
    assert why(the_pool(allocated=None), more=4 * GIB + 1) is not None
    assert why(replace(the_pool(), disks=None), more=4 * GIB) is None


def test_a_removed_disk_is_not_counted_and_a_new_one_takes_nothing_yet() -> None:
    pool = the_pool()
    gone = Disk("old", "disk/0", "gv0", "ganeti/old.0", allocated=3 * GIB)
    assert why(replace(pool, disks=(*(pool.disks or ()), gone)), more=1) is not None
    assert why(replace(pool, disks=(pool.disks or ())[:1])) is not None


def test_a_disk_has_to_lie_on_one_subvolume() -> None:
    pool = the_pool(available=9 * GIB, sets=2)
    text = why(pool, more=GIB, largest=6 * GIB)
    assert text is not None
    assert (
        "a disk of 6.0G does not fit on gv0: without sharding it has to lie on one of its 2 subvolumes"
        in text
    )
    assert (
        why(the_pool(available=9 * GIB, sets=2, options={"features.shard": "on"}), GIB, largest=6 * GIB)
        is None
    )


@pytest.mark.parametrize(
    ("pool", "text"),
    [
        (
            the_pool(quorum=False),
            "volume gv0 is down, no disk can be made or grown: gv0: subvolume has lost quorum: no access to its files",
        ),
        (the_pool(state="stopped"), "volume gv0 is not started: gluster volume start gv0"),
        (Pool(1, volumes=()), "there is no volume gv0; gnt-gluster list shows which there are"),
        (the_pool(available=0, allocated=9 * GIB), "volume gv0 is full, not a byte is free"),
        (the_pool(inodes=Inodes(9, 9, 0)), "volume gv0 can take no more files: it has no inode left"),
    ],
)
def test_what_takes_no_disk_at_all(pool: Pool, text: str) -> None:
    reply = why(pool, more=1)
    assert reply is not None and reply.startswith(text) and "\n" not in reply


@pytest.mark.parametrize("pool", [Pool(1), the_pool(capacity=None, inodes=None)])
def test_what_is_not_known_is_let_pass(pool: Pool) -> None:
    assert why(pool, more=10**18) is None


def test_a_volume_of_another_pool_is_not_judged() -> None:
    pool = Pool(1, volumes=())
    for server, refused in (
        ("127.0.0.1", True),
        ("localhost", True),
        ("/run/x.sock", True),
        ("10.0.0.1", False),
    ):
        wanted = SpaceRequest("far", GIB, GIB, "new", server)
        reply = refusal(wanted, CONFIGURATION, pool, evaluate(pool, Limits(), 1), 1.0)
        assert (reply is not None) is refused
