"""How bricks, and what is left of their subvolume, are named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

import pytest

from ganeti_gluster_mon.gluster.model import Brick, Subvolume, Volume
from ganeti_gluster_mon.health import CRITICAL, UNKNOWN
from ganeti_gluster_mon.health.bricks import (
    BRICK_STATUSES,
    SUBVOLUME_STATUSES,
    brick_problems,
    brick_state,
    brick_status,
    redundancy_left,
    set_name,
    subvolume_status,
)

ONE = Brick("gv0", "node1", "/b", online=True)


def subvolume(kind: str, *up: Optional[bool], redundancy: int = 0) -> Subvolume:
    return Subvolume(kind, tuple(replace(ONE, online=state) for state in up), redundancy)


def of(*bricks: Brick, quorum: Optional[bool] = True) -> Volume:
    only = Subvolume("replicate", bricks, quorum=quorum)
    return Volume("gv0", "u", "replicate", "started", "tcp", bricks, (only,))


@pytest.mark.parametrize(
    ("kind", "of_sets", "name"),
    [
        ("replicate", 1, "replica set"),
        ("replicate", 2, "replica set 2"),
        ("disperse", 2, "disperse set 2"),
        ("distribute", 2, "subvolume 2"),
    ],
)
def test_the_only_subvolume_has_no_number(kind: str, of_sets: int, name: str) -> None:
    assert set_name(subvolume(kind, True), 2, of_sets) == name


def test_a_subvolume_has_the_number_that_gluster_gives_it() -> None:
    lost = replace(subvolume("replicate", False), quorum=False)
    volume = replace(of(), subvolumes=(lost, lost))
    subjects = [one.subject for one in brick_problems(volume) if one.code == "SUBVOLUME_QUORUM_LOST"]
    assert subjects == ["replica set 1", "replica set 2"]


@pytest.mark.parametrize(
    ("which", "words"),
    [
        (subvolume("replicate", True, True, False), "2 of 3 replicas left"),
        (subvolume("replicate", True, None, False), "1 of 3 replicas left for certain, 1 not known"),
        (subvolume("disperse", True, True, False, redundancy=1), "2 of 3 bricks left (2 needed)"),
        (subvolume("distribute", False), "and no other brick has its files"),
    ],
)
def test_the_redundancy_that_is_left(which: Subvolume, words: str) -> None:
    assert redundancy_left(which) == words


def test_the_state_of_a_brick_in_words() -> None:
    off = replace(ONE, online=False)
    assert brick_state(off) == "brick node1:/b is offline"
    assert brick_state(replace(off, arbiter=True)) == "arbiter brick node1:/b is offline"
    assert brick_state(replace(off, hangs=True)).endswith("hangs (its process runs and does not answer)")
    assert brick_state(replace(off, hangs=True, unreachable=True)).endswith("cannot be reached")


@pytest.mark.parametrize(
    ("changes", "code", "severity"),
    [
        ({"online": False}, "BRICK_OFFLINE", CRITICAL),
        ({"online": False, "hangs": True}, "BRICK_HANGS", CRITICAL),
        ({"online": False, "unreachable": True}, "BRICK_UNREACHABLE", CRITICAL),
        ({"host_in_pool": False}, "BRICK_HOST_NOT_IN_POOL", CRITICAL),
        ({"contradicted": "node2"}, "BRICK_CONTRADICTED", CRITICAL),
        ({"not_reached_from": "node2"}, "BRICK_UNREACHABLE", UNKNOWN),
        ({"read_only": True}, "BRICK_FILESYSTEM", CRITICAL),
        ({"heal_failure": "Input/output error"}, "BRICK_FILESYSTEM", CRITICAL),
        ({"filesystem_errors": 1}, "BRICK_FILESYSTEM", CRITICAL),
        ({"filesystem_errors": 0}, None, None),
        ({"not_mounted": "/export/b1", "mount": "/"}, "BRICK_FILESYSTEM_NOT_MOUNTED", CRITICAL),
        # its process does not run there
        ({"not_mounted": "/export/b1", "mount": "/", "online": False}, "BRICK_OFFLINE", CRITICAL),
        ({"not_mounted": "/export/b1", "mount": "/", "online": None}, None, None),
        ({"heal_failure": "Transport endpoint is not connected"}, None, None),
        ({"host_in_pool": True}, None, None),
        ({"host_in_pool": None}, None, None),
        ({"online": None}, None, None),
        ({}, None, None),
    ],
)
def test_the_problem_of_a_brick(changes: dict[str, object], code: str, severity: int) -> None:
    bricks = (replace(ONE, **changes), ONE, ONE)  # type: ignore[arg-type]
    found = [(one.code, one.severity) for one in brick_problems(of(*bricks))]
    assert found == ([] if code is None else [(code, severity)])


@pytest.mark.parametrize(
    ("quorum", "codes"),
    [
        (True, ["BRICK_OFFLINE"]),
        (None, ["BRICK_OFFLINE", "NOT_KNOWN"]),
        (False, ["BRICK_OFFLINE", "SUBVOLUME_QUORUM_LOST"]),
    ],
)
def test_quorum_is_looked_at_where_a_brick_is_offline(quorum: Optional[bool], codes: list[str]) -> None:
    volume = of(replace(ONE, online=False), ONE, ONE, quorum=quorum)
    assert [one.code for one in brick_problems(volume)] == codes


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "online"),
        ({"heal_pending": 0, "split_brain": 0}, "online"),
        ({"heal_pending": 1}, "healing"),
        ({"split_brain": 1}, "healing"),
        ({"online": False}, "offline"),
        ({"online": False, "hangs": True}, "hangs"),
        ({"online": None, "heal_pending": 1}, "unknown"),
        ({"read_only": True, "heal_pending": 1}, "faulty"),
        ({"not_mounted": "/export/b1", "mount": "/"}, "faulty"),
        ({"heal_failure": "Input/output error"}, "faulty"),
        ({"heal_failure": "something else"}, "online"),
        ({"host_in_pool": False}, "faulty"),
        ({"contradicted": "node1"}, "faulty"),
        ({"not_reached_from": "node1"}, "unknown"),
    ],
)
def test_the_status_of_a_brick_that_has_a_problem_is_not_online(changes: Any, status: str) -> None:
    brick = replace(ONE, **changes)
    assert brick_status(brick, of(brick)) == status and status in BRICK_STATUSES
    if list(brick_problems(of(brick))):
        assert status not in ("online", "healing", "stopped")


def test_bricks_and_subvolumes_of_a_volume_that_is_not_started() -> None:
    for state in ("stopped", "created"):
        volume = replace(of(replace(ONE, online=False)), state=state)
        assert brick_status(volume.bricks[0], volume) == "stopped"
        assert subvolume_status(volume.subvolumes[0], volume) == "stopped"


@pytest.mark.parametrize(
    ("bricks", "quorum", "status"),
    [
        ([{}, {}, {}], True, "healthy"),
        ([{}, {}, {"heal_pending": 2}], True, "healing"),
        ([{}, {"online": None}, {"heal_pending": 2}], True, "unknown"),
        ([{}, {"online": None}, {"online": False}], None, "degraded"),
        ([{}, {}, {"read_only": True}], True, "degraded"),
        ([{}, {}, {"online": False}], False, "no quorum"),
        ([{}, {}, {}], None, "healthy"),
    ],
)
def test_the_status_of_a_subvolume_is_that_of_its_worst_brick(
    bricks: Any, quorum: Optional[bool], status: str
) -> None:
    volume = of(*(replace(ONE, **changes) for changes in bricks), quorum=quorum)
    assert subvolume_status(volume.subvolumes[0], volume) == status and status in SUBVOLUME_STATUSES
