"""What a brick has of files in split-brain."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict

from ganeti_gluster_mon.deploy.remote import program, split_copies

MIB = 1 << 20


def look(brick: Path, **more: Any) -> Dict[str, Any]:
    """What the program prints, run as on a node."""
    request = {
        "brick": str(brick),
        "volume": "gv0",
        "seconds": 20,
        "entries": [],
        "folders": ["ganeti"],
        "gfids": [],
        "aside": [],
        **more,
    }
    argv = [sys.executable, *program(split_copies, json.dumps(request))[1:]]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60)
    found: Dict[str, Any] = json.loads(done.stdout)
    return found


def make(brick: Path, path: str, content: bytes) -> Path:
    file = brick / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def test_a_file_is_read_by_blocks_and_zeros_are_named(tmp_path: Path) -> None:
    file = make(tmp_path / "b", "ganeti/a.0", b"x" * MIB + bytes(MIB) + b"y")
    with open(file, "r+b") as opened:
        opened.truncate(1 << 33)  # the hole is not read: that would take longer than the query may
    (copy,) = look(tmp_path / "b", entries=["/ganeti/a.0"])["copies"]
    assert (copy["path"], copy["kind"], copy["size"]) == ("ganeti/a.0", "file", 1 << 33)
    assert copy["blocks"][0] not in ("0", copy["blocks"][2]) and copy["blocks"][1] == "0"
    assert set(copy["blocks"][3:]) == {"0"} and len(copy["blocks"]) == 1 << 13
    assert copy["modified"] == os.stat(file).st_mtime_ns
    assert copy["open"] == 0


def test_a_file_that_is_not_there_and_one_that_is_none(tmp_path: Path) -> None:
    make(tmp_path, "ganeti/d/x", b"")
    gone, directory = look(tmp_path, entries=["/ganeti/gone", "/ganeti/d"])["copies"]
    assert "kind" not in gone and directory["kind"] == "directory" and directory["blocks"] is None


def test_a_file_that_a_process_has_open(tmp_path: Path) -> None:
    with open(make(tmp_path, "ganeti/a", b"x"), "rb"):
        (copy,) = look(tmp_path, entries=["/ganeti/a"])["copies"]
    assert copy["open"] == 1


def test_when_the_time_is_over_the_content_is_not_known(tmp_path: Path) -> None:
    file = make(tmp_path, "a", b"x" * MIB)
    assert split_copies.blocks(str(file), time.monotonic() - 1) is None
    assert split_copies.blocks(str(tmp_path / "none"), time.monotonic() + 1) is None
    os.mkfifo(tmp_path / "fifo")
    assert split_copies.blocks(str(tmp_path / "fifo"), time.monotonic() + 9) in ([], None)


def test_a_gfid_leads_to_the_path_of_a_disk_and_of_a_shard(tmp_path: Path) -> None:
    names = [f"0a5c8b52-7f4e-4f29-9d4c-6a0a4d2f8e1{n}" for n in (1, 2)]
    for name, path in zip(names, ("ganeti/a.0", f".shard/{names[0]}.3")):
        file, link = make(tmp_path, path, b"x"), Path(split_copies.handle(str(tmp_path), name))
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(file, link)
    found = look(tmp_path, entries=[f"<gfid:{names[1]}>", "<gfid:99999999-0000-0000-0000-000000000000>"])
    assert [one["path"] for one in found["copies"]] == [f".shard/{names[0]}.3", None]
    assert found["disks"] == {names[0]: "ganeti/a.0"}
    assert look(tmp_path, gfids=names)["disks"] == {names[0]: "ganeti/a.0"}


def test_copies_that_were_kept_are_listed(tmp_path: Path) -> None:
    make(tmp_path, "k/gv0/ganeti/a.0.17", b"")
    make(tmp_path, "k/gv0/ganeti/a.0.17.partial", b"")
    make(tmp_path, "k/gv0/ganeti/a.01.17", b"")
    make(tmp_path, "k/gv0/.shard/G.3.18", b"")
    found = split_copies.kept([str(tmp_path / "k"), str(tmp_path / "none")], "gv0", "ganeti/a.0", "G")
    assert found == [f"{tmp_path}/k/gv0/.shard/G.3.18", f"{tmp_path}/k/gv0/ganeti/a.0.17"]


def test_a_copy_that_was_kept_is_compared(tmp_path: Path) -> None:
    file = make(tmp_path, "a", b"x" * 10)
    found = look(tmp_path, entries=["/a"], aside=[str(file), str(tmp_path / "none")])
    assert found["aside"] == {str(file): found["copies"][0]["blocks"], str(tmp_path / "none"): None}


def test_there_is_a_place_outside_of_the_brick(tmp_path: Path) -> None:
    places = look(tmp_path)["keep"]
    assert places[-1]["directory"] == "/var/lib/ganeti-gluster-mon/kept"
    assert all(not place["directory"].startswith(str(tmp_path)) for place in places)
    assert all(isinstance(place["available"], int) for place in places)
    # a brick that is a mount point itself has no place on its filesystem
    assert split_copies.keep_directories("/proc") == ["/var/lib/ganeti-gluster-mon/kept"]
    assert split_copies.available("/proc/none/none") == 0
