"""A node in maintenance, on real Ganeti, under guests that write all the time: no I/O error, no pause, whole disks."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, Iterator, List

import pytest

from tests.campaign.site import VOLUME, Site
from tests.conftest import FAMILY
from tests.lab import Pool, wait_until
from tests.lab.lab import command
from tests.lab.tools import GANETI_TOOLS, missing
from tests.lab_tests.deploying import gnt_gluster, killed_at, refused
from tests.lab_tests.maintained import WISH, Rebooter, WritingGuests, brick_processes

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

NODE1, NODE2, NODE3 = (f"node{n}.lab.test" for n in (1, 2, 3))
PROGRAM = str(command().with_name("gnt-gluster"))
#: seconds that a guest may take from one write to the next; it waits half a second by itself
LONGEST_PAUSE = 2.0


@pytest.fixture(scope="module")
def guests() -> Iterator[WritingGuests]:
    """Three nodes; a guest stays on node1, and one of each template begins on node2."""
    lacking = missing(GANETI_TOOLS)
    if lacking:
        pytest.skip("; ".join(lacking))
    with Pool.first_free(FAMILY) as pool:
        found = WritingGuests(Site(pool).up())
        found.add("stays", "gluster", 1)
        found.add("moves", "gluster", 2)
        found.add("ext", "ext", 2)
        found.wait_blocks()
        # what the OS scripts wrote through mounts that are gone waits for the next round of healing
        pool.wait_healed(VOLUME, in_use=True)
        yield found


def maintenance(pool: Pool, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = gnt_gluster(pool, "maintenance", *words, timeout=400, check=check)
    print(done.stdout, done.stderr, sep="")
    return done


def status(pool: Pool) -> Dict[str, Any]:
    found: Dict[str, Any] = json.loads(maintenance(pool, "status", "--json").stdout)
    return found


def power_cycle(site: Site, node: int, guests: WritingGuests) -> None:
    """What a reboot comes to: the power is gone, and the node boots."""
    site.pool.power_off(node)
    guests.wait_blocks()
    site.pool.power_on(node)
    site.cluster.start_daemons(node)


def drained(site: Site, node: int) -> str:
    return site.run("gnt-node", "list", "--no-headers", "-o", "drained", site.name(node)).strip()


def test_a_node_is_rebooted_under_guests_that_write(guests: WritingGuests) -> None:
    site, pool = guests.site, guests.site.pool
    with guests.pauses("stays") as pauses:
        maintenance(pool, "start", "node2", "--target-node", "node3")
    print(f"longest pause of the guest while bricks stopped: {pauses['stays']:.2f} s")
    assert pauses["stays"] <= LONGEST_PAUSE
    assert guests.nodes() == {"stays": 1, "moves": 3, "ext": 3}
    assert brick_processes(site, 2) == 0
    assert drained(site, 2) == "Y"
    (found,) = status(pool)["nodes"]
    assert (found["node"], found["drained"]) == (NODE2, True)
    assert any("not online" in each for each in found["missing"])
    guests.wait_blocks()

    # an administrator is too early
    lines = refused(pool, "maintenance", "start", "node3")
    assert any("would lose its quorum" in line for line in lines), lines
    assert any(f"gnt-gluster maintenance finish {NODE2}" in line for line in lines), lines
    # what could start the bricks
    (line,) = refused(pool, "restart-brick", "-f", "gv0", f"node2:{site.paths[2]}")
    assert line.startswith(f"{NODE2} is in maintenance since ")
    assert brick_processes(site, 2) == 0

    with guests.pauses("stays", "moves", "ext") as pauses:
        power_cycle(site, 2, guests)
    print("longest pauses while the node rebooted:", pauses)
    assert max(pauses.values()) <= LONGEST_PAUSE
    # still too early: the bricks of node2 lack what guests wrote meanwhile
    assert refused(pool, "maintenance", "start", "node3")

    done = maintenance(pool, "finish", "node2")
    assert "the next node may follow" in done.stderr.splitlines()[-1], done.stderr
    assert (brick_processes(site, 2), drained(site, 2), status(pool)["nodes"]) == (1, "N", [])
    assert "gluster:maintenance" not in site.run("gnt-cluster", "list-tags")
    assert guests.errors() == 0
    assert guests.faults() == []
    again = maintenance(pool, "finish", "node2")
    assert "nothing to do" in again.stderr


def progress(pool: Pool) -> str:
    return pool.exec(1, ["cat", "/root/progress"], check=False).stdout


def test_nothing_is_changed_before_all_is_healed(guests: WritingGuests) -> None:
    site, pool = guests.site, guests.site.pool
    pool.gluster("volume", "heal", VOLUME, "disable")
    try:
        pool.kill_brick(VOLUME, 2)
        guests.wait_blocks()
        pool.start_brick(VOLUME, 2)
        start = f"{PROGRAM} maintenance start node3 --target-node node2 2>/root/progress"
        with ThreadPoolExecutor(1) as executor:
            started = executor.submit(pool.exec, 1, ["sh", "-c", start], timeout=400)
            wait_until(lambda: "entries are pending" in progress(pool), "the command to wait", 60.0, 0.2)
            assert "gluster:maintenance" not in site.run("gnt-cluster", "list-tags")
            assert drained(site, 3) == "N"
            pool.gluster("volume", "heal", VOLUME, "enable")
            started.result()
    finally:
        pool.gluster("volume", "heal", VOLUME, "enable")
    lines = progress(pool)
    print(lines)
    assert lines.index("entries are pending") < lines.index("drained"), lines
    assert (brick_processes(site, 3), drained(site, 3)) == (0, "Y")
    maintenance(pool, "finish", "node3")
    assert (brick_processes(site, 3), drained(site, 3), status(pool)["nodes"]) == (1, "N", [])
    assert guests.errors() == 0
    assert guests.faults() == []


def killed_at_each_step(pool: Pool, *words: str) -> List[int]:
    """The steps at which the command was killed, before it was run to its end."""
    found, step = [], 1
    while killed_at(pool, step, [PROGRAM, "maintenance", *words]):
        found.append(step)
        step += 1
        wait_until(lambda: lock_is_free(pool), "the lock", 30.0)
    return found


def lock_is_free(pool: Pool) -> bool:
    done = gnt_gluster(pool, "maintenance", "finish", "node1", check=False)  # which is not in maintenance
    return done.returncode == 0


@pytest.mark.soak
def test_it_goes_on_after_a_kill_at_each_step(guests: WritingGuests) -> None:
    site, pool = guests.site, guests.site.pool
    assert len(killed_at_each_step(pool, "start", "node3", "--target-node", "node2")) >= 4
    assert (brick_processes(site, 3), drained(site, 3)) == (0, "Y")
    assert 3 not in guests.nodes().values()
    guests.wait_blocks()
    assert len(killed_at_each_step(pool, "finish", "node3")) >= 3
    assert (brick_processes(site, 3), drained(site, 3), status(pool)["nodes"]) == (1, "N", [])
    assert guests.errors() == 0
    assert guests.faults() == []


@pytest.mark.soak
def test_nodes_are_rebooted_one_after_the_other(guests: WritingGuests) -> None:
    pool = guests.site.pool
    rebooter = Rebooter(guests, [2, 3])
    rebooter.start()
    with guests.pauses("stays") as pauses:
        maintenance(pool, "run", "--wait-for-reboot", "--timeout", "3m", "node2", "node3", "--", *WISH)
    rebooter.finish()
    print(f"longest pause of the guest: {pauses['stays']:.2f} s")
    assert pauses["stays"] <= LONGEST_PAUSE
    assert status(pool)["nodes"] == []
    assert guests.errors() == 0
    assert guests.faults() == []


@pytest.mark.soak
def test_run_stops_at_a_command_that_fails(guests: WritingGuests) -> None:
    pool = guests.site.pool
    done = maintenance(pool, "run", "--no-migrate", "node2", "node3", "--", "false", check=False)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[-2].endswith(f"gnt-gluster maintenance finish {NODE2}")
    assert lines[-1].endswith(f"gnt-gluster maintenance run {NODE3} -- false")
    assert [each["node"] for each in status(pool)["nodes"]] == [NODE2]
    maintenance(pool, "finish", "node2")
    assert guests.errors() == 0


def test_repair_starts_what_does_not_run(guests: WritingGuests) -> None:
    site, pool = guests.site, guests.site.pool
    assert "nothing to do" in gnt_gluster(pool, "repair").stderr
    pool.kill_brick(VOLUME, 2)
    pool.kill_self_heal_daemons([2])
    done = gnt_gluster(pool, "repair", VOLUME)
    print(done.stderr)
    assert brick_processes(site, 2) == 1
    assert pool.self_heal_daemons(2)
    assert "nothing to do" in gnt_gluster(pool, "repair").stderr
    pool.wait_healed(VOLUME, in_use=True)
    assert guests.errors() == 0
    assert guests.faults() == []
