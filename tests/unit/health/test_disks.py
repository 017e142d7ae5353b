"""The health of an instance's disk, by the bricks that hold it."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

import pytest

from ganeti_gluster_mon.gluster.model import Brick, Disk, Heal, Pool, Subvolume, Volume
from ganeti_gluster_mon.health.disks import (
    DiskHealth,
    GuestStatuses,
    SubvolumeRedundancy,
    evaluate_disk,
    evaluate_guests,
    subvolume_redundancy,
)

GOOD = Brick("gv0", "node1", "/b", online=True, heal_pending=0, split_brain=0)
OFFLINE = replace(GOOD, online=False, heal_pending=None, split_brain=None)
DISK = Disk("web", "disk/0", "gv0", "ganeti/a.0")


def replicate(*bricks: Brick, quorum: Optional[bool] = True) -> Subvolume:
    return Subvolume("replicate", bricks, quorum=quorum)


def volume(*subvolumes: Subvolume, state: str = "started") -> Volume:
    bricks = tuple(brick for one in subvolumes for brick in one.bricks)
    return Volume("gv0", "u", "replicate", state, "tcp", bricks, subvolumes, heal=Heal(0, 0, 0))


def on(*subvolumes: Subvolume) -> Disk:
    return replace(
        DISK, bricks=tuple(brick for one in subvolumes for brick in one.bricks), subvolumes=subvolumes
    )


def result(disk: Disk, *volumes: Volume) -> DiskHealth:
    found = evaluate_disk(disk, Pool(0, volumes=volumes))
    assert found == evaluate_disk(disk, Pool(0, volumes=volumes), {one.name: one for one in volumes})
    return found


@pytest.mark.parametrize(
    ("bricks", "missing", "healing"),
    [
        ((GOOD, GOOD), False, False),
        ((GOOD, OFFLINE), True, False),
        ((GOOD, replace(GOOD, heal_pending=1)), False, True),
        ((GOOD, replace(GOOD, online=None, heal_pending=None)), False, False),
    ],
)
def test_the_redundancy_of_a_subvolume(bricks: tuple[Brick, ...], missing: bool, healing: bool) -> None:
    assert subvolume_redundancy(replicate(*bricks)) == SubvolumeRedundancy(missing, healing)


def test_a_volume_that_is_not_there() -> None:
    assert evaluate_disk(DISK, Pool(0)) == DiskHealth(
        "unknown", None, "it is not known which volumes there are"
    )
    assert result(DISK) == DiskHealth("down", True, "there is no volume gv0")
    assert result(replace(DISK, server="127.0.0.1")).status == "down"
    assert result(replace(DISK, server="far")) == DiskHealth(
        "unknown", None, "volume gv0 of far is not in this pool"
    )


def test_a_volume_that_is_not_started() -> None:
    stopped = volume(replicate(GOOD), state="stopped")
    assert result(DISK, stopped) == DiskHealth("stopped", None, "volume gv0 is not started")


@pytest.mark.parametrize(
    ("bricks", "quorum", "expected"),
    [
        ((GOOD, GOOD), True, DiskHealth("healthy", False)),
        ((OFFLINE, OFFLINE), False, DiskHealth("down", True)),
        ((GOOD, OFFLINE), True, DiskHealth("unknown", None, "not known which bricks hold it")),
    ],
)
def test_a_disk_on_bricks_that_are_not_known(
    bricks: tuple[Brick, ...], quorum: bool, expected: DiskHealth
) -> None:
    assert result(DISK, volume(replicate(*bricks, quorum=quorum))) == expected


def test_a_disk_is_down_if_one_of_its_subvolumes_is() -> None:
    good, lost = replicate(GOOD, GOOD), replicate(OFFLINE, OFFLINE, quorum=False)
    words = "brick node1:/b is offline, brick node1:/b is offline"
    assert result(on(good, lost), volume(good, lost)) == DiskHealth("down", True, words)
    assert result(on(good), volume(good, lost)) == DiskHealth("healthy", False)


def test_a_disk_with_a_brick_that_is_offline_or_not_known() -> None:
    degraded = replicate(GOOD, OFFLINE)
    assert result(on(degraded), volume(degraded)) == DiskHealth("degraded", True, "brick node1:/b is offline")
    unknown = replicate(GOOD, replace(GOOD, online=None))
    assert result(on(unknown), volume(unknown)) == DiskHealth(
        "unknown", None, "not known whether node1:/b is online"
    )


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"split_brain": 1}, "healing", "in split-brain"),
        ({"heal_pending": 1}, "healing", "are to be healed"),
        ({"heal_pending": None}, "healthy", ""),
    ],
)
def test_copies_that_differ(changes: dict[str, Optional[int]], status: str, words: str) -> None:
    differs = replicate(GOOD, replace(GOOD, **changes))  # type: ignore[arg-type]
    found = result(on(differs), volume(differs))
    assert (found.status, found.message.endswith(words)) == (status, True)


@pytest.mark.parametrize("name", ["heal_pending", "split_brain"])
def test_a_subvolume_whose_bricks_did_not_count_is_not_known(name: str) -> None:
    silent = replicate(*[replace(GOOD, **{name: None})] * 2)  # type: ignore[arg-type]
    good = replicate(GOOD, GOOD)
    assert result(on(good, silent), volume(good, silent)) == DiskHealth(
        "unknown", None, "heal backlog not known"
    )


def test_a_disk_without_copies_has_no_backlog() -> None:
    lone = Subvolume("distribute", (replace(GOOD, heal_pending=None, split_brain=None),), quorum=True)
    assert result(on(lone), replace(volume(lone), heal=None)) == DiskHealth("healthy", False)


def test_guests_are_grouped_by_the_worst_of_their_disks() -> None:
    healing = replace(GOOD, heal_pending=3)
    made = replace(volume(replicate(GOOD, OFFLINE, healing)))

    def disk(instance: str, *bricks: Brick, volume: str = "gv0") -> Disk:
        sets = (replicate(*bricks),)
        return replace(DISK, instance=instance, volume=volume, bricks=bricks, subvolumes=sets)

    disks = (
        disk("both", OFFLINE),
        disk("both", GOOD),
        disk("gone", GOOD, volume="nowhere"),
        replace(DISK, instance="anywhere"),
        disk("safe", GOOD),
        disk("heals", healing),
    )
    assert evaluate_guests(Pool(0, volumes=(made,), disks=disks)) == GuestStatuses(
        down=("gone",), at_risk=("both",), healing=("heals",), unknown=("anywhere",), healthy=("safe",)
    )


def test_a_guest_on_a_stopped_volume_cannot_read_its_disk_and_unknown_disks_are_no_guests() -> None:
    stopped = volume(replicate(GOOD), state="stopped")
    assert evaluate_guests(Pool(0, volumes=(stopped,), disks=(DISK,))) == GuestStatuses(down=("web",))
    assert evaluate_guests(Pool(0, volumes=(stopped,))) is None


def test_a_disk_with_entries_that_wait_is_at_risk_while_its_bricks_have_some() -> None:
    pending = replace(GOOD, heal_pending=3)
    made = replicate(GOOD, pending)
    disk = replace(on(made), to_heal=2)
    assert result(disk, volume(made)) == DiskHealth("healing", True, "2 of its files are to be healed")
    assert result(replace(disk, to_heal=1), volume(made)).message == "1 of its files is to be healed"
    for unknown in (0, None):  # another brick may know more
        found = result(replace(disk, to_heal=unknown), volume(made))
        assert (found.status, found.at_risk) == ("healing", None)
    healed = replicate(GOOD, GOOD)
    assert result(replace(on(healed), to_heal=2), volume(healed)) == DiskHealth("healthy", False), (
        "the count is older than that of the bricks"
    )
    split = replicate(GOOD, replace(pending, split_brain=1))
    found = result(replace(on(split), to_heal=2), volume(split))
    assert (found.status, found.at_risk) == ("healing", True)


def test_guests_that_are_being_healed_are_a_group_of_their_own() -> None:
    made = replicate(GOOD, replace(GOOD, heal_pending=3))
    disks = (replace(on(made), instance="lags", to_heal=2), replace(on(made), instance="may-lag"))
    found = evaluate_guests(Pool(0, volumes=(volume(made),), disks=disks))
    assert found == GuestStatuses(lagging=("lags",), healing=("may-lag",))
