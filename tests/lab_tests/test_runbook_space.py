"""Commands of the runbook against a filesystem that became read-only and a quota; see test_runbook.py.

Four nodes, the fourth with disks and without bricks; each test provokes a fault on a volume of its own.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

import pytest

from tests.conftest import FAMILY
from tests.lab import Cluster, Disk, Pool
from tests.lab.ganeti import FILE_DIRECTORIES
from tests.lab_tests.remedying import fix, wait_problem
from tests.lab_tests.shell import prepare

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(900)]

MIB = 1024**2
NODE1, NODE2, NODE3, NODE4 = (f"node{number}.lab.test" for number in (1, 2, 3, 4))
THREE = (1, 2, 3)


@pytest.fixture
def pool() -> Iterator[Pool]:
    """Four nodes of a cluster, three filesystems and two blank disks on each, and no volume."""
    small = Disk("small", 264 * MIB, "ext4")
    disks = [Disk("b1", 1024 * MIB), small, Disk("vdb", 492 * MIB, ""), Disk("vdc", 500 * MIB, "")]
    with Pool.first_free(FAMILY, hosts=4, disks=disks) as pool:
        Cluster(pool, storage_paths=FILE_DIRECTORIES).up(templates=("diskless",))
        prepare(pool)
        pool.probe()
        yield pool


@contextmanager
def mounted(pool: Pool, volume: str) -> Iterator[str]:
    """*volume*, mounted on node1."""
    path = f"/mnt/{volume}"
    pool.mount(1, volume, path)
    try:
        yield path
    finally:
        pool.unmount(1, path)


def test_a_filesystem_that_became_read_only_is_replaced(pool: Pool) -> None:
    pool.create_volume("ro", pool.bricks("/export/small/ro", THREE), replica=3)
    with mounted(pool, "ro") as path:
        pool.exec(1, ["dd", "if=/dev/urandom", f"of={path}/data", "bs=1M", "count=8", "conv=fsync"])
    pool.wait_healed("ro")
    pool.exec(2, ["mount", "-o", "remount,ro", "/export/small"])
    problem = wait_problem(pool, "BRICK_FILESYSTEM", "ro")
    fix(pool, problem, NODE="node4", DEVICE="/disks/vdb")
    assert f"{NODE2}:" not in pool.gluster("volume", "info", "ro")


def test_a_quota_that_is_used_up_is_raised_and_its_daemon_started(pool: Pool) -> None:
    pool.create_volume("limited", pool.bricks("/export/b1/limited", THREE), replica=3)
    pool.gluster("volume", "quota", "limited", "enable")
    pool.gluster("volume", "quota", "limited", "limit-usage", "/", "10MB", "50%")
    for timeout in ("soft-timeout", "hard-timeout"):
        pool.gluster("volume", "quota", "limited", timeout, "0")
    with mounted(pool, "limited") as path:
        write = ["dd", "if=/dev/zero", "bs=1M", "conv=fsync"]
        pool.exec(1, [*write, f"of={path}/half", "count=7"])
        wait_problem(pool, "QUOTA_SOFT_EXCEEDED", "limited")
        pool.exec(1, [*write, f"of={path}/all", "count=9"], check=False)
        fix(pool, wait_problem(pool, "QUOTA_EXCEEDED", "limited"), SIZE="200MB")
        pool.exec(1, [*write, f"of={path}/all", "count=9"])
    pool.exec(3, ["pkill", "-KILL", "-f", "volfile-id gluster/quotad"])
    fix(pool, wait_problem(pool, "DAEMON_DOWN", "limited"))
