"""The sample of a disk: whether it has data without a signature."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Dict, Optional

import pytest

from ganeti_gluster_mon.deploy.remote import disk_sample, program


def sampled(path: Path) -> Dict[str, Optional[int]]:
    argv = [sys.executable, *program(disk_sample, str(path))[1:]]
    reply = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60)
    return dict(json.loads(reply.stdout))


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 1), ((1 << 20) - 1, 1), ((64 << 20) - 1, 1), (63 << 20, 1), (20 << 20, 1 << 20)],
)
def test_what_is_on_a_disk_is_sampled_at_both_ends_and_between(
    tmp_path: Path, offset: int, length: int
) -> None:
    disk = tmp_path / "disk"
    with open(disk, "wb") as file:
        file.truncate(64 << 20)
    parsed = sampled(disk)
    assert (parsed["size"], parsed["nonzero"]) == (64 << 20, None)
    assert parsed["sampled"] == (2 << 20) + 1024 * 4096
    with open(disk, "r+b") as file:
        file.seek(offset)
        file.write(b"x" * length)
    found = sampled(disk)["nonzero"]
    assert found is not None and found <= offset + length


def test_a_small_disk_is_sampled_at_its_ends(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(3 << 20))
    assert sampled(disk) == {"size": 3 << 20, "sampled": 2 << 20, "nonzero": None}
    disk.write_bytes(bytes(1000))
    assert sampled(disk) == {"size": 1000, "sampled": 2000, "nonzero": None}
