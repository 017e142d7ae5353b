"""The table of the measured results of statvfs (docs/gluster.md), reckoned from the bricks alone."""

from typing import Any, Optional, Tuple

import pytest

from ganeti_gluster_mon.gluster import capacity
from ganeti_gluster_mon.gluster.model import Brick, Capacity, Inodes, Mount, Subvolume
from ganeti_gluster_mon.gluster.quota import QuotaLimit

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


def space_of(subvolumes: Tuple[Subvolume, ...], **options: str) -> Tuple[Capacity, Optional[Inodes]]:
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
    space, files = space_of(subvolumes)
    assert files is not None
    assert (space.size, files.total) == (blocks * 4096, inodes)
    assert space.source == "bricks"


def test_three_bricks_on_one_filesystem_count_a_third_each() -> None:
    shared = replicate(*(brick(1, path=f"/export/{i}", uuid="same") for i in range(3)))
    space, files = space_of((shared,))
    assert files is not None
    assert space.size == (BLOCKS // 3) * 4096
    assert files.total == INODES // 3


def test_same_device_name_on_other_hosts_is_not_shared() -> None:
    assert space_of((REPLICA_3,))[0].size == BLOCKS * 4096


@pytest.mark.parametrize(
    ("reserve", "blocks"),
    [("1", 4899), ("0", 0), ("2.5%", 12249), ("50", 244973), ("400MB", 102400), ("1GB", 262144), ("101", 1)],
)
def test_storage_reserve_is_not_available(reserve: str, blocks: int) -> None:
    space, _ = space_of((REPLICA_3,), storage__reserve=reserve)
    assert space.available == (BLOCKS - blocks) * 4096
    assert space.used == blocks * 4096


def test_a_reserve_that_is_not_understood_makes_space_unknown() -> None:
    assert capacity.of_bricks((REPLICA_3,), {"storage.reserve": "a bit"}) is None


def test_an_offline_brick_does_not_count_and_a_lost_set_adds_nothing() -> None:
    small_one_down = replicate(brick(1, 1000, online=False), brick(2), brick(3))
    lost = replicate(*(brick(i, online=False) for i in (4, 5, 6)))
    assert space_of((small_one_down, lost))[0].size == BLOCKS * 4096
    assert capacity.of_bricks((lost,), {}) is None


def test_one_brick_without_a_known_size_makes_space_unknown() -> None:
    assert capacity.of_bricks((replicate(brick(1), brick(2, size=None)),), {}) is None


def test_filesystems_without_inode_counts_have_space_and_no_inodes() -> None:
    uncounted = replicate(brick(1, inodes_total=None, inodes_free=None), brick(2))
    counted = replicate(brick(4), brick(5))
    space = capacity.of_bricks((uncounted, counted), {})
    assert space is not None
    assert (space[0].size, space[1]) == (2 * BLOCKS * 4096, None)


def test_unlike_block_sizes_are_brought_to_the_larger_one() -> None:
    small_blocks = Subvolume(
        "distribute", (brick(1, 8000, size=8000 * 512, free=8000 * 512, block_size=512),)
    )
    coarse = Subvolume("distribute", (brick(2, 1000),))
    assert space_of((small_blocks, coarse))[0].size == 2000 * 4096


def test_mount_reports_space_as_df_does() -> None:
    mount = Mount("v", "/mnt/v", f_frsize=4096, f_blocks=100, f_bfree=40, f_bavail=35, f_files=10, f_ffree=4)
    assert capacity.of_mount(mount) == (
        Capacity(size=409600, used=245760, available=143360, source="mount"),
        Inodes(10, 6, 4),
    )


@pytest.mark.parametrize("changes", [{"f_blocks": None}, {"f_bfree": -1}, {"f_frsize": 0}])
def test_mount_without_figures_reports_nothing(changes: dict) -> None:  # type: ignore[type-arg]
    whole = {"f_frsize": 1, "f_blocks": 1, "f_bfree": 1, "f_bavail": 1, "f_files": 1, "f_ffree": 1}
    assert capacity.of_mount(Mount("v", "/mnt/v", **{**whole, **changes})) is None


def test_inodes_of_a_mount_that_counts_none_are_not_known() -> None:
    mount = Mount("v", "/mnt/v", f_frsize=4096, f_blocks=9, f_bfree=9, f_bavail=0, f_files=0, f_ffree=0)
    assert capacity.of_mount(mount) == (Capacity(9 * 4096, 0, 0, "mount"), None)


def test_more_free_than_there_is_counts_as_nothing_used() -> None:
    mount = Mount("v", "/mnt/v", f_frsize=1, f_blocks=9, f_bfree=10, f_bavail=10, f_files=5, f_ffree=6)
    assert capacity.of_mount(mount) == (Capacity(9, 0, 10, "mount"), Inodes(5, 0, 6))


def test_what_bricks_on_one_filesystem_have_free_is_shared_too() -> None:
    shared = replicate(
        *(brick(1, 3000, path=f"/export/{i}", uuid="same", free=1500 * 4096) for i in range(3))
    )
    space, files = space_of((shared,), storage__reserve="0")
    assert (space.used, space.available) == (500 * 4096, 500 * 4096)
    assert files is not None and files.free == (INODES - 11) // 3


def test_bricks_on_a_device_that_is_not_known_are_not_shared() -> None:
    alone = replicate(*(brick(1, path=f"/export/{i}", uuid="same", device=None) for i in range(3)))
    assert space_of((alone,))[0].size == BLOCKS * 4096


def test_a_replica_set_has_the_space_of_the_brick_with_least_to_write() -> None:
    full = brick(1, 3000, free=100 * 4096)
    assert space_of((replicate(full, brick(2, 1000)),), storage__reserve="0")[0] == Capacity(
        3000 * 4096, 2900 * 4096, 100 * 4096, "bricks"
    )
    # counted in bytes, not in blocks
    small_blocks = brick(1, size=1000 * 512, free=1000 * 512, block_size=512)
    assert (
        space_of((replicate(small_blocks, brick(2, 200)),), storage__reserve="0")[0].available == 1000 * 512
    )


def test_a_disperse_set_has_its_smallest_brick_times_the_data_fragments() -> None:
    bricks = (
        brick(1, 1000, free=700 * 4096, inodes_total=10, inodes_free=9),
        brick(2, 900, free=800 * 4096, inodes_total=20, inodes_free=5),
        brick(3, 1100, free=600 * 4096, inodes_total=15, inodes_free=8),
        brick(4, 1100, inodes_total=15, inodes_free=8),
        brick(5, 1100, inodes_total=15, inodes_free=8),
        brick(6, 1100, inodes_total=15, inodes_free=8),
    )
    space, files = space_of((Subvolume("disperse", bricks, redundancy=2),), storage__reserve="0")
    assert (space.size, space.available) == (4 * 900 * 4096, 4 * 600 * 4096)
    assert space.used == 4 * 300 * 4096
    assert files == Inodes(20, 15, 5)


def test_a_disperse_set_counts_in_its_largest_blocks() -> None:
    small_blocks = [brick(number, size=8000 * 512, free=4000 * 512, block_size=512) for number in (1, 2)]
    one_set = Subvolume("disperse", (*small_blocks, brick(3, 1000)), redundancy=1)
    space = space_of((one_set,), storage__reserve="0")[0]
    assert (space.size, space.used, space.available) == (2 * 1000 * 4096, 2 * 500 * 4096, 2 * 500 * 4096)


def test_a_volume_adds_up_what_its_subvolumes_have_free() -> None:
    lone = tuple(
        Subvolume("distribute", (brick(number, 1000, free=number * 100 * 4096),)) for number in (1, 2)
    )
    space, files = space_of(lone, storage__reserve="0")
    assert (space.used, space.available) == (1700 * 4096, 300 * 4096)
    assert files == Inodes(2 * INODES, 22, 2 * INODES - 22)


@pytest.mark.parametrize("free", [10, 9, 0])
def test_less_free_than_the_reserve_is_nothing_available(free: int) -> None:
    one = Subvolume("distribute", (brick(1, 1000, free=free * 4096),))
    assert space_of((one,), storage__reserve="1")[0].available == 0


@pytest.mark.parametrize(
    ("reserve", "blocks"), [("100", 1000), ("100%", 1000), ("101", 1), ("4096", 1), ("4097", 2), ("4096B", 1)]
)
def test_a_reserve_above_100_without_a_unit_is_bytes(reserve: str, blocks: int) -> None:
    one = Subvolume("distribute", (brick(1, 1000),))
    assert space_of((one,), storage__reserve=reserve)[0].available == (1000 - blocks) * 4096


@pytest.mark.parametrize("changes", [{"free": None}, {"size": None}, {"block_size": 0}, {"block_size": None}])
def test_a_brick_without_figures_makes_space_unknown(changes: Any) -> None:
    assert capacity.of_brick(brick(1, **changes), {}) is None


def test_a_brick_without_one_of_the_inode_counts_has_none() -> None:
    for one in (brick(1, inodes_total=None), brick(1, inodes_free=None)):
        space = capacity.of_brick(one, {})
        assert space is not None and space[1] is None


def test_space_of_one_brick_is_not_divided() -> None:
    space = capacity.of_brick(brick(1, 1000, free=500 * 4096), {"storage.reserve": "1"})
    assert space == (
        Capacity(1000 * 4096, 510 * 4096, 490 * 4096, "bricks"),
        Inodes(INODES, 11, INODES - 11),
    )


def test_space_of_each_subvolume() -> None:
    lost = replicate(brick(4, online=False))
    unknown = replicate(brick(5, size=None))
    whole, each = capacity.of_bricks_by_subvolume((REPLICA_3, lost, unknown), {})
    assert whole is None
    assert each[0] is not None and each[0][0].size == BLOCKS * 4096
    assert each[1:] == (None, None)


def test_a_brick_whose_state_is_not_known_counts_unless_the_others_have_quorum() -> None:
    bricks = (brick(1, 1000, online=None), brick(2, 2000), brick(3, 2000))
    assert space_of((Subvolume("replicate", bricks, quorum=True),))[0].size == 2000 * 4096
    assert space_of((Subvolume("replicate", bricks, quorum=None),))[0].size == 1000 * 4096


@pytest.mark.parametrize(
    ("size", "setting", "percent"),
    [
        (1000, None, 10.0),
        (1000, "25%", 25.0),
        (1000, "500B", 50.0),
        (1 << 32, "1GB", 25.0),
        (1 << 32, "1024MB", 25.0),
        (1 << 42, "1T", 25.0),
        (1 << 52, "1PB", 25.0),
        (1 << 12, "1k", 25.0),
        (0, None, None),
        (1000, "a bit", None),
    ],
)
def test_the_space_below_which_no_new_files_are_created(
    size: int, setting: Optional[str], percent: Optional[float]
) -> None:
    options = {} if setting is None else {"cluster.min-free-disk": setting}
    assert capacity.min_free_disk(Capacity(size, 0, size, "bricks"), options) == percent
    assert capacity.min_free_disk(None, options) is None


def limit(hard: Optional[int], used: Optional[int]) -> QuotaLimit:
    return QuotaLimit("/", hard, None, used, None, None)


@pytest.mark.parametrize(
    ("hard", "used", "expected"),
    [
        # the limit is smaller than the volume: what is used counts below the limit only
        (500, 200, (500, 200, 300)),
        # the limit is used up, or more
        (500, 500, (500, 500, 0)),
        (500, 600, (500, 600, 0)),
        # the bricks have less space than the limit leaves
        (900, 100, (900, 100, 700)),
        # the limit is as large as the volume, or larger
        (1000, 200, (1000, 300, 700)),
        (2000, 400, (1000, 400, 700)),
        (None, 200, (1000, 300, 700)),
        (500, None, (1000, 300, 700)),
    ],
)
def test_a_quota_limit_of_the_root_is_what_a_client_sees(
    hard: Optional[int], used: Optional[int], expected: Tuple[int, int, int]
) -> None:
    space = capacity.with_root_quota(Capacity(1000, 300, 700, "bricks"), {}, limit(hard, used))
    assert (space.size, space.used, space.available) == expected


def test_a_quota_limit_does_not_show_where_statfs_leaves_it_out() -> None:
    space = Capacity(1000, 300, 700, "bricks")
    off = {"features.quota-deem-statfs": "off"}
    assert capacity.with_root_quota(space, off, limit(500, 200)) == space


def test_what_may_be_a_reserve() -> None:
    assert capacity.is_reserve("2.5%") and capacity.is_reserve("10GB") and not capacity.is_reserve("a bit")
