"""Bricks that are replaced and used again: no guest ever reads an old copy, on real Gluster."""

from __future__ import annotations

from typing import Iterator

import pytest

from tests.conftest import FAMILY
from tests.lab import Disk, Pool
from tests.lab_tests.replacing import MIB, VDB, VDC, on_bricks, run, write

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

NODE3 = "node3.lab.test"
FIRST, SECOND = "/export/brick1/gluster", "/export/brick2/gluster"
FILES = sorted(f"d{n % 3}/file{n}" for n in range(8))


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """Three hosts with two blank disks each, a volume gv0 on the first of each, with files in it."""
    with Pool.first_free(FAMILY, disks=[Disk("vdb", 616 * MIB, ""), Disk("vdc", 608 * MIB, "")]) as pool:
        pool.probe()
        assert run(pool, "create-volume", "gv0", "--device", VDB) == 0
        write(pool, "gv0", FILES, "first")
        yield pool


def replace(pool: Pool, old: str, *words: str) -> int:
    return run(pool, "replace-brick", "gv0", f"{NODE3}:{old}", "node3", *words)


def test_a_former_brick_never_comes_back(pool: Pool, capsys: pytest.CaptureFixture[str]) -> None:
    """The disk of a brick that was replaced has old copies, with the volume id of the volume on them."""
    assert replace(pool, FIRST, "--device", VDC, "--force") == 0
    write(pool, "gv0", FILES, "second")
    capsys.readouterr()
    assert replace(pool, SECOND, "--device", VDB) == 1
    told = capsys.readouterr().err
    assert f"gnt-gluster: {NODE3}: {FIRST} is a stale brick of volume gv0" in told
    assert f"--wipe {NODE3}:{VDB}" in told and "nothing was done" in told
    assert f"{NODE3}:{SECOND}" in pool.gluster("volume", "info", "gv0")
    assert replace(pool, SECOND, "--device", VDB, "--wipe", f"node3:{VDB}", "--force") == 0
    bricks = on_bricks(pool, [(1, FIRST), (2, FIRST), (3, FIRST)])
    assert sorted(bricks[0]) == FILES
    assert bricks[0] == bricks[1] == bricks[2]


def test_a_former_brick_in_a_directory_never_comes_back(
    pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = "/export/brick1/old", "/export/brick1/new"
    assert run(pool, "create-volume", "dirs", "--directory", old) == 0
    write(pool, "dirs", FILES, "first")
    where = ("replace-brick", "dirs", f"{NODE3}:{old}", "node3")
    assert run(pool, *where, "--directory", new) == 0
    write(pool, "dirs", FILES, "second")
    back = ("replace-brick", "dirs", f"{NODE3}:{new}", "node3", "--directory", old)
    capsys.readouterr()
    assert run(pool, *back) == 1
    assert f"--wipe {NODE3}:{old}" in capsys.readouterr().err
    # Nor by any other way to a brick.
    assert run(pool, "create-volume", "other", "node3", "--distribute", "--directory", old) == 1
    assert run(pool, "expand-volume", "dirs", "node1", "node2", "node3", "--directory", old) == 1
    assert run(pool, *back, "--wipe", f"node3:{old}", "--force") == 0
    bricks = on_bricks(pool, [(1, old), (2, old), (3, old)])
    assert sorted(bricks[0]) == FILES
    assert bricks[0] == bricks[1] == bricks[2]


def test_a_dead_disk_is_replaced_in_its_place(pool: Pool, capsys: pytest.CaptureFixture[str]) -> None:
    """Same node, same path: its filesystem gives I/O errors and is still mounted, with its line in fstab."""
    pool.exec(2, ["xfs_io", "-x", "-c", "shutdown", "/export/brick1"])
    table = pool.exec(2, ["cat", "/etc/fstab"]).stdout
    assert "/export/brick1" in table
    write(pool, "gv0", FILES, "while it is dead")
    words = ("replace-brick", "gv0", f"node2.lab.test:{FIRST}", "node2", "--device", VDC)
    capsys.readouterr()
    assert run(pool, *words) == 1  # it has to be confirmed
    told = capsys.readouterr().err
    assert f"node2.lab.test: the filesystem of {FIRST} is dead" in told and "Input/output error" in told
    assert pool.exec(2, ["cat", "/etc/fstab"]).stdout == table
    assert run(pool, *words, "--force") == 0
    bricks = on_bricks(pool, [(1, FIRST), (2, FIRST), (3, FIRST)])
    assert sorted(bricks[0]) == FILES
    assert bricks[0] == bricks[1] == bricks[2]
    after = pool.exec(2, ["cat", "/etc/fstab"]).stdout.splitlines()
    assert len([line for line in after if "/export/brick1" in line]) == 1 and after != table.splitlines()
    capsys.readouterr()
    assert run(pool, *words) == 0
    steps = [line for line in capsys.readouterr().err.splitlines() if line.startswith("[")]
    assert steps and all("is so already" in line for line in steps), steps
    # The boot finds the new disk.
    pool.power_off(2)
    pool.power_on(2)
    pool.wait_connected()
    pool.wait_healed("gv0")
