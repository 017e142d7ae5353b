"""Commands of the runbook against full bricks, a filesystem that became read-only and a quota; see test_runbook.py.

Four nodes, the fourth with disks and without bricks; each test provokes a fault on a volume of its own.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, List, Sequence

import pytest

from tests.conftest import FAMILY
from tests.lab import Cluster, Disk, Pool
from tests.lab.ganeti import FILE_DIRECTORIES
from tests.lab_tests.remedying import fix, wait_problem
from tests.lab_tests.shell import prepare, type_in

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(900)]

MIB = 1024**2
NODE1, NODE2, NODE3, NODE4 = (f"node{number}.lab.test" for number in (1, 2, 3, 4))
THREE = (1, 2, 3)


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """Four nodes of a cluster, three filesystems and two blank disks on each, and no volume."""
    small, tiny = Disk("small", 308 * MIB, "xfs"), Disk("tiny", 264 * MIB, "ext4")
    disks = [Disk("b1", 1024 * MIB), small, tiny, Disk("vdb", 492 * MIB, ""), Disk("vdc", 500 * MIB, "")]
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


@contextmanager
def volume(pool: Pool, name: str) -> Iterator[None]:
    """Whatever a test makes of volume *name*, removed with its bricks afterwards."""
    try:
        yield
    finally:
        pool.delete_volume(name)
        pool.remove_former_bricks()


def fill(pool: Pool, path: str) -> List[str]:
    """Write files to the mount *path* of node1 until Gluster refuses it; the names of those that are complete.

    Small ones come last, so that with storage.reserve 0 nothing is left.
    """
    script = (
        'for size in 4 1; do for i in $(seq 200); do f=file$size-$i; dd if=/dev/urandom of="$1/$f" bs=1M count=$size '
        'conv=fsync status=none 2>/dev/null || break; echo "$f"; done; done'
    )
    return pool.exec(1, ["sh", "-c", script, "fill", path], timeout=200).stdout.split()


def delete(pool: Pool, path: str) -> None:
    """Delete a file of a full volume, as the runbook has it: with sharding `rm` alone fails."""
    type_in(pool, f"truncate --size 0 {path}")
    type_in(pool, f"rm {path}")


def checksums(pool: Pool, name: str, files: Sequence[str]) -> str:
    """The checksums of files, as a new client reads them."""
    with mounted(pool, name) as path:
        return pool.exec(1, ["sha256sum", *(f"{path}/{file}" for file in files)]).stdout


def test_a_full_volume_is_expanded(pool: Pool) -> None:
    """Nothing at all is free on its bricks.  With sharding, `rm` fails then, and `truncate` does not."""
    bricks = pool.bricks("/export/small/full", THREE)
    # without it Gluster refuses writes earlier, where it notices within 5 s that the rest is reserved
    options = {"features.shard": "on", "storage.reserve": "0"}
    pool.create_volume("full", bricks, replica=3, options=options)
    with volume(pool, "full"):
        with mounted(pool, "full") as path:
            names = fill(pool, path)
            assert len(names) > 40
            last = names.pop()
            refused = pool.exec(1, ["rm", f"{path}/{last}"], check=False)
            assert "No space left on device" in refused.stderr, refused
            delete(pool, f"{path}/{last}")
        before = checksums(pool, "full", names)
        fix(
            pool,
            wait_problem(pool, "VOLUME_FULL", "full"),
            NODES="node1 node2 node3",
            DEVICE="/disks/vdb",
        )
        assert "Number of Bricks: 2 x 3 = 6" in pool.gluster("volume", "info", "full")
        assert checksums(pool, "full", names) == before


def test_a_full_subvolume_is_rebalanced(pool: Pool) -> None:
    pool.create_volume("part", pool.bricks("/export/tiny/part", THREE), replica=3)
    with volume(pool, "part"):
        with mounted(pool, "part") as path:
            names = fill(pool, path)
        before = checksums(pool, "part", names)
        more = [f"node{number}.lab.test:/export/b1/part" for number in THREE]
        pool.gluster("volume", "add-brick", "part", *more)
        problem = wait_problem(pool, "SUBVOLUME_FULL", "part")
        assert problem.subject == "replica set 1"
        fix(pool, problem)
        assert checksums(pool, "part", names) == before


def test_a_full_arbiter_is_replaced(pool: Pool) -> None:
    bricks = [(1, "/export/b1/arb"), (2, "/export/b1/arb"), (3, "/export/small/arb")]
    pool.create_volume("arb", bricks, replica=3, arbiter=1)
    filler = "/export/small/filler"
    with volume(pool, "arb"):
        with mounted(pool, "arb") as path:
            names = ["data"]
            pool.exec(1, ["dd", "if=/dev/urandom", f"of={path}/data", "bs=1M", "count=8", "conv=fsync"])
        pool.wait_healed("arb")
        before = checksums(pool, "arb", names)
        try:
            pool.exec(3, ["dd", "if=/dev/zero", f"of={filler}", "bs=1M"], check=False, timeout=120)
            # Gluster needs some to note what waits to be healed
            pool.exec(3, ["truncate", "--size", "-1M", filler])
            problem = wait_problem(pool, "ARBITER_FULL", "arb")
            assert problem.subject == f"{NODE3}:/export/small/arb"
            fix(pool, problem, NODE="node4", DEVICE="/disks/vdc")
        finally:
            pool.exec(3, ["rm", "-f", filler])
        assert f"{NODE4}:" in pool.gluster("volume", "info", "arb")
        assert checksums(pool, "arb", names) == before


def test_a_filesystem_that_became_read_only_is_replaced(pool: Pool) -> None:
    pool.create_volume("ro", pool.bricks("/export/small/ro", THREE), replica=3)
    with volume(pool, "ro"):
        with mounted(pool, "ro") as path:
            pool.exec(1, ["dd", "if=/dev/urandom", f"of={path}/data", "bs=1M", "count=8", "conv=fsync"])
        pool.wait_healed("ro")
        pool.exec(2, ["mount", "-o", "remount,ro", "/export/small"])
        try:
            problem = wait_problem(pool, "BRICK_FILESYSTEM", "ro")
            fix(pool, problem, NODE="node4", DEVICE="/disks/vdb")
        finally:
            pool.exec(2, ["mount", "-o", "remount,rw", "/export/small"])
        assert f"{NODE2}:" not in pool.gluster("volume", "info", "ro")


def test_a_quota_that_is_used_up_is_raised_and_its_daemon_started(pool: Pool) -> None:
    pool.create_volume("limited", pool.bricks("/export/b1/limited", THREE), replica=3)
    with volume(pool, "limited"):
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
