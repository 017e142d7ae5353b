"""Faults that a pool may have, made on real Gluster: each is found, named by its code, and gone when it is repaired.

What a pool is like while a brick, a host or glusterd is away is in test_pool_in_trouble.py.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest

from tests.lab.host import Disk
from tests.lab.pool import Pool
from tests.lab.tools import missing
from tests.lab.waiting import wait_until
from tests.lab_tests.looking import Look, look

pytestmark = pytest.mark.lab

NODE1, NODE2, NODE3 = (f"node{i}.lab.test" for i in (1, 2, 3))
MIB = 1 << 20
#: of 2 GiB; ext4 keeps 16 MiB of it for its own needs
FREE = 40 * MIB
#: seconds that a change of Gluster's may take on a busy machine
LONG = 60.0


def problems(observed: Look, code: str) -> List[Dict[str, Any]]:
    """The problems of *code* in the `gluster` report."""
    found = observed.reports["gluster"]["data"]["status"]["problems"]
    return [problem for problem in found if problem["code"] == code]


def wait_problem(pool: Pool, code: str, volume: str) -> Look:
    """Look until there is a problem of *code* about *volume*."""

    def there() -> Any:
        observed = look(pool)
        return observed if any(each["volume"] == volume for each in problems(observed, code)) else None

    observed: Look = wait_until(there, f"{code} of {volume}", LONG, 0.5)
    assert observed.sample("gluster_problem", code=code, volume=volume) == 1
    return observed


def wait_no_problem(pool: Pool, code: str, volume: str) -> Look:
    def gone() -> Any:
        observed = look(pool)
        return None if any(each["volume"] == volume for each in problems(observed, code)) else observed

    observed: Look = wait_until(gone, f"no {code} of {volume}", LONG, 0.5)
    assert not observed.has("gluster_problem", code=code, volume=volume)
    return observed


@contextmanager
def filled(pool: Pool, directory: str, leave: int) -> Iterator[None]:
    """The filesystem at *directory*, on all hosts, with *leave* bytes free."""
    file = f"{directory}/filler"
    command = f'fallocate -l $(($(stat -f -c "%f * %S" {directory}) - {leave})) {file}'
    for host in pool.hosts:
        pool.exec(host.number, ["sh", "-c", command])
    try:
        yield
    finally:
        for host in pool.hosts:
            pool.exec(host.number, ["rm", "-f", file])


def test_a_full_replica_set_and_a_full_arbiter(lab_pool: Pool) -> None:
    with filled(lab_pool, "/export/b2", FREE):
        observed = look(lab_pool)
        assert (observed.code, observed.check_status) == (4, 2)
        (full,) = [each for each in problems(observed, "SUBVOLUME_FULL") if each["volume"] == "distrep"]
        assert full["subject"] == "replica set 2"
        assert f"brick {NODE1}:/export/b2/dr" in full["text"]
        (arbiter,) = [each for each in problems(observed, "ARBITER_FULL") if each["volume"] == "arb-vm"]
        assert arbiter["subject"] == f"{NODE3}:/export/b2/arb"
        assert {each["volume"] for each in problems(observed, "VOLUME_FULL")} >= {"arb-vm", "dist2", "disp"}
        assert "[SUBVOLUME_FULL]" in observed.check
    observed = look(lab_pool)
    assert problems(observed, "SUBVOLUME_FULL") == []
    assert problems(observed, "ARBITER_FULL") == []


def test_a_full_brick_of_a_distributed_volume(lab_pool: Pool) -> None:
    lab_pool.create_volume("wide", [(1, "/export/b1/wide"), (2, "/export/b2/wide")])
    try:
        with filled(lab_pool, "/export/b2", FREE):
            observed = look(lab_pool)
            (full,) = [each for each in problems(observed, "SUBVOLUME_FULL") if each["volume"] == "wide"]
            assert full["subject"] == "subvolume 2"
            assert f"{NODE2}:/export/b2/wide" in full["text"]
    finally:
        lab_pool.delete_volume("wide")


@pytest.mark.skipif(bool(missing({"mkfs.btrfs": "btrfs-progs"})), reason="btrfs-progs is not installed")
def test_bricks_on_btrfs_have_space_and_no_inodes(fresh_pool: Callable[..., Pool]) -> None:
    pool = fresh_pool(disks=(Disk("b1", 512 * MIB, "btrfs"),))
    pool.create_volume("gv0", pool.bricks("/export/b1/gv0"), replica=3)
    for mounted in (False, True):
        if mounted:
            pool.mount(1, "gv0", "/mnt/gv0")
        observed = look(pool)
        assert (observed.code, observed.message) == (
            0,
            "1 volume healthy, 3 bricks online, 3 peers connected",
        )
        volume = observed.volume("gv0")
        assert volume["inodes"] is None
        assert volume["capacity"]["size"] > 256 * MIB
        assert observed.sample("gluster_volume_size_bytes", volume="gv0") == volume["capacity"]["size"]
        assert "gluster_volume_files" not in observed.metrics
        assert "gluster_brick_files" not in observed.metrics


def test_a_brick_whose_filesystem_became_read_only(fresh_pool: Callable[..., Pool]) -> None:
    """As ext4 does at an error; the test makes the kernel report one."""
    pool = fresh_pool(disks=(Disk("b1", 264 * MIB, "ext4"),))
    pool.create_volume("gv0", pool.bricks("/export/b1/gv0"), replica=3)
    device = pool.exec(2, ["findmnt", "--noheadings", "--output", "SOURCE", "/export/b1"]).stdout.strip()
    pool.exec(2, ["mount", "-o", "remount,errors=remount-ro", "/export/b1"])
    Path("/sys/fs/ext4", Path(device).name, "trigger_fs_error").write_text("lab test", encoding="ascii")
    observed = wait_problem(pool, "BRICK_FILESYSTEM", "gv0")
    (problem,) = problems(observed, "BRICK_FILESYSTEM")
    assert problem["subject"] == f"{NODE2}:/export/b1/gv0"
    assert (observed.code, observed.check_status) == (4, 2)
    # as the runbook says: end the brick, check its filesystem, mount it, start it
    pool.kill_brick("gv0", 2)
    with open(device, "rb"):  # else the loop device is gone when nothing is mounted of it
        pool.exec(2, ["umount", "/export/b1"])
        pool.exec(2, ["e2fsck", "-fp", device], check=False)
        pool.exec(2, ["mount", device, "/export/b1"])
    pool.gluster("volume", "start", "gv0", "force")
    wait_no_problem(pool, "BRICK_FILESYSTEM", "gv0")


def test_a_quota_that_is_used_up_and_a_quota_daemon_that_does_not_run(lab_pool: Pool) -> None:
    lab_pool.create_volume("limited", lab_pool.bricks("/export/b1/limited"), replica=3)
    try:
        lab_pool.gluster("volume", "quota", "limited", "enable")
        lab_pool.gluster("volume", "quota", "limited", "limit-usage", "/", "10MB", "50%")
        # quotad takes up to soft-timeout to learn what is used; then it accounts at once
        lab_pool.gluster("volume", "quota", "limited", "soft-timeout", "0")
        lab_pool.gluster("volume", "quota", "limited", "hard-timeout", "0")
        lab_pool.mount(2, "limited", "/mnt/limited")
        lab_pool.exec(2, ["dd", "if=/dev/zero", "of=/mnt/limited/half", "bs=1M", "count=7", "conv=fsync"])
        observed = wait_problem(lab_pool, "QUOTA_SOFT_EXCEEDED", "limited")
        assert problems(observed, "QUOTA_EXCEEDED") == []
        assert observed.volume("limited")["capacity"]["size"] == 10 * MIB
        lab_pool.exec(
            2, ["dd", "if=/dev/zero", "of=/mnt/limited/all", "bs=1M", "count=9", "conv=fsync"], check=False
        )
        observed = wait_problem(lab_pool, "QUOTA_EXCEEDED", "limited")
        assert observed.code == 4
        assert observed.volume("limited")["capacity"]["available"] == 0
        kill(lab_pool, 3, "quotad")
        observed = wait_problem(lab_pool, "DAEMON_DOWN", "limited")
        assert [each["subject"] for each in problems(observed, "DAEMON_DOWN")] == [f"Quota Daemon on {NODE3}"]
        assert observed.sample("gluster_daemon_up", daemon="quota", host=NODE3, volume="limited") == 0
        assert observed.sample("gluster_daemon_up", daemon="quota", host=NODE1, volume="limited") == 1
        lab_pool.start_volume("limited", force=True)
        wait_no_problem(lab_pool, "DAEMON_DOWN", "limited")
    finally:
        lab_pool.unmount(2, "/mnt/limited")
        lab_pool.delete_volume("limited")


def test_a_scrubber_that_does_not_run(lab_pool: Pool) -> None:
    lab_pool.create_volume("media", lab_pool.bricks("/export/b1/media"), replica=3)
    try:
        lab_pool.gluster("volume", "bitrot", "media", "enable")
        observed = look(lab_pool)
        assert observed.sample("gluster_daemon_up", daemon="scrubber", host=NODE2, volume="media") == 1
        kill(lab_pool, 2, "scrub")
        observed = wait_problem(lab_pool, "DAEMON_DOWN", "media")
        assert f"media: Scrubber Daemon does not run on {NODE2}" in observed.message
        assert observed.sample("gluster_daemon_up", daemon="scrubber", host=NODE2, volume="media") == 0
    finally:
        lab_pool.delete_volume("media")


def kill(pool: Pool, host: int, volfile_id: str) -> None:
    """Kill the daemon that was started with ``--volfile-id gluster/VOLFILE_ID``."""
    pool.exec(host, ["pkill", "-KILL", "-f", f"volfile-id gluster/{volfile_id}"])


def test_self_heal_that_is_switched_off(lab_pool: Pool) -> None:
    lab_pool.create_volume("stale", lab_pool.bricks("/export/b1/stale"), replica=3)
    lab_pool.gluster("volume", "set", "stale", "cluster.self-heal-daemon", "off")
    try:
        (off,) = problems(look(lab_pool), "HEAL_DAEMON_OFF")
        assert (off["volume"], off["severity"]) == ("stale", 0)
        lab_pool.kill_brick("stale", 2)
        lab_pool.mount(3, "stale", "/mnt/stale")
        lab_pool.exec(3, ["cp", "/etc/services", "/mnt/stale/missed"])
        lab_pool.unmount(3, "/mnt/stale")
        lab_pool.start_brick("stale", 2)
        observed = look(lab_pool)
        (off,) = problems(observed, "HEAL_DAEMON_OFF")
        assert (off["severity"], observed.code) == (4, 4)
        assert "gluster volume set stale cluster.self-heal-daemon on" in off["text"]
        lab_pool.gluster("volume", "set", "stale", "cluster.self-heal-daemon", "on")
        wait_no_problem(lab_pool, "HEAL_DAEMON_OFF", "stale")
        lab_pool.wait_healed("stale")
    finally:
        lab_pool.delete_volume("stale")


def test_a_remove_brick_that_is_not_committed(lab_pool: Pool) -> None:
    bricks = [(1, "/export/b1/small"), (2, "/export/b1/small")]
    lab_pool.create_volume("small", bricks)
    removed = f"{NODE2}:/export/b1/small"
    try:
        lab_pool.gluster("volume", "remove-brick", "small", removed, "start")
        observed = wait_problem(lab_pool, "REMOVE_BRICK_UNCOMMITTED", "small")
        (waiting,) = problems(observed, "REMOVE_BRICK_UNCOMMITTED")
        assert waiting["severity"] == 4
        command = f"gluster volume remove-brick small {removed} commit"
        assert command in waiting["text"]
        task = observed.volume("small")["rebalance"]
        assert (task["bricks"], task["failures"]) == ([removed], 0)
        assert [(node["host"], node["status"]) for node in task["nodes"]] == [(NODE2, "completed")]
        lab_pool.gluster(*command.split()[1:])
        observed = wait_no_problem(lab_pool, "REMOVE_BRICK_UNCOMMITTED", "small")
        assert len(observed.volume("small")["bricks"]) == 1
    finally:
        lab_pool.delete_volume("small")


def test_a_rebalance_and_what_each_host_did(lab_pool: Pool) -> None:
    lab_pool.create_volume("even", [(1, "/export/b1/even"), (2, "/export/b1/even")])
    try:
        lab_pool.gluster("volume", "rebalance", "even", "start")

        def done() -> Any:
            observed = look(lab_pool)
            task = observed.volume("even")["rebalance"]
            return observed if task is not None and task["status"] == "completed" else None

        observed: Look = wait_until(done, "the rebalance to end", LONG, 0.5)
        task = observed.volume("even")["rebalance"]
        assert (task["type"], task["failures"]) == ("rebalance", 0)
        assert {node["host"] for node in task["nodes"]} == {NODE1, NODE2}
        assert [
            each
            for each in observed.reports["gluster"]["data"]["status"]["problems"]
            if each["volume"] == "even"
        ] == []
    finally:
        lab_pool.delete_volume("even")


def test_a_brick_whose_process_glusterd_has_lost(lab_pool: Pool) -> None:
    """Without its pid file glusterd calls a brick offline; clients reach it all the same."""
    lab_pool.create_volume("lost", lab_pool.bricks("/export/b1/lost"), replica=3)
    pid_files = lab_pool.exec(2, ["sh", "-c", "ls /run/gluster/vols/lost/*.pid"]).stdout.split()
    assert len(pid_files) == 1
    (process,) = lab_pool.brick_processes("lost", 2)
    try:
        lab_pool.exec(2, ["rm", pid_files[0]])
        observed = wait_problem(lab_pool, "BRICK_CONTRADICTED", "lost")
        (found,) = problems(observed, "BRICK_CONTRADICTED")
        assert found["subject"] == f"{NODE2}:/export/b1/lost"
        assert re.search(
            r"offline by `volume status`, and `heal info` on node1\.lab\.test reaches it", found["text"]
        )
        assert "no access" not in observed.message
        assert observed.volume("lost")["status"] == "degraded"
    finally:
        lab_pool.exec(2, ["kill", "-KILL", str(process.pid)], check=False)
        lab_pool.start_volume("lost", force=True)
        lab_pool.delete_volume("lost")
