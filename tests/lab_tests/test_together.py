"""Daemons on three hosts: one asks for all, all know, and whatever happens to the one, another does."""

from __future__ import annotations

import functools
import json
import os
import signal
import time
from typing import Any, Iterator, List

import pytest

from tests.lab.pool import Pool
from tests.lab.waiting import wait_until
from tests.lab_tests.daemon import AT_ONCE, INTERVAL, LONG, Daemon
from tests.lab_tests.prometheus import prometheus
from tests.lab_tests.together import SECRET, Together, on_every_host, role

pytestmark = pytest.mark.lab

#: seconds in which another leads
SOON = 2 * INTERVAL


def asks_for_all(daemon: Daemon, does: bool) -> bool:
    """Whether, by its latest capture, it *does* ask what takes a lock, or does not."""
    argv = ["cat", "/run/ganeti-gluster-mon/current/manifest.json"]
    answers = json.loads(daemon.pool.exec(daemon.host, argv).stdout)["answers"]
    (status,) = [each for each in answers if each["command"] == ["volume", "status", "all"]]
    return ("failure" not in status) == does


def names(daemon: Daemon, volume: str) -> bool:
    return any(each["name"] == volume for each in daemon.data()["volumes"])


@pytest.fixture(scope="module")
def started(lab_pool: Pool) -> Iterator[Together]:
    with on_every_host(lab_pool) as together:
        yield together


@pytest.fixture
def together(started: Together) -> Together:
    started.settle()
    return started


def unchanging(daemon: Daemon) -> List[Any]:
    """The volumes as a daemon reports them, without what changes from one moment to the next."""
    volumes: List[Any] = daemon.data()["volumes"]
    for volume in volumes:
        for changing in ("mounted", "capacity", "inodes"):
            volume.pop(changing)
        if volume["heal"] is not None:
            volume["heal"].pop("age")
        for brick in volume["bricks"]:
            # where a filesystem is mounted, and the errors that it recorded, are read on its own node
            for changing in ("free", "inodes_free", "name", "mount", "filesystem_errors", "lvm"):
                brick.pop(changing)
    return volumes


def test_all_nodes_report_the_same_and_one_queries_gluster(together: Together) -> None:
    for host, daemon in together.daemons.items():
        wait_until(
            functools.partial(asks_for_all, daemon, together.leaders() == [host]), "the role to be played"
        )
        local = [peer["hostname"] for peer in daemon.data()["peers"] if peer["local"]]
        assert local == [f"node{host}.lab.test"]
        assert daemon.data("daemon/glusterd")["status"]["code"] == 0

    def same() -> bool:
        """A follower has what the leader reports a moment later."""
        first, *others = (unchanging(daemon) for daemon in together.daemons.values())
        return len(first) > 3 and all(other == first for other in others)

    wait_until(same, "all to report the same", LONG)


def test_each_exports_its_own_and_the_leader_the_pool(together: Together) -> None:
    (leader,) = together.leaders()
    for host, daemon in together.daemons.items():
        text = daemon.get("/metrics")[0]
        bricks = [line for line in text.splitlines() if line.startswith("gluster_brick_up{")]
        own = [line for line in bricks if f'host="node{host}.lab.test"' in line]
        assert own
        assert (bricks == own) == (host != leader)
        assert ("gluster_volume_size_bytes{" in text) == (host == leader)


@pytest.mark.parametrize("host", [1, 2, 3])
def test_a_brick_that_dies_is_reported_by_all_at_once(together: Together, host: int) -> None:
    (brick,) = together.pool.brick_processes("gv0", host)
    os.kill(brick.pid, signal.SIGKILL)
    began = time.monotonic()
    try:
        for daemon in together.daemons.values():
            daemon.wait_code(4, "is offline")
        assert time.monotonic() - began < 5
    finally:
        together.pool.start_brick("gv0", host)
    together.settle()


def test_a_volume_that_is_created_is_reported_by_all(together: Together) -> None:
    together.pool.create_volume("new", together.pool.bricks("/export/b1/new", [1]))
    began = time.monotonic()
    try:
        for daemon in together.daemons.values():
            wait_until(functools.partial(names, daemon, "new"), "the volume")
        assert time.monotonic() - began < 5
    finally:
        together.pool.stop_volume("new")
        together.pool.delete_volume("new")
    together.settle()


def test_a_new_leader_calls_bricks_at_the_ports_that_the_former_leader_knew(together: Together) -> None:
    """It led before, and a brick was started again since: called at its former port, it would be lost, and its
    replica set without quorum, while `volume status` is not queried because the former leader is away."""
    first, second, third = together.by_uuid()
    together.stop(first)
    together.wait_leaders([second])
    wait_until(functools.partial(asks_for_all, together.daemons[second], True), "the second to lead")
    together.start(first)
    together.settle()
    together.pool.kill_brick("gv0", third)
    together.daemons[first].wait_code(4, "is offline")
    together.pool.start_brick("gv0", third)
    together.settle()
    together.pool.cut(first)
    try:
        daemon = together.daemons[second]

        def leads() -> bool:
            return role(daemon) == 1 and daemon.status()[0] == 4 and asks_for_all(daemon, False)

        wait_until(leads, f"host {second} to lead and to miss host {first}", LONG)
        until = time.monotonic() + SOON
        while time.monotonic() < until:
            lost = [
                each
                for each in daemon.data()["status"]["problems"]
                if each["code"] == "SUBVOLUME_QUORUM_LOST"
            ]
            assert {each["volume"] for each in lost} <= {"dist2"}, lost  # of which each brick is the only one
            daemon.next_cycle(daemon.cycle())
    finally:
        together.pool.join(first)
        together.pool.wait_connected()
    together.settle()


def test_when_the_leader_stops_the_next_leads_and_when_it_is_back_it_leads_again(together: Together) -> None:
    first, second, third = together.by_uuid()
    together.stop(first)
    together.wait_leaders([second], SOON)
    together.daemons[third].wait_code(0, timeout=SOON)
    together.start(first)
    together.settle()


def test_a_leader_that_is_frozen_is_not_waited_for(together: Together) -> None:
    first, second, third = together.by_uuid()
    frozen = [together.daemons[first].child(role).pid for role in ("poller", "web")]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        others = [together.daemons[host] for host in (second, third)]
        wait_until(lambda: [role(daemon) for daemon in others] == [1, 0], "the next to lead", SOON)
        for daemon in others:
            daemon.wait_code(0, timeout=SOON)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    together.settle()


def test_a_leader_whose_poller_hangs_is_followed_no_more(together: Together) -> None:
    """It reports what the new leader knows, and that it does not know its own mounts any more."""
    first, second, _ = together.by_uuid()
    poller = together.daemons[first].child("poller").pid
    os.kill(poller, signal.SIGSTOP)
    try:
        together.wait_leaders([second], 2 * SOON)
        together.daemons[first].wait_code(2, "this node's own mounts and processes (no answers for")
    finally:
        os.kill(poller, signal.SIGCONT)
    together.settle()


def test_while_the_leaders_glusterd_is_down_another_leads(together: Together) -> None:
    first, second, _ = together.by_uuid()
    together.pool.kill_glusterd(first)
    try:
        together.wait_leaders([second], 2 * SOON)
        for daemon in together.daemons.values():
            daemon.wait_code(4, "disconnected")
        assert together.daemons[first].data("daemon/glusterd")["status"]["code"] == 4
    finally:
        together.pool.start_glusterd(first)
        together.pool.wait_connected()
    together.settle()


def test_a_split_pool_has_a_leader_on_each_side(together: Together) -> None:
    first, second, third = together.by_uuid()
    together.pool.cut(first)
    try:
        wait_until(lambda: sorted(together.leaders()) == sorted([first, second]), "two leaders", SOON)
        for daemon in together.daemons.values():
            daemon.wait_code(4, "peer ")
        assert "node" in together.daemons[third].status()[1]
        assert together.daemons[third].seconds("/metrics") < AT_ONCE
    finally:
        together.pool.join(first)
    together.pool.wait_connected()
    together.settle()


def test_without_the_secret_there_is_no_information(together: Together) -> None:
    """The repetition of an overheard request gives no information, and makes no node query Gluster."""
    (leader,) = together.leaders()
    url = f"http://node{leader}.lab.test:1816/exchange"
    stranger = next(host for host in (1, 2, 3) if host != leader)

    def fetched(*words: str) -> str:
        argv = ["curl", "--silent", "--max-time", "10", "--write-out", "%{http_code}", *words]
        return together.pool.exec(stranger, argv).stdout

    assert fetched(url) == "The challenge is not this node's present one\n403"
    head = together.pool.exec(stranger, ["curl", "--silent", "--dump-header", "-", url]).stdout
    challenge = head.partition("X-Gluster-Mon-Challenge: ")[2].split()[0]
    forged = [
        "--header",
        f"X-Gluster-Mon-Challenge: {challenge}",
        "--header",
        f"X-Gluster-Mon-Nonce: {'0' * 32}",
        "--header",
        f"X-Gluster-Mon-Signature: {'0' * 64}",
    ]
    assert "The signature is not by the cluster's secret" in fetched(*forged, f"{url}?nudge=1")
    wait_until(lambda: together.daemons[leader].cycle()["event"] is None, "quiet", LONG)


def test_without_the_secret_each_asks_for_itself(together: Together) -> None:
    first, second, third = together.by_uuid()
    together.pool.exec(third, ["mv", SECRET, f"{SECRET}.away"])
    try:
        wait_until(
            lambda: "gluster_leader " not in together.daemons[third].get("/metrics")[0],
            "it to be alone",
            LONG,
        )
        together.daemons[third].wait_code(0)
        assert together.leaders() == [first]
        assert role(together.daemons[second]) == 0
    finally:
        together.pool.exec(third, ["mv", f"{SECRET}.away", SECRET])
    together.settle()


def test_prometheus_has_the_answers(together: Together) -> None:
    """The real one, with the configuration that the documentation shows, scraping all three."""
    pool = together.pool
    with prometheus(pool, 1) as there:
        ask = there.values
        wait_until(lambda: ask("sum(up)") == [3.0], "all three to be scraped", LONG)
        wait_until(lambda: ask("sum(gluster_leader)") == [1.0], "one to lead", LONG)
        bricks = sum(len(volume["bricks"]) for volume in together.daemons[1].data()["volumes"])
        each = "count(count by (volume, host, path) (gluster_brick_up == 1))"
        wait_until(lambda: ask(each) == [float(bricks)], "every brick", LONG)
        volumes = len(together.daemons[1].data()["volumes"])
        assert ask("count(gluster_volume_size_bytes)") == [float(volumes)], "each from one node alone"
        assert ask("gluster_brick_up == 0") == []
        (brick,) = pool.brick_processes("gv0", 2)
        os.kill(brick.pid, signal.SIGKILL)
        try:
            wait_until(lambda: 0.0 in ask("gluster_brick_up == 0"), "the brick that died", LONG)
            wait_until(
                lambda: ask('max(gluster_status_code{collector="gluster"})') == [4.0], "the alert", LONG
            )
        finally:
            pool.start_brick("gv0", 2)
        wait_until(lambda: ask("gluster_brick_up == 0") == [], "it to be back", LONG)
    together.settle()


def test_while_run_is_full_what_is_known_grows_old_and_then_it_recovers(together: Together) -> None:
    first, _, third = together.by_uuid()
    pool = together.pool
    pool.exec(third, ["mount", "-o", "remount,size=3m", "/run"], check=False)
    pool.exec(third, ["dd", "if=/dev/zero", "of=/run/filler", "bs=64k"], check=False)
    try:
        together.daemons[third].wait_code(2)
        assert together.daemons[third].seconds("/metrics") < AT_ONCE
        assert together.leaders() == [first]
    finally:
        pool.exec(third, ["rm", "-f", "/run/filler"])
    together.settle()
