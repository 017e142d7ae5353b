"""The files of volumes that may be disks."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from ganeti_gluster_mon.ganeti.configuration import Configuration, DiskParameters
from ganeti_gluster_mon.gluster.model import DiskFile, Pool, Volume
from ganeti_gluster_mon.gluster.volume_files import VolumeFile, VolumeFiles, list_volume_files, parse
from ganeti_gluster_mon.view.orphans import folders_of_disks


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
