"""Geo-replication from a pool of two hosts to a volume of another pool, with GlusterFS' own processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import pytest

from ganeti_gluster_mon.gluster.geo_replication_query import GEO_INTERVAL
from tests.conftest import FAMILY
from tests.lab import Pool, process
from tests.lab.geo_session import BEGIN_TIMEOUT, GeoSession, install
from tests.lab.lab import command
from tests.lab.waiting import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.soak]

SECONDARY = "node3.lab.test::backup"


@pytest.fixture(scope="module")
def pools() -> Iterator[Pool]:
    """gv0 on node1 and node2, which are a pool; backup on node3, a pool of its own; a session that runs."""
    with Pool.first_free(FAMILY) as pool:
        install(pool)
        pool.probe([1, 2])
        pool.create_volume("gv0", pool.bricks("/export/b1/gv0", [1, 2]), replica=2)
        pool.mount(1, "gv0", "/mnt/gv0")
        # The first copy has it: changes of later were not replicated in each session, until it was started anew (10.3).
        pool.exec(1, ["sh", "-c", "echo guest > /mnt/gv0/disk"])
        session_of(pool).create()
        pool.mount(3, "backup", "/mnt/backup")
        yield pool


def session_of(pool: Pool) -> GeoSession:
    return GeoSession(pool, "gv0", 3)


def volume(pool: Pool) -> Dict[str, Any]:
    """gv0 in a report that queries Gluster."""
    report = json.loads(pool.exec(1, [str(command()), "collect", "gluster", "--verbose"]).stdout)
    (found,) = report["data"]["volumes"]
    assert isinstance(found, dict)
    return found


def statuses(pool: Pool) -> List[str]:
    sessions = volume(pool)["geo_replications"] or ()
    return sorted(str(worker["status"]) for session in sessions for worker in session["workers"])


def check(pool: Pool) -> str:
    return pool.exec(1, [str(command()), "check", "--query"], check=False).stdout


def wait_known(pool: Pool) -> List[Any]:
    """The sessions, once their workers are known."""

    def known() -> Optional[List[Any]]:
        sessions: List[Any] = volume(pool)["geo_replications"] or []
        return sessions if all(session["workers"] for session in sessions) else None

    return wait_until(known, "the workers to be known", BEGIN_TIMEOUT, 1.0)


def wait_check(pool: Pool, *words: str) -> str:
    """The line of the check once it has *words*: on a busy machine a query may take longer than its timeout."""
    return wait_until(
        lambda: next((line for line in [check(pool)] if all(word in line for word in words)), None),
        f"the check to have {words}",
        BEGIN_TIMEOUT,
        1.0,
    )


def wait_replicating(pool: Pool) -> None:
    wait_until(lambda: statuses(pool) == ["active", "passive"], "a worker to be active", BEGIN_TIMEOUT, 1.0)


def test_what_is_written_is_replicated_and_a_passive_worker_is_no_problem(pools: Pool) -> None:
    wait_replicating(pools)
    there = ["cat", "/mnt/backup/disk"]
    wait_until(
        lambda: pools.exec(3, there, check=False).stdout == "guest\n", "the file on the other volume", 60
    )
    wait_check(pools, "GLUSTER OK")
    (session,) = wait_known(pools)
    assert session["secondary"] == SECONDARY and session["age"] < GEO_INTERVAL
    (active,) = [worker for worker in session["workers"] if worker["status"] == "active"]
    assert active["failures"] == 0 and active["last_synced_at"] is not None
    info = pools.exec(1, [str(Path(command()).with_name("gnt-gluster")), "info", "gv0"]).stdout
    assert f"- {SECONDARY} (1 active, 1 passive, last synced " in info


def test_a_secondary_volume_that_is_down_is_critical_until_it_is_back(pools: Pool) -> None:
    wait_replicating(pools)
    pools.kill_brick("backup", 3)
    pools.exec(1, ["touch", "/mnt/gv0/another"])
    wait_check(pools, "GLUSTER CRITICAL", "[GEO_REPLICATION_FAULTY]")
    pools.start_volume("backup", force=True, host=3)
    wait_replicating(pools)
    wait_check(pools, "GLUSTER OK")


def test_a_monitor_that_ended_is_critical_and_the_runbooks_fix_starts_it(pools: Pool) -> None:
    wait_replicating(pools)
    (session,) = wait_known(pools)
    (host,) = [each["host"] for each in session["workers"] if each["status"] == "active"]
    number = int(host[len("node")])
    monitors = [found for found in pools.host(number).processes() if "--monitor" in found.argv]
    for monitor in monitors:
        process.kill(monitor.pid)
    found = wait_check(pools, "GLUSTER CRITICAL", f"is faulty: not replicated: {host}:/export/b1/gv0")
    fix = f"gluster volume geo-replication gv0 {SECONDARY} start force"
    assert f"fix: {fix}" in found
    pools.exec(1, ["sh", "-c", fix], timeout=120)
    wait_replicating(pools)


def test_a_session_that_is_paused_is_a_warning_and_one_that_is_deleted_is_none(pools: Pool) -> None:
    wait_replicating(pools)
    session_of(pools).run("pause")
    paused = wait_check(pools, "GLUSTER WARNING", "is paused [GEO_REPLICATION_STOPPED]")
    assert f"gluster volume geo-replication gv0 {SECONDARY} resume" in paused
    session_of(pools).run("resume")
    wait_replicating(pools)
    session_of(pools).run("stop")
    wait_check(pools, "is stopped [GEO_REPLICATION_STOPPED]")
    session_of(pools).run("delete")
    assert volume(pools)["geo_replications"] is None
    wait_check(pools, "GLUSTER OK")
