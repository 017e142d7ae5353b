"""What can happen to a pool, done to a real one: each fault is named, in time, and nothing is left running.

Each test mends what it broke, and waits until the pool is well again.
"""

from __future__ import annotations

import re
import threading
from typing import Iterator, List

import pytest

from tests.lab.pool import Pool
from tests.lab.waiting import LabTimeout, wait_until
from tests.lab_tests.looking import LONGEST, Look, look, sentences, wait_nothing_left

pytestmark = pytest.mark.lab

NODE2 = "node2.lab.test"
NODE3 = "node3.lab.test"


@pytest.fixture(autouse=True)
def healthy_before_and_after(lab_pool: Pool) -> Iterator[None]:
    yield
    wait_healthy(lab_pool)


def wait_healthy(pool: Pool) -> None:
    """Heal counts and brick connections settle a moment after a brick is back."""
    messages: List[str] = []

    def healthy() -> bool:
        observed = look(pool)
        messages.append(observed.message)
        return observed.code == 0

    try:
        wait_until(healthy, "the pool to be well again", 120, 0.5)
    except LabTimeout as err:
        raise AssertionError(f"not well again: {messages[-1]}") from err


def quick(observed: Look, seconds: float = 12.0) -> None:
    assert observed.seconds < seconds


def test_a_brick_that_is_killed(lab_pool: Pool) -> None:
    lab_pool.kill_brick("gv0", 2)
    try:
        observed = look(lab_pool)
        quick(observed)
        assert (observed.code, observed.check_status) == (4, 2)
        first = sentences(observed.message)[0]
        assert first == "gv0: brick node2.lab.test:/export/b1/gv0 is offline, 2 of 3 replicas left"
        assert observed.volume("gv0")["status"] == "degraded"
        assert observed.brick("gv0", NODE2)["online"] is False
        assert observed.brick("gv0", NODE2)["heal_pending"] is None
        assert observed.sample("gluster_brick_up", volume="gv0", host=NODE2, path="/export/b1/gv0") == 0
        assert observed.sample("gluster_volume_bricks_online", volume="gv0") == 2
        assert observed.sample("gluster_volume_status", volume="gv0", status="degraded") == 1
        assert not observed.has(
            "gluster_heal_pending_entries", volume="gv0", host=NODE2, path="/export/b1/gv0"
        )
        assert observed.volume("distrep")["status"] == "healthy"
        assert NODE2 in observed.check and observed.check.startswith("GLUSTER CRITICAL")
    finally:
        lab_pool.start_brick("gv0", 2)


def test_what_was_written_meanwhile_waits_and_is_healed(lab_pool: Pool) -> None:
    lab_pool.kill_brick("gv0", 2)
    try:
        for number in range(4):
            lab_pool.exec(1, ["cp", "/etc/services", f"/mnt/gv0/healed-{number}"])
        observed = look(lab_pool)
        pending = observed.volume("gv0")["heal"]["pending"]
        assert pending >= 4
        assert f"gv0: {pending} entries to be healed" in observed.message
        assert (
            observed.sample("gluster_heal_pending_entries", volume="gv0", host=NODE3, path="/export/b1/gv0")
            > 0
        )
    finally:
        lab_pool.start_brick("gv0", 2)
    # the self-heal daemon begins by itself when the brick is back; on request, it begins at once
    heal = ["gluster", "--mode=script", "volume", "heal", "gv0"]
    wait_until(lambda: lab_pool.exec(1, heal, check=False).returncode == 0, "a heal to begin", 60, 0.5)
    lab_pool.wait_healed("gv0")
    observed = look(lab_pool)
    assert observed.volume("gv0")["heal"]["pending"] == 0
    assert observed.volume("gv0")["status"] == "healthy"


def test_a_brick_that_is_frozen(lab_pool: Pool) -> None:
    lab_pool.freeze_brick("gv0", 2)
    try:
        observed = look(lab_pool)
        # heal info itself waits 10 s for the frozen brick; all else was there before
        quick(observed, 25)
        assert (observed.code, observed.check_status) == (4, 2)
        assert "gv0: brick node2.lab.test:/export/b1/gv0 hangs" in observed.message
        assert "2 of 3 replicas left" in observed.message
        assert observed.brick("gv0", NODE2)["online"] is False
        assert observed.volume("gv0")["status"] == "degraded"
    finally:
        lab_pool.thaw_brick("gv0", 2)


def test_a_frozen_brick_makes_a_mount_hang_and_nothing_else(lab_pool: Pool) -> None:
    """The mount of dist2 cannot answer without the frozen brick; cycle after cycle leaves one stuck worker."""
    lab_pool.mount(1, "dist2", "/mnt/dist2")
    lab_pool.freeze_brick("dist2", 2)
    try:
        for _ in range(2):
            ran = lab_pool.run_command(1, ["metrics", "--heal-timeout", "1"], timeout=LONGEST)
            assert 'gluster_mount_up{path="/mnt/dist2",volume="dist2"} 0.0' in ran.stdout
            assert 'gluster_mount_up{path="/mnt/gv0",volume="gv0"} 1.0' in ran.stdout
            stuck = [each for each in lab_pool.left_running(1) if each.program == "stat"]
            assert len(stuck) <= 1, stuck
    finally:
        lab_pool.thaw_brick("dist2", 2)
        wait_until(lambda: not lab_pool.left_running(1), "the stuck worker to end", 60, 0.2)
        lab_pool.unmount(1, "/mnt/dist2")


def test_a_mount_takes_no_writes_without_quorum(lab_pool: Pool) -> None:
    def tested() -> str:
        return lab_pool.run_command(1, ["metrics", "--test-writes"], timeout=LONGEST).stdout

    assert 'gluster_mount_writable{path="/mnt/gv0",volume="gv0"} 1.0' in tested()
    assert lab_pool.exec(1, ["find", "/mnt/gv0", "-name", ".ganeti-gluster-mon*"]).stdout == ""
    for host in (2, 3):
        lab_pool.kill_brick("gv0", host)
    try:
        text = tested()
        assert 'gluster_mount_up{path="/mnt/gv0",volume="gv0"} 1.0' in text
        assert 'gluster_mount_writable{path="/mnt/gv0",volume="gv0"} 0.0' in text
        found = lab_pool.run_command(1, ["check", "--test-writes"], check=False, timeout=LONGEST).stdout
        why = r"\((Transport endpoint is not connected|Read-only file system)\)"
        assert re.search(rf"gv0: no file can be written to the mount /mnt/gv0 {why}", found), found
        assert "MOUNT_NOT_WRITABLE" in found
        # without the option nothing is written
        assert (
            "gluster_mount_writable"
            not in lab_pool.run_command(1, ["metrics", "--query"], timeout=LONGEST).stdout
        )
    finally:
        for host in (2, 3):
            lab_pool.start_brick("gv0", host)


def test_split_brain(lab_pool: Pool) -> None:
    options = {
        "cluster.self-heal-daemon": "off",
        "cluster.data-self-heal": "off",
        "cluster.metadata-self-heal": "off",
        "cluster.entry-self-heal": "off",
        "cluster.quorum-type": "none",
    }
    lab_pool.create_volume("brain", lab_pool.bricks("/export/b2/brain", [1, 2]), replica=2, options=options)
    try:
        write_through_a_new_mount(lab_pool, "brain", "both")
        for down, words in ((1, "one"), (2, "two")):
            lab_pool.kill_brick("brain", down)
            write_through_a_new_mount(lab_pool, "brain", words)
            lab_pool.start_brick("brain", down)
        lab_pool.gluster("volume", "set", "brain", "cluster.self-heal-daemon", "on")
        observed = look(lab_pool)
        assert (observed.code, observed.check_status) == (4, 2)
        assert "brain: 1 entry in split-brain" in observed.message
        assert observed.volume("brain")["heal"]["split_brain"] == 1
        for host in ("node1.lab.test", NODE2):
            labels = {"volume": "brain", "host": host, "path": "/export/b2/brain"}
            assert observed.sample("gluster_heal_split_brain_entries", **labels) == 1
    finally:
        lab_pool.delete_volume("brain")


def write_through_a_new_mount(pool: Pool, volume: str, words: str) -> None:
    """A new mount is connected to every brick that is up; an old one may still be on its way there."""
    pool.mount(3, volume, "/mnt/brain")
    try:
        pool.exec(3, ["sh", "-c", f"echo {words} > /mnt/brain/file"])
    finally:
        pool.unmount(3, "/mnt/brain")


def test_glusterd_of_a_peer_is_dead_and_its_bricks_live(lab_pool: Pool) -> None:
    lab_pool.kill_glusterd(3)
    try:
        at_once = look(lab_pool)
        quick(at_once)
        assert at_once.code == 4
        assert f"peer {NODE3}" in at_once.message
        lab_pool.wait_disconnected(3, watchers=[1])
        observed = look(lab_pool)
        quick(observed)
        assert (observed.code, observed.check_status) == (4, 2)
        assert sentences(observed.message)[0] == f"peer {NODE3} is disconnected"
        assert observed.sample("gluster_peer_connected", peer=NODE3) == 0
        # not in the answer of glusterd, but heal info spoke to it: the brick lives
        assert observed.brick("gv0", NODE3)["online"] is not False
        assert "offline" not in observed.message
        assert observed.volume("gv0")["subvolumes"][0]["quorum"] is True
    finally:
        lab_pool.start_glusterd(3)
        lab_pool.wait_connected()


def test_glusterd_of_a_peer_is_frozen(lab_pool: Pool) -> None:
    """It takes connections and never answers: `volume status` would wait for it for minutes."""
    lab_pool.freeze_glusterd(3)
    try:
        observed = look(lab_pool)
        # heal info asks the frozen glusterd for the ports of its bricks, and waits 10 s
        quick(observed, 16)
        assert observed.code == 4
        assert f"peer {NODE3} does not answer on port 24007" in observed.message
        assert observed.brick("gv0", NODE2)["online"] is True
    finally:
        lab_pool.thaw_glusterd(3)
        lab_pool.wait_connected()


def test_a_peer_whose_cable_is_pulled(lab_pool: Pool) -> None:
    lab_pool.cut(3)
    try:
        at_once = look(lab_pool)
        quick(at_once, 16)
        assert (at_once.code, at_once.check_status) == (4, 2)
        assert f"peer {NODE3} does not answer on port 24007" in at_once.message
        peers = {peer["hostname"]: peer for peer in at_once.reports["gluster"]["data"]["peers"]}
        assert (peers[NODE3]["connected"], peers[NODE3]["reachable"]) == (True, False)
        # lock-free sources: get-state for our own brick, heal info for that of node2
        assert at_once.brick("gv0", "node1.lab.test")["online"] is True
        assert at_once.brick("gv0", NODE2)["online"] is True
        assert at_once.brick("gv0", "node1.lab.test")["size"] > 0

        lab_pool.wait_disconnected(3, watchers=[1])
        later = look(lab_pool)
        quick(later, 16)
        assert later.code == 4
        assert f"peer {NODE3} is disconnected" in later.message
        # now glusterd answers again, and what it says of its own bricks and node2's is known
        assert later.brick("gv0", NODE2)["size"] > 0
        assert later.volume("gv0")["subvolumes"][0]["quorum"] is True
        counts_as_missing(later)
    finally:
        lab_pool.join(3)
        lab_pool.wait_connected()


def counts_as_missing(observed: Look) -> None:
    """The bricks of node3, which is away, are missing to their volumes."""
    for volume in ("gv0", "arb-vm", "disp", "distrep"):
        assert observed.volume(volume)["status"] == "degraded"
        assert observed.brick(volume, NODE3)["online"] is False
        assert observed.brick(volume, NODE3)["unreachable"] is True
        assert observed.sample("gluster_problem", code="BRICK_UNREACHABLE", volume=volume) == 1
    assert observed.sample("gluster_brick_up", volume="gv0", host=NODE3, path="/export/b1/gv0") == 0
    subvolume = {"volume": "gv0", "subvolume": "gv0-replicate-0"}
    assert observed.sample("gluster_subvolume_bricks_online", **subvolume) == 2
    assert observed.sample("gluster_subvolume_bricks_to_spare", **subvolume) == 0
    assert "5 bricks cannot be reached" in observed.message


def test_a_host_that_lost_its_power(lab_pool: Pool) -> None:
    lab_pool.power_off(3)
    try:
        observed = look(lab_pool)
        quick(observed, 25)
        assert (observed.code, observed.check_status) == (4, 2)
        assert f"peer {NODE3}" in observed.message
        counts_as_missing(observed)
        lab_pool.wait_disconnected(3, watchers=[1])
        counts_as_missing(look(lab_pool))
    finally:
        lab_pool.power_on(3)
        lab_pool.wait_connected()
        for volume in ("gv0", "arb-vm", "disp", "distrep"):
            lab_pool.start_brick(volume, 3)


def test_self_heal_daemons_killed(lab_pool: Pool) -> None:
    lab_pool.kill_self_heal_daemons()
    try:
        observed = look(lab_pool)
        assert (observed.code, observed.check_status) == (4, 2)
        assert "4 volumes: no self-heal daemon on" in observed.message
        assert "dist2" not in observed.message
    finally:
        for volume in ("gv0", "arb-vm", "disp", "distrep"):
            lab_pool.start_volume(volume, force=True)


def test_a_lock_held_by_an_administrator_delays_the_result_and_does_not_change_it(lab_pool: Pool) -> None:
    """Three hosts run commands that lock, over and over: every look is right, or says what it does not know."""
    stop = threading.Event()
    commands = [0]

    def administrate(host: int) -> None:
        while not stop.is_set():
            lab_pool.exec(
                host, ["gluster", "--mode=script", "volume", "status", "all", "detail"], check=False
            )
            commands[0] += 1

    others = [threading.Thread(target=administrate, args=(host,)) for host in (1, 2, 3)]
    for other in others:
        other.start()
    try:
        for _ in range(5):
            ran = lab_pool.run_command(1, ["check"], check=False, timeout=LONGEST)
            assert ran.returncode in (0, 3), ran.stdout
            if ran.returncode == 3:
                assert "lock" in ran.stdout.lower() or "transaction" in ran.stdout, ran.stdout
    finally:
        stop.set()
        for other in others:
            other.join()
    assert commands[0] > 15
    wait_nothing_left(lab_pool, 1)
