"""The table of what statvfs really said (docs/gluster.md), reckoned from the bricks alone."""

from typing import Optional, Tuple

import pytest

from ganeti_gluster_mon.gluster import capacity
from ganeti_gluster_mon.gluster.model import Brick, Capacity, Inodes, Mount, Subvolume

#: an ext4 image of 2 GiB, as a brick of the lab stands on it
BLOCKS, INODES = 489946, 131072


def brick(number: int, blocks: int = BLOCKS, **changes: object) -> Brick:
    values = {
        "volume": "v",
        "host": f"node{number}",
        "path": "/export/b1/v",
        "uuid": f"uuid{number}",
        "online": True,
        "size": blocks * 4096,
        "free": blocks * 4096,
        "block_size": 4096,
        "inodes_total": INODES,
        "inodes_free": INODES - 11,
        "device": "/dev/loop1",
    }
    return Brick(**{**values, **changes})  # type: ignore[arg-type]


def replicate(*bricks: Brick) -> Subvolume:
    return Subvolume("replicate", bricks)


def told(subvolumes: Tuple[Subvolume, ...], **options: str) -> Tuple[Capacity, Optional[Inodes]]:
    space = capacity.of_bricks(
        subvolumes, {name.replace("__", "."): value for name, value in options.items()}
    )
    assert space is not None
    return space


REPLICA_3 = replicate(brick(1), brick(2), brick(3))


@pytest.mark.parametrize(
    ("layout", "subvolumes", "blocks", "inodes"),
    [
        ("replica 3", (REPLICA_3,), 489946, 131072),
        (
            "replica 3 arbiter 1",
            (replicate(brick(1), brick(2), brick(3, 1000, arbiter=True)),),
            489946,
            131072,
        ),
        (
            "distribute 2",
            (Subvolume("distribute", (brick(1),)), Subvolume("distribute", (brick(2),))),
            979892,
            262144,
        ),
        (
            "disperse 3 redundancy 1",
            (Subvolume("disperse", (brick(1), brick(2), brick(3)), redundancy=1),),
            979892,
            131072,
        ),
        ("2 x replica 3", (REPLICA_3, replicate(brick(4), brick(5), brick(6))), 979892, 262144),
        (
            "distribute over unequal bricks",
            tuple(
                Subvolume("distribute", (brick(i, blocks),))
                for i, blocks in enumerate((489946, 743114, 995256))
            ),
            2228316,
            3 * 131072,
        ),
        (
            "replica 3 over unequal bricks",
            (replicate(brick(1), brick(2, 743114), brick(3, 995256)),),
            489946,
            131072,
        ),
    ],
)
def test_volume_is_as_large_as_statvfs_says(
    layout: str, subvolumes: Tuple[Subvolume, ...], blocks: int, inodes: int
) -> None:
    space, files = told(subvolumes)
    assert files is not None
    assert (space.size, files.total) == (blocks * 4096, inodes)
    assert space.source == "bricks"


def test_three_bricks_on_one_filesystem_count_a_third_each() -> None:
    shared = replicate(*(brick(1, path=f"/export/{i}", uuid="same") for i in range(3)))
    space, files = told((shared,))
    assert files is not None
    assert space.size == (BLOCKS // 3) * 4096
    assert files.total == INODES // 3


def test_same_device_name_on_other_hosts_is_not_shared() -> None:
    assert told((REPLICA_3,))[0].size == BLOCKS * 4096


@pytest.mark.parametrize(
    ("reserve", "blocks"),
    [("1", 4899), ("0", 0), ("2.5%", 12249), ("50", 244973), ("400MB", 102400), ("1GB", 262144), ("101", 1)],
)
def test_storage_reserve_is_not_available(reserve: str, blocks: int) -> None:
    space, _ = told((REPLICA_3,), storage__reserve=reserve)
    assert space.available == (BLOCKS - blocks) * 4096
    assert space.used == blocks * 4096


def test_a_reserve_that_is_not_understood_makes_space_unknown() -> None:
    assert capacity.of_bricks((REPLICA_3,), {"storage.reserve": "a bit"}) is None


def test_an_offline_brick_does_not_count_and_a_lost_set_adds_nothing() -> None:
    small_one_down = replicate(brick(1, 1000, online=False), brick(2), brick(3))
    lost = replicate(*(brick(i, online=False) for i in (4, 5, 6)))
    assert told((small_one_down, lost))[0].size == BLOCKS * 4096
    assert capacity.of_bricks((lost,), {}) is None


def test_one_brick_that_has_not_told_its_size_makes_space_unknown() -> None:
    assert capacity.of_bricks((replicate(brick(1), brick(2, size=None)),), {}) is None


def test_filesystems_without_inode_counts_have_space_and_no_inodes() -> None:
    uncounted = replicate(brick(1, inodes_total=None, inodes_free=None), brick(2))
    counted = replicate(brick(4), brick(5))
    space = capacity.of_bricks((uncounted, counted), {})
    assert space is not None
    assert (space[0].size, space[1]) == (2 * BLOCKS * 4096, None)


def test_unlike_block_sizes_are_brought_to_the_larger_one() -> None:
    fine = Subvolume("distribute", (brick(1, 8000, size=8000 * 512, free=8000 * 512, block_size=512),))
    coarse = Subvolume("distribute", (brick(2, 1000),))
    assert told((fine, coarse))[0].size == 2000 * 4096


def test_mount_tells_space_as_df_does() -> None:
    mount = Mount("v", "/mnt/v", f_frsize=4096, f_blocks=100, f_bfree=40, f_bavail=35, f_files=10, f_ffree=4)
    assert capacity.of_mount(mount) == (
        Capacity(size=409600, used=245760, available=143360, source="mount"),
        Inodes(10, 6, 4),
    )


@pytest.mark.parametrize("changes", [{"f_blocks": None}, {"f_bfree": -1}, {"f_frsize": 0}])
def test_mount_without_figures_tells_nothing(changes: dict) -> None:  # type: ignore[type-arg]
    whole = {"f_frsize": 1, "f_blocks": 1, "f_bfree": 1, "f_bavail": 1, "f_files": 1, "f_ffree": 1}
    assert capacity.of_mount(Mount("v", "/mnt/v", **{**whole, **changes})) is None
