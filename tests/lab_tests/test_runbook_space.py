"""Commands of the runbook against full bricks, quotas, dead filesystems and tasks that fail; see test_runbook.py.

Four nodes, the fourth with disks and without bricks; each test provokes a fault on a volume of its own.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, List, Sequence

import pytest

from tests.conftest import FAMILY
from tests.lab import Cluster, Disk, Pool, wait_until
from tests.lab.ganeti import FILE_DIRECTORIES
from tests.lab_tests.deploying import gnt_gluster
from tests.lab_tests.remedying import LONG, fix, inspect_and_fix, problems, wait_problem, wait_verified
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


def fill(pool: Pool, volume: str, size: int = 16) -> List[str]:
    """Write files of *size* MiB to *volume* until it is full; their names."""
    with mounted(pool, volume) as path:
        names: List[str] = []
        for number in range(200):
            name = f"file{number}"
            argv = ["dd", "if=/dev/urandom", f"of={path}/{name}", "bs=1M", f"count={size}", "conv=fsync"]
            if pool.exec(1, argv, check=False).returncode:
                # Gluster may refuse that as well while nothing is free
                pool.exec(1, ["rm", "-f", f"{path}/{name}"], check=False)
                return names
            names.append(name)
    raise AssertionError(f"{volume} is never full")


def checksums(pool: Pool, volume: str, names: Sequence[str]) -> str:
    """The checksums of files, as a client reads them."""
    with mounted(pool, volume) as path:
        return pool.exec(1, ["sha256sum", *(f"{path}/{name}" for name in names)]).stdout


def test_a_full_volume_is_expanded_and_its_full_part_rebalanced(pool: Pool) -> None:
    gnt_gluster(pool, "deploy", "node1", "node2", "node3", "--device", "/disks/vdb")
    names = fill(pool, "gv0")
    before = checksums(pool, "gv0", names)
    problem = wait_problem(pool, "VOLUME_FULL", "gv0")
    inspect_and_fix(pool, problem, NODES="node1 node2 node3", DEVICE="/disks/vdc")
    assert "Number of Bricks: 2 x 3" in pool.gluster("volume", "info", "gv0")
    left = [each for each in problems(pool) if each.code.startswith("SUBVOLUME_")]
    if left:
        fix(pool, left[0])
    wait_verified(pool)
    assert checksums(pool, "gv0", names) == before


def test_a_full_arbiter_is_replaced(pool: Pool) -> None:
    bricks = [(1, "/export/b1/arb"), (2, "/export/b1/arb"), (3, "/export/small/arb")]
    pool.create_volume("arb", bricks, replica=3, arbiter=1)
    with mounted(pool, "arb") as path:
        pool.exec(1, ["dd", "if=/dev/urandom", f"of={path}/data", "bs=1M", "count=8", "conv=fsync"])
    pool.wait_healed("arb")
    pool.exec(
        3,
        [
            "sh",
            "-c",
            "fallocate -l $(($(stat -f -c '%f * %S' /export/small) - 1048576)) /export/small/filler",
        ],
    )
    problem = wait_problem(pool, "ARBITER_FULL", "arb")
    assert problem.subject == f"{NODE3}:/export/small/arb"
    fix(pool, problem, NODE="node4", DEVICE="/disks/vdb")
    assert f"{NODE4}:" in pool.gluster("volume", "info", "arb")


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


def test_a_rebalance_that_died_is_repeated(pool: Pool) -> None:
    pool.create_volume("spread", pool.bricks("/export/b1/spread", [1]))
    with mounted(pool, "spread") as path:
        script = f"mkdir {path}/d && cd {path}/d && for i in $(seq 3000); do echo $i >f$i; done"
        pool.exec(1, ["sh", "-c", script], timeout=240)
    pool.gluster("volume", "add-brick", "spread", f"{NODE2}:/export/b1/spread")
    pool.gluster("volume", "rebalance", "spread", "start")

    def killed() -> bool:
        found = [
            pool.exec(host, ["pkill", "-KILL", "-f", "rebalance/spread"], check=False).returncode
            for host in (1, 2)
        ]
        return found == [0, 0]

    wait_until(killed, "the process of the rebalance", LONG, 0.05)
    fix(pool, wait_problem(pool, "REBALANCE_FAILED", "spread"))
    with mounted(pool, "spread") as path:
        count = pool.exec(1, ["sh", "-c", f"cat {path}/d/* | sort -n | uniq | wc -l"]).stdout
    assert int(count) == 3000


def test_a_mount_hangs_because_its_bricks_do(pool: Pool) -> None:
    gnt_gluster(pool, "deploy", "node1", "node2", "node3", "--device", "/disks/vdb")
    with mounted(pool, "gv0"):
        for host in THREE:
            pool.freeze_brick("gv0", host)
        fix(pool, wait_problem(pool, "MOUNT_HANGS", "gv0"))
