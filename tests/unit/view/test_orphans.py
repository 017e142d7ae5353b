"""Orphaned disk files: what is reported, and that no file of a disk that Ganeti knows ever is."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, List

import pytest

from ganeti_gluster_mon.ganeti.configuration import Configuration, DiskParameters
from ganeti_gluster_mon.gluster.model import DiskFile, Pool, Volume
from ganeti_gluster_mon.gluster.volume_files import VolumeFile, VolumeFiles, list_volume_files, parse
from ganeti_gluster_mon.view.finding import Finding
from ganeti_gluster_mon.view.orphans import YOUNG, folders_of_disks, orphans

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


def test_the_folders_of_disks() -> None:
    configuration = Configuration(
        ("gluster",),
        ("gluster",),
        (DiskParameters("default", "127.0.0.1", 24007, "gv0", "userspace"),),
        tuple(
            DiskFile(instance="i", name="disk/0", volume=volume, path=path)
            for volume, path in (
                ("fast", "vms/a/u4"),
                ("fast", "ganeti/u2"),
                ("gone", "ganeti/u"),
                ("fast", "u"),
            )
        ),
    )
    volumes = tuple(
        Volume(name, "", "replicate", state, "tcp", (), ())
        for name, state in (
            ("gv0", "started"),
            ("fast", "started"),
            ("gone", "stopped"),
            ("other", "started"),
        )
    )
    pool = Pool(1, volumes=volumes)
    assert folders_of_disks(configuration, pool) == {"gv0": ["ganeti"], "fast": ["ganeti", "vms/a"]}
    assert folders_of_disks(configuration, Pool(1)) == {}


def line(**parsed: Any) -> bytes:
    return json.dumps(parsed).encode() + b"\n"


FILE = {"folder": "ganeti", "name": "a.0", "size": 5, "allocated": 0, "modified": 7}


def test_what_a_client_prints() -> None:
    whole = line(**FILE) + line(folder="ganeti", complete=True) + line(folder="vms", complete=True)
    assert parse("gv0", ["ganeti", "vms"], whole, b"") == VolumeFiles(
        "gv0", (VolumeFile("gv0", "ganeti/a.0", 5, 0, 7),)
    )
    assert parse("gv0", ["ganeti", "more"], whole, b"").unknown == "the list of folder more is not complete"
    for cut in range(len(line(**FILE)), len(whole) - 1):
        cut_short = parse("gv0", ["ganeti", "vms"], whole[:cut], b"log\nganeti: Permission denied\n")
        assert cut_short.unknown == "ganeti: Permission denied"
    for nonsense in ({"size": -1}, {"size": "5"}, {"name": 3}, {"allocated": None}, {"size": True}):
        assert parse("gv0", [], line(**{**FILE, **nonsense}) + b"[]\nnull\n", b"").files == ()


def test_a_client_that_hangs_or_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python3"
    monkeypatch.setattr(sys, "executable", str(program))
    (none,) = list_volume_files({"gv0": ["ganeti"]}, 5)
    assert none.unknown == f"{program}: No such file or directory"
    for script, why in (
        ("exec sleep 60", "no answer within 0.3 s"),
        ("echo 'Connection refused' >&2; exit 1", "Connection refused"),
    ):
        program.write_text(f"#!/bin/sh\n{script}\n")
        os.chmod(program, 0o755)
        (volume,) = list_volume_files({"gv0": ["ganeti"]}, 0.3 if "sleep" in script else 20)
        assert volume.unknown == why
    assert list_volume_files({}, 1) == ()
