"""A mute given on one node holds on all, and `since` survives the restart of a daemon."""

from __future__ import annotations

import os
import signal
import time
from typing import Any, Dict, Iterator, List

import pytest

from tests.lab.pool import Pool
from tests.lab.waiting import wait_until
from tests.lab_tests.daemon import LONG, Daemon
from tests.lab_tests.together import Together, on_every_host

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def together(lab_pool: Pool) -> Iterator[Together]:
    with on_every_host(lab_pool) as running:
        running.settle()
        yield running


def offline(daemon: Daemon) -> List[Dict[str, Any]]:
    return [each for each in daemon.data()["status"]["problems"] if each["code"] == "BRICK_OFFLINE"]


def is_muted(daemon: Daemon) -> bool:
    found = offline(daemon)
    return bool(found) and all(each["muted"] for each in found) and daemon.status()[0] < 4


@pytest.mark.parametrize("role", [0, 2], ids=["on the leader", "on a follower"])
def test_a_mute_reaches_all_nodes_and_ends(together: Together, role: int) -> None:
    together.settle()
    pool, host = together.pool, together.by_uuid()[role]
    (brick,) = pool.brick_processes("gv0", 3)
    os.kill(brick.pid, signal.SIGKILL)
    try:
        for daemon in together.daemons.values():
            daemon.wait_code(4, "is offline")
        pool.run_command(host, ["mute", "BRICK_OFFLINE", "--volume", "gv0", "--for", "1h"])
        began = time.monotonic()
        for daemon in together.daemons.values():
            wait_until(lambda daemon=daemon: is_muted(daemon), "the mute on every node", LONG)  # type: ignore[misc]
        print(f"muted on every node after {time.monotonic() - began:.1f} s")
        for number in together.daemons:
            done = pool.run_command(number, ["check", "--volume", "gv0"], check=False)
            assert done.returncode in (0, 1), done.stdout
            assert "[BRICK_OFFLINE]" in done.stdout
        text = together.daemons[together.leaders()[0]].get("/metrics")[0]
        assert 'gluster_problem_muted{code="BRICK_OFFLINE",volume="gv0"} 1.0' in text
        assert 'gluster_problem{code="BRICK_OFFLINE",volume="gv0"}' not in text
        other = next(number for number in together.daemons if number != host)
        pool.run_command(other, ["unmute", "BRICK_OFFLINE", "--volume", "gv0"])
        for daemon in together.daemons.values():
            daemon.wait_code(4, "is offline")
    finally:
        pool.start_brick("gv0", 3)


def test_a_mute_of_a_host_is_for_its_bricks_alone(together: Together) -> None:
    """As `gnt-gluster maintenance start` mutes a node: a brick that fails on another node is not muted."""
    together.settle()
    pool = together.pool
    (brick,) = pool.brick_processes("gv0", 3)
    os.kill(brick.pid, signal.SIGKILL)
    try:
        for daemon in together.daemons.values():
            daemon.wait_code(4, "is offline")
        pool.run_command(1, ["mute", "ALL", "--host", pool.host(3).name, "--for", "1h"])
        for daemon in together.daemons.values():
            wait_until(lambda daemon=daemon: is_muted(daemon), "the mute on every node", LONG)  # type: ignore[misc]
        (other,) = pool.brick_processes("disp", 2)
        os.kill(other.pid, signal.SIGKILL)
        try:
            for daemon in together.daemons.values():
                daemon.wait_code(4, f"{pool.host(2).name}:")
        finally:
            pool.start_brick("disp", 2)
        pool.run_command(1, ["unmute", "ALL", "--host", pool.host(3).name])
        for daemon in together.daemons.values():
            daemon.wait_code(4, "is offline")
    finally:
        pool.start_brick("gv0", 3)


def test_since_survives_a_restart(together: Together) -> None:
    together.settle()
    pool, host = together.pool, together.by_uuid()[1]
    (brick,) = pool.brick_processes("gv0", 3)
    os.kill(brick.pid, signal.SIGKILL)
    try:
        together.daemons[host].wait_code(4, "is offline")
        (before,) = offline(together.daemons[host])
        # since an earlier test, perhaps: a problem that is back within minutes is the same one
        assert 0 < before["since"] <= time.time()
        together.stop(host)
        together.start(host)
        together.daemons[host].wait_code(4, "is offline")
        (after,) = offline(together.daemons[host])
        assert after["since"] == before["since"]
        info = pool.exec(host, ["gnt-gluster", "info", "gv0"], check=False).stdout
        assert not info or "(for " in info
    finally:
        pool.start_brick("gv0", 3)
