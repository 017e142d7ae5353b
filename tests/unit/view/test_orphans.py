"""Orphaned disk files: what is reported, and that no file of a disk that Ganeti knows ever is."""

from __future__ import annotations

from typing import Any, List

import pytest

from ganeti_gluster_mon.gluster.volume_files import VolumeFile, VolumeFiles
from ganeti_gluster_mon.view.finding import Finding
from ganeti_gluster_mon.view.orphans import YOUNG, orphans

NOW = 1_800_000_000.0
GIB = 1 << 30


def file(path: str, age: float = 10 * 86400, size: int = 20 * GIB, allocated: int = 3 * GIB) -> VolumeFile:
    return VolumeFile("gv0", path, size, allocated, int(NOW - age))


def found(*files: VolumeFile, known: Any = frozenset(), unknown: Any = None) -> List[Finding]:
    return list(orphans([VolumeFiles("gv0", files, unknown)], frozenset(known), NOW))


def test_an_orphan_is_named_with_what_to_do() -> None:
    (only,) = found(file("ganeti/known.0"), file("ganeti/orphan.0"), known=["known.0"])
    assert not only.note
    assert only.text == (
        "volume gv0: ganeti/orphan.0 belongs to no instance: 20.0G, 3.0G allocated, last written 10 days ago"
    )
    assert "no other cluster uses the volume" in only.to_do
    assert only.to_do.endswith(
        "mount -t glusterfs localhost:/gv0 /mnt && rm -- /mnt/ganeti/orphan.0; umount /mnt"
    )


@pytest.mark.parametrize("age", [0.0, YOUNG - 1, -3600.0])
def test_a_file_that_was_written_just_now_may_be_in_use(age: float) -> None:
    (only,) = found(file("ganeti/new.0", age))
    assert only.note
    assert only.to_do == ""


def test_what_an_interrupted_create_left() -> None:
    (only,) = found(file("ganeti/.a.0.new-0123456789abcdef"))
    assert only.note
    assert "the next create on the volume removes it" in only.text


def test_a_hostile_name_is_quoted_or_not_put_into_a_command() -> None:
    (only,) = found(file("ganeti/x; reboot $(id)"))
    assert "rm -- '/mnt/ganeti/x; reboot $(id)'; umount" in only.to_do
    (only,) = found(file("ganeti/\x1b[2J\n"))
    assert "\x1b" not in only.text + only.to_do
    assert "rm" not in only.to_do.split("remove")[-1]


def test_a_list_that_is_not_complete_says_so() -> None:
    (only,) = found(unknown="no answer within 20 s")
    assert only.note
    assert only.text == "volume gv0: its disk files could not be listed: no answer within 20 s"


def test_many_orphans_are_counted_the_largest_first() -> None:
    several = found(*(file(f"ganeti/{number}", allocated=number) for number in range(30)))
    assert len(several) == 21
    assert several[0].text.startswith("volume gv0: ganeti/29 ")
    assert several[-1].text == "volume gv0: 10 more files belong to no instance"
