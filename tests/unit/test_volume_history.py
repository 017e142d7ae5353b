"""The status of volumes in the last 24 hours: the worst of each slot, and nothing that was not observed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Dict, List

import pytest

from ganeti_gluster_mon import volume_history
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.health import OK, STATUSES, Health, VolumeHealth
from ganeti_gluster_mon.volume_history import (
    LETTERS,
    MOST_VOLUMES,
    SLOT_SECONDS,
    SLOTS,
    DamagedHistory,
    VolumeHistory,
    decode,
    encode,
    read,
)

#: the beginning of a slot
BEGAN = 5_000_000 * SLOT_SECONDS
KNOWN = Pool(taken_at=0, volumes=())


def health(**statuses: str) -> Health:
    volumes: Dict[str, VolumeHealth] = {name: VolumeHealth(status, OK) for name, status in statuses.items()}
    return Health(OK, "", (), volumes)


def after(history: VolumeHistory, slots: float, **statuses: str) -> VolumeHistory:
    return history.after(KNOWN, health(**statuses), BEGAN + slots * SLOT_SECONDS)


def shown(history: VolumeHistory, slots: float, name: str = "gv0") -> str:
    """The letters without the slots before the first."""
    letters = history.at(BEGAN + slots * SLOT_SECONDS)[name]
    assert len(letters) == SLOTS
    return letters.lstrip(".")


def test_every_status_has_a_letter() -> None:
    assert sorted(LETTERS.values()) == sorted(STATUSES)


def test_each_slot_has_the_worst_of_its_statuses() -> None:
    history = VolumeHistory()
    for slots, status in (
        (0, "healthy"),
        (0.3, "degraded"),
        (0.9, "healthy"),
        (1, "healthy"),
        (2, "healing"),
    ):
        history = after(history, slots, gv0=status)
    assert shown(history, 2) == "dhe"


def test_what_is_not_known_is_worse_than_healthy_and_not_worse_than_a_fault() -> None:
    history = after(after(VolumeHistory(), 0, gv0="healthy"), 0.5, gv0="unknown")
    assert shown(history, 0) == "u"
    history = after(after(history, 1, gv0="down"), 1.5, gv0="unknown")
    assert shown(history, 1) == "ux"


def test_while_the_daemon_does_not_run_nothing_is_recorded() -> None:
    history = after(after(VolumeHistory(), 0, gv0="healthy"), 4, gv0="healthy")
    assert shown(history, 4) == "h...h"
    assert shown(history, 6) == "h...h.."


def test_a_pool_that_is_not_known_is_unknown_and_not_unrecorded() -> None:
    history = after(VolumeHistory(), 0, gv0="healthy")
    history = history.after(Pool(taken_at=0), health(), BEGAN + SLOT_SECONDS)
    assert shown(history, 1) == "hu"


def test_a_volume_that_is_gone_ends_and_is_forgotten_after_a_day() -> None:
    history = after(after(VolumeHistory(), 0, gv0="healthy", gv1="healthy"), 1, gv1="healthy")
    assert shown(history, 1) == "h."
    history = after(history, SLOTS - 1, gv1="healthy")
    assert "gv0" in history.letters
    history = after(history, SLOTS, gv1="healthy")
    assert set(history.letters) == {"gv1"}


def test_there_is_one_day_at_most() -> None:
    history = VolumeHistory()
    for slot in range(SLOTS + 50):
        history = after(history, slot, gv0="down" if slot < 50 else "healthy")
    assert shown(history, SLOTS + 49) == "h" * SLOTS
    assert shown(after(history, 10**6, gv0="healthy"), 10**6) == "h"


def test_a_clock_that_is_set_back_leaves_nothing_in_the_future() -> None:
    history = after(after(VolumeHistory(), 0, gv0="healthy"), 9, gv0="down")
    history = after(history, 1, gv0="healing")
    assert shown(history, 1) == "he"
    assert shown(after(history, -(10**4), gv0="healthy"), -(10**4)) == "h"


def test_volumes_that_there_are_displace_those_that_are_gone() -> None:
    history = after(VolumeHistory(), 0, **{f"old{i}": "healthy" for i in range(MOST_VOLUMES)})
    history = after(history, 1, **{f"new{i}": "healthy" for i in range(MOST_VOLUMES - 1)})
    assert len(history.letters) == MOST_VOLUMES
    assert sum(name.startswith("new") for name in history.letters) == MOST_VOLUMES - 1


def test_the_file_of_a_thousand_volumes_is_small_and_gives_the_same_history(tmp_path: Path) -> None:
    letters = {f"volume{i:04}": "hsudpxfe" * (SLOTS // 8) for i in range(1000)}
    history = VolumeHistory(5_000_000, letters)
    content = encode(history)
    assert len(content) < 400_000
    path = tmp_path / "x"
    path.write_bytes(content)
    assert read(str(path)) == history


def test_no_file_is_an_empty_history(tmp_path: Path) -> None:
    assert read(str(tmp_path / "x")) == VolumeHistory()


GOOD: Dict[str, object] = {"format_version": 1, "slot": 7, "volumes": {"gv0": "h.u"}}


CHANGES: List[Dict[str, object]] = [
    {"format_version": 2},
    {"slot": -1},
    {"slot": True},
    {"slot": 1.5},
    {"slot": 1 << 40},
    {"volumes": []},
    {"volumes": {"gv0": "h?"}},
    {"volumes": {"gv0": "h" * (SLOTS + 1)}},
    {"volumes": {"gv0": 5}},
    {"volumes": {"x" * 5000: "h"}},
]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        *(json.dumps({**GOOD, **change}).encode() for change in CHANGES),
    ],
)
def test_a_damaged_file_is_not_used(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(DamagedHistory) as raised:
        decode(content)
    assert "\n" not in str(raised.value)
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(DamagedHistory):
        read(str(path))


def test_what_is_no_plain_file_is_not_used(tmp_path: Path) -> None:
    fifo, link, large = tmp_path / "fifo", tmp_path / "link", tmp_path / "large"
    os.mkfifo(fifo)
    (tmp_path / "good").write_bytes(json.dumps(GOOD).encode())
    link.symlink_to(tmp_path / "good")
    large.write_bytes(b" " * (volume_history.MOST_BYTES + 1))
    for path in (fifo, link, large, tmp_path):
        with pytest.raises(DamagedHistory):
            read(str(path))
