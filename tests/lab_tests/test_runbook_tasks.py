"""Commands of the runbook against a rebalance and a remove-brick whose processes died, and bricks that all hang."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import Iterator

import pytest

from ganeti_gluster_mon.history import FILE, History, Run, encode
from ganeti_gluster_mon.paths import STATE_DIRECTORY
from tests.conftest import FAMILY
from tests.lab import Cluster, Disk, Pool, process, wait_until
from tests.lab.ganeti import FILE_DIRECTORIES
from tests.lab_tests.remedying import LONG, fix, inspect_and_fix, wait_problem
from tests.lab_tests.shell import prepare, type_in

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(900)]

MIB = 1024**2
BRICK = "node2.lab.test:/export/b1/spread"
FILES = 1200


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """Three nodes of a cluster, and no volume."""
    with Pool.first_free(FAMILY, hosts=3, disks=[Disk("b1", 1024 * MIB)]) as pool:
        Cluster(pool, storage_paths=FILE_DIRECTORIES).up(templates=("diskless",))
        prepare(pool)
        pool.probe()
        yield pool


@contextmanager
def spread(pool: Pool) -> Iterator[None]:
    """A distribute volume "spread" with many small files, all of them on node1 until it is rebalanced."""
    pool.create_volume("spread", pool.bricks("/export/b1/spread", [1]))
    try:
        pool.mount(1, "spread", "/mnt/spread")
        script = f"mkdir /mnt/spread/d; cd /mnt/spread/d && for i in $(seq {FILES}); do echo $i >f$i; done"
        pool.exec(1, ["sh", "-c", script], timeout=240)
        yield
        read = pool.exec(1, ["sh", "-c", "cat /mnt/spread/d/* | sort -n | uniq | wc -l"]).stdout
        assert int(read) == FILES
    finally:
        pool.unmount(1, "/mnt/spread")
        pool.delete_volume("spread")
        pool.remove_former_bricks()


def kill_the_move(pool: Pool, *status: str) -> None:
    """SIGKILL the processes that move the files of "spread", on all nodes, once one of them has moved some.

    Each glusterd notices it once the process is gone, and calls the task failed.  A glusterd that notices it while
    the kernel still ends the process calls the task in progress for ever (docs/gluster.md).
    """

    def moves() -> bool:
        rows = re.findall(r"^\s*\S+\s+(\d+)\s.*in progress", pool.gluster("volume", *status), re.MULTILINE)
        return any(int(files) > 0 for files in rows)

    wait_until(moves, "files to be moved", LONG, 0.1)
    killed = 0
    for host in pool.hosts:
        for found in host.find("glusterfs"):
            if "rebalance/spread" in found.argv:
                pool.freeze_glusterd(host.number)
                process.kill(found.pid)
                pool.thaw_glusterd(host.number)
                killed += 1
    assert killed


def test_a_rebalance_whose_processes_died_is_repeated(pool: Pool) -> None:
    with spread(pool):
        pool.gluster("volume", "add-brick", "spread", BRICK)
        pool.gluster("volume", "rebalance", "spread", "start")
        kill_the_move(pool, "rebalance", "spread", "status")
        fix(pool, wait_problem(pool, "REBALANCE_FAILED", "spread"))
        assert int(pool.exec(2, ["sh", "-c", "ls /export/b1/spread/d | wc -l"]).stdout) > FILES // 4


def test_a_rebalance_that_glusterd_calls_in_progress_for_ever_is_repeated(pool: Pool) -> None:
    """glusterd takes its process for alive where it looks before the kernel has ended it."""
    notice = "Rebalance process for volume spread has disconnected"
    count = ["grep", "--count", notice, "/var/log/glusterfs/glusterd.log"]

    with spread(pool):
        pool.gluster("volume", "add-brick", "spread", BRICK)
        pool.gluster("volume", "rebalance", "spread", "start")
        (found,) = [one for one in pool.host(1).find("glusterfs") if "rebalance/spread" in one.argv]
        before = int(pool.exec(1, count, check=False).stdout)
        # glusterd looks for the process by its pid file: until it has looked, that is another one's, which lives
        pid_file = found.option("--pid-file")
        content = pool.exec(1, ["cat", pid_file]).stdout
        pool.exec(1, ["tee", pid_file], input="1\n")
        process.kill(found.pid)
        wait_until(lambda: int(pool.exec(1, count).stdout) > before, "glusterd to notice it", LONG)
        pool.exec(1, ["tee", pid_file], input=content)
        wait_problem(pool, "REBALANCE_RUNNING", "spread")
        status = pool.gluster("volume", "rebalance", "spread", "status", "--xml")
        (task,) = re.findall(r"<task-id>(.*?)</task-id>", status)
        (run_time,) = re.findall(
            r"<statusStr>in progress</statusStr>\s*<runtime>(.*?)</runtime>\s*</node>", status
        )
        # as the daemon of node1 keeps it: five minutes with the same run time
        now = time.time()
        known = History(rebalances={"spread": Run(task, now - 300, now, float(run_time))})
        pool.exec(1, ["mkdir", "-p", STATE_DIRECTORY])
        pool.exec(1, ["tee", f"{STATE_DIRECTORY}/{FILE}"], input=encode(known).decode("ascii"))
        try:
            fix(pool, wait_problem(pool, "REBALANCE_FAILED", "spread"))
        finally:
            pool.exec(1, ["rm", "-f", f"{STATE_DIRECTORY}/{FILE}"])


def test_a_remove_brick_whose_process_died_is_repeated_and_committed(pool: Pool) -> None:
    with spread(pool):
        pool.gluster("volume", "add-brick", "spread", BRICK)
        type_in(pool, "gnt-gluster rebalance spread")
        pool.gluster("volume", "remove-brick", "spread", BRICK, "start")
        kill_the_move(pool, "remove-brick", "spread", BRICK, "status")
        failed = wait_problem(pool, "REBALANCE_FAILED", "spread")
        assert failed.subject == BRICK
        inspect_and_fix(pool, replace(failed, kind="remove-brick failed"))
        fix(pool, wait_problem(pool, "REMOVE_BRICK_UNCOMMITTED", "spread"))
        assert "Number of Bricks: 1" in pool.gluster("volume", "info", "spread")


def test_a_mount_hangs_because_all_bricks_do(pool: Pool) -> None:
    pool.create_volume("gv0", pool.bricks("/export/b1/gv0"), replica=3)
    pool.mount(1, "gv0", "/mnt/gv0")
    bricks = [found.pid for number in (1, 2, 3) for found in pool.brick_processes("gv0", number)]
    assert len(bricks) == 3
    try:
        for pid in bricks:
            process.freeze(pid)
        fix(pool, wait_problem(pool, "MOUNT_HANGS", "gv0"))
        pool.exec(1, ["stat", "--file-system", "/mnt/gv0"], timeout=5)
    finally:
        for pid in bricks:
            process.thaw(pid)
        pool.unmount(1, "/mnt/gv0")
        pool.delete_volume("gv0")
