"""`check` with a daemon and without one: what it locks, and that it answers before NRPE gives up.

How long it takes is measured by hand (docs/figures.md): a timed test fails on a busy machine.
"""

from __future__ import annotations

import time
from typing import Tuple

import pytest

from tests.lab.pool import Pool
from tests.lab_tests.daemon import serving

pytestmark = pytest.mark.lab


def check(pool: Pool, *words: str) -> Tuple[int, str, float]:
    began = time.monotonic()
    done = pool.run_command(1, ["check", *words], check=False)
    return done.returncode, done.stdout, time.monotonic() - began


def commands(pool: Pool) -> int:
    """The commands under a lock that glusterd of host 1 has run, by its own history."""
    text = pool.exec(1, ["cat", "/var/log/glusterfs/cmd_history.log"], check=False).stdout
    return text.count(" : volume status ")


def test_with_a_daemon_it_locks_nothing(lab_pool: Pool) -> None:
    with serving(lab_pool, 1, "--interval", "120") as daemon:
        daemon.wait_code(0)
        before = commands(lab_pool)
        status, out, _ = check(lab_pool)
        assert (status, out[:10]) == (0, "GLUSTER OK")
        assert commands(lab_pool) == before
        status, _, _ = check(lab_pool, "--query")
        assert status == 0
        assert commands(lab_pool) > before
        lab_pool.freeze_brick("gv0", 2)
        try:
            # The daemon of one node does not probe the bricks of others: its snapshot is of before.
            status, out, _ = check(lab_pool, "--query")
            assert (status, "hangs" in out) == (2, True)
        finally:
            lab_pool.thaw_brick("gv0", 2)


def test_without_a_daemon_it_answers_in_time_while_a_brick_hangs(lab_pool: Pool) -> None:
    lab_pool.freeze_brick("gv0", 2)
    try:
        status, out, seconds = check(lab_pool)
        print(f"check without a daemon, a brick frozen: {seconds:.2f} s")
        assert status == 2
        assert "brick node2.lab.test:/export/b1/gv0 hangs" in out
        assert seconds < 10, "NRPE gives up then"
        _, out, seconds = check(lab_pool, "--deadline", "5")
        assert "hangs" in out
        assert seconds < 9
    finally:
        lab_pool.thaw_brick("gv0", 2)
