"""On which bricks a disk lies, how much it takes there, and how it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Optional, Sequence, Tuple

import pytest

from ganeti_gluster_mon.gluster.disk_files import bricks_in
from ganeti_gluster_mon.gluster.model import Brick, Disk, DiskFile, Heal, Pool, Subvolume, Volume
from ganeti_gluster_mon.gluster.placement import placed
from ganeti_gluster_mon.health import evaluate_disk


def volume(
    kind: str,
    sets: Sequence[Sequence[Brick]],
    redundancy: int = 0,
    quorum: Optional[bool] = True,
    **options: str,
) -> Volume:
    bricks = tuple(brick for each in sets for brick in each)
    return Volume(
        name="v",
        uuid="",
        type=kind,
        state="started",
        transport="tcp",
        bricks=bricks,
        subvolumes=tuple(Subvolume(kind, tuple(each), redundancy, quorum) for each in sets),
        options={name.replace("_", "."): value for name, value in options.items()},
        heal=Heal(0, 0, 0),
    )


def brick(host: str, path: str = "/b", **more: Any) -> Brick:
    values: Dict[str, Any] = {"online": True, "heal_pending": 0, "split_brain": 0, **more}
    return Brick("v", host, path, **values)


ONE = [brick("n1.x"), brick("n2.x"), brick("n3.x", arbiter=True)]
TWO = [brick("n4.x"), brick("n5.x"), brick("n6.x", arbiter=True)]
FILE = DiskFile("web", "disk/0", "v", "ganeti/a.0", size=100)


def the_disk(file: DiskFile, *volumes: Volume) -> Disk:
    (disk,) = placed([file], volumes)
    return disk


def labels(disk: Disk) -> Optional[Tuple[str, ...]]:
    return None if disk.bricks is None else tuple(each.label for each in disk.bricks)


def test_one_subvolume_holds_all() -> None:
    disk = the_disk(replace(FILE, copies={"n1.x:/b": 4096, "n3.x:/b": 0}), volume("replicate", [ONE]))
    assert labels(disk) == ("n1.x:/b", "n2.x:/b", "n3.x:/b")
    assert disk.allocated == 4096
    assert labels(the_disk(FILE, volume("replicate", [ONE]))) == labels(disk)


def test_a_copy_that_takes_most_counts() -> None:
    file = replace(FILE, copies={"n1.x:/b": 4096, "n2.x:/b": 8192})
    assert the_disk(file, volume("replicate", [ONE])).allocated == 8192


def test_an_arbiter_has_the_file_and_none_of_it() -> None:
    disk = the_disk(replace(FILE, copies={"n3.x:/b": 0}), volume("replicate", [ONE, TWO]))
    assert labels(disk) == ("n1.x:/b", "n2.x:/b", "n3.x:/b")
    assert disk.allocated is None


def test_of_several_subvolumes_the_one_where_it_was_found() -> None:
    two_sets = volume("replicate", [ONE, TWO])
    assert labels(the_disk(FILE, two_sets)) is None
    assert labels(the_disk(replace(FILE, copies={"n5.x:/b": 7}), two_sets)) == (
        "n4.x:/b",
        "n5.x:/b",
        "n6.x:/b",
    )
    reported = replace(FILE, bricks=("n4.x:/b", "n5.x:/b", "n6.x:/b"), allocated=12)
    assert labels(the_disk(reported, two_sets)) == ("n4.x:/b", "n5.x:/b", "n6.x:/b")
    assert the_disk(reported, two_sets).allocated == 12
    # While it moves it is on both.
    both = the_disk(replace(FILE, copies={"n1.x:/b": 1, "n4.x:/b": 2}), two_sets)
    assert both.bricks is not None and len(both.bricks) == 6
    assert both.allocated is None


def test_a_host_has_another_name_for_its_bricks() -> None:
    """A client gets the host's own name: a short name, or the name of what the volume has as an address."""
    short = replace(FILE, bricks=("n1:/b", "n2:/b", "n3:/b"))
    assert labels(the_disk(short, volume("replicate", [ONE, TWO]))) == ("n1.x:/b", "n2.x:/b", "n3.x:/b")
    by_address = volume("distribute", [[brick("10.0.0.1", "/b1")], [brick("10.0.0.2", "/b2")]])
    assert labels(the_disk(replace(FILE, bricks=("n2.x:/b2",)), by_address)) == ("10.0.0.2:/b2",)
    same_path = volume("distribute", [[brick("10.0.0.1")], [brick("10.0.0.2")]])
    assert labels(the_disk(replace(FILE, bricks=("n2.x:/b",)), same_path)) is None


def test_a_sharded_disk_may_lie_anywhere() -> None:
    sharded = volume("replicate", [ONE, TWO], features_shard="on")
    disk = the_disk(replace(FILE, copies={"n1.x:/b": 64}, allocated=999), sharded)
    assert disk.bricks is not None and len(disk.bricks) == 6
    assert disk.allocated == 999  # not the first shard alone
    assert the_disk(replace(FILE, copies={"n1.x:/b": 64}), sharded).allocated is None


def test_a_disperse_set_has_fragments() -> None:
    bricks = [brick(f"n{number}") for number in range(6)]
    disk = the_disk(replace(FILE, copies={"n1:/b": 1000}), volume("disperse", [bricks], redundancy=2))
    assert disk.allocated == 4000


def test_a_volume_that_is_not_there() -> None:
    disk = the_disk(FILE)
    assert (disk.bricks, disk.allocated) == (None, None)
    assert evaluate_disk(disk, Pool(0, volumes=())).status == "down"
    assert evaluate_disk(disk, Pool(0)).status == "unknown"
    far = the_disk(replace(FILE, server="storage.example.org"))
    assert (
        evaluate_disk(far, Pool(0, volumes=())).message
        == "volume v of storage.example.org is not in this pool"
    )


@pytest.mark.parametrize(
    ("more", "quorum", "status", "at_risk"),
    [
        ({}, True, "healthy", False),
        ({"online": False}, True, "degraded", True),
        ({"online": False}, False, "down", True),
        ({"online": None}, True, "unknown", None),
        ({"heal_pending": 3}, True, "healing", None),
        ({"split_brain": 1}, True, "healing", None),
        # The other good copies count the same entries.
        ({"heal_pending": None}, True, "healthy", False),
    ],
)
def test_how_a_disk_is(more: Dict[str, Any], quorum: bool, status: str, at_risk: Optional[bool]) -> None:
    there = volume("replicate", [[brick("n1", **more), brick("n2"), brick("n3")]], quorum=quorum)
    judged = evaluate_disk(the_disk(FILE, there), Pool(0, volumes=(there,)))
    assert (judged.status, judged.at_risk) == (status, at_risk)
    assert bool(judged.message) is (status != "healthy")


def test_a_backlog_that_is_not_known_is_not_ok() -> None:
    there = volume("replicate", [[brick("n1", heal_pending=None), brick("n2", heal_pending=None)]])
    judged = evaluate_disk(the_disk(FILE, there), Pool(0, volumes=(there,)))
    assert (judged.status, judged.at_risk) == ("unknown", None)


def test_a_disk_on_unknown_bricks_has_the_status_of_all_of_them() -> None:
    healthy = replace(volume("replicate", [ONE, TWO]))
    assert evaluate_disk(the_disk(FILE, healthy), Pool(0, volumes=(healthy,))).status == "healthy"
    unhealthy = volume("replicate", [ONE, [brick("n4", online=False), *TWO[1:]]])
    assert evaluate_disk(the_disk(FILE, unhealthy), Pool(0, volumes=(unhealthy,))).status == "unknown"
    stopped = replace(healthy, state="stopped")
    judged = evaluate_disk(the_disk(FILE, stopped), Pool(0, volumes=(stopped,)))
    assert (judged.status, judged.at_risk) == ("stopped", None)


PATHINFO = (
    "(<DISTRIBUTE:dr-dht> (<REPLICATE:dr-replicate-1> <POSIX(/export/b2/dr):node2.lab.test:/export/b2/dr/ganeti/f1> "
    "<POSIX(/export/b2/dr):node3.lab.test:/export/b2/dr/ganeti/f1>))"
)


def test_what_a_client_reports() -> None:
    expected = ("node2.lab.test:/export/b2/dr", "node3.lab.test:/export/b2/dr")
    assert bricks_in(PATHINFO, "ganeti/f1") == expected
    assert bricks_in(PATHINFO, "ganeti/f2") is None
    assert bricks_in("", "ganeti/f1") is None
    assert bricks_in("<POSIX(/b):n:/b/<x> y>", "<x> y") is None  # no name that Ganeti gives


def test_the_entries_that_wait_are_the_largest_count_of_each_subvolume() -> None:
    first = [brick("n1"), brick("n2")]
    second = [brick("n3"), brick("n4")]
    there = replace(volume("replicate", [first, second]), options={"features.shard": "on"})
    labels = [each.label for each in there.bricks]

    def entries(*counts: int) -> Optional[int]:
        return the_disk(replace(FILE, to_heal=dict(zip(labels, counts))), there).to_heal

    assert entries(3, 5, 2, 2) == 7
    assert entries(0, 0, 0, 0) == 0
    assert entries() is None
    assert the_disk(replace(FILE, to_heal={labels[3]: 4, "gone:/b": 9}), there).to_heal == 4
