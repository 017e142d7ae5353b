"""AUTO_REPAIR on a real cluster: a brick whose process died comes back, and one whose filesystem is gone does not."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List

import pytest

from tests.lab import Cluster, Pool, wait_until
from tests.lab_tests.daemon import LONG, Daemon, serving

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

BRICK, MOUNT = "/export/b1/gv0", "/export/b1"
#: the node whose brick fails, and the one whose daemon leads, which is the only one
FAILING, LEADING = 2, 1
TAG = "gluster:maintenance:node3.lab.test:1795483447:1795490647:kept"
#: cycles in which nothing happens, in which something would
CYCLES = 3
LOG = "/tmp/auto-repair.log"


@contextmanager
def repairing(pool: Pool, name: str) -> Iterator[Daemon]:
    """The daemon of the leader with AUTO_REPAIR and a state directory of its own; its log goes to `LOG`."""
    words = ("--listen", ":1816", "--auto-repair", "start-brick,self-heal", "--state-dir", f"/var/lib/{name}")
    prefix = ("sh", "-c", f'exec "$@" 2>{LOG}', "sh")
    with serving(pool, LEADING, *words, prefix=prefix) as daemon:
        wait_until(lambda: daemon.metric("gluster_leader") == 1.0, "the daemon to lead", LONG)
        yield daemon


def kill(pool: Pool) -> None:
    """SIGKILL the brick, as the kernel does when there is no memory."""
    (brick,) = pool.brick_processes("gv0", FAILING)
    os.kill(brick.pid, signal.SIGKILL)


def repairs(daemon: Daemon) -> List[Dict[str, Any]]:
    """The automatic repairs in the report."""
    found: List[Dict[str, Any]] = daemon.data()["auto_repairs"]
    return found


def wait_logged(daemon: Daemon, words: str) -> None:
    """Wait until the poller gives this reason why it repairs nothing, and for some cycles more."""

    def logged() -> bool:
        lines = daemon.pool.exec(LEADING, ["cat", LOG]).stdout.splitlines()
        return any("no automatic repair" in line and words in line for line in lines)

    wait_until(logged, f"the reason: {words}", LONG)
    cycle = daemon.cycle()
    for _ in range(CYCLES):
        cycle = daemon.next_cycle(cycle)


def test_a_brick_comes_back_unless_a_node_is_in_maintenance(ganeti: Cluster) -> None:
    pool = ganeti.pool
    with repairing(pool, "auto-repair-dead") as daemon:
        ganeti.run(1, "gnt-cluster", "add-tags", TAG)
        try:
            kill(pool)
            wait_logged(daemon, "a node is in maintenance")
            assert pool.brick_processes("gv0", FAILING) == []
            assert repairs(daemon) == []
        finally:
            ganeti.run(1, "gnt-cluster", "remove-tags", TAG)
        wait_until(lambda: pool.brick_processes("gv0", FAILING), "the brick to come back by itself", LONG)
        wait_until(lambda: repairs(daemon), "the repair in the report", LONG)
        (repair,) = repairs(daemon)
        assert (repair["volume"], repair["action"], repair["result"]) == ("gv0", "start-brick", "succeeded")
        assert repair["why"] == f"brick node2.lab.test:{BRICK} is offline"
        sample = 'gluster_auto_repairs_total{action="start-brick",result="succeeded",volume="gv0"}'
        assert daemon.metric(sample) == 1.0
        assert (
            "Last automatic repair"
            in pool.exec(
                LEADING, ["curl", "--silent", "--header", "Accept: text/html", "http://127.0.0.1:1816/"]
            ).stdout
        )
        daemon.wait_code(0)


def test_a_brick_whose_filesystem_is_not_mounted_stays_away(ganeti: Cluster) -> None:
    """Gluster itself gives the empty directory the volume id when the volume is started by force."""
    pool = ganeti.pool
    source = pool.exec(FAILING, ["findmnt", "--noheadings", "--output", "SOURCE", MOUNT]).stdout.strip()
    # else the loop device is gone when nothing is mounted of it
    with open(source, "rb"), repairing(pool, "auto-repair-unmounted") as daemon:
        try:
            pool.exec(FAILING, ["umount", "--lazy", MOUNT])
            pool.exec(FAILING, ["mkdir", "--parents", BRICK])
            kill(pool)
            wait_logged(daemon, "its filesystem may not be mounted")
            assert pool.brick_processes("gv0", FAILING) == []
            assert repairs(daemon) == []
            assert pool.exec(FAILING, ["find", MOUNT, "-mindepth", "1"]).stdout.split() == [BRICK]
            assert pool.exec(FAILING, ["getfattr", "-d", "-m", "-", "--absolute-names", BRICK]).stdout == ""
        finally:
            pool.exec(FAILING, ["rmdir", BRICK], check=False)
            pool.exec(FAILING, ["mount", source, MOUNT])
            pool.start_brick("gv0", FAILING)
        daemon.wait_code(0)
