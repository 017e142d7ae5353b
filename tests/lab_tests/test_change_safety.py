"""One change at a time, and none that is begun and cannot be finished: three real nodes."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from typing import Iterator, List

import pytest

from tests.conftest import FAMILY
from tests.lab import Cluster, Disk, Pool, wait_until
from tests.lab.ganeti import FILE_DIRECTORIES
from tests.lab.lab import command
from tests.lab_tests.deploying import DISK, gnt_gluster, install_hooks, refused

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

MIB = 1024**2
NODES = ("node1.lab.test", "node2.lab.test", "node3.lab.test")
PROGRAM = str(command().with_name("gnt-gluster"))


@pytest.fixture(scope="module")
def three() -> Iterator[Cluster]:
    """Three nodes of a cluster, each with a disk for directories and a blank one."""
    disks = [Disk("b1"), Disk("vdb", 400 * MIB, "")]
    with Pool.first_free(FAMILY, hosts=3, disks=disks) as pool:
        yield Cluster(pool, storage_paths=FILE_DIRECTORIES).up(templates=("diskless",))


def test_what_is_missing_on_any_node_is_reported_before_the_first_change(three: Cluster) -> None:
    pool = three.pool
    pool.exec(2, ["mv", "/usr/sbin/mkfs.xfs", "/usr/sbin/mkfs.away"])
    pool.exec(3, ["mount", "--bind", "/etc/fstab", "/etc/fstab"])
    pool.exec(3, ["mount", "-o", "remount,bind,ro", "/etc/fstab"])
    pool.exec(1, ["gnt-cluster", "queue", "drain"])
    try:
        lines = refused(pool, "deploy", "--device", DISK)
    finally:
        pool.exec(1, ["gnt-cluster", "queue", "undrain"])
        pool.exec(3, ["umount", "/etc/fstab"])
        pool.exec(2, ["mv", "/usr/sbin/mkfs.away", "/usr/sbin/mkfs.xfs"])
    assert sorted(lines) == [
        "node1.lab.test: Ganeti's job queue is drained: gnt-cluster queue undrain",
        "node2.lab.test: mkfs.xfs is missing there: apt-get install xfsprogs",
        "node3.lab.test: /etc/fstab cannot be written to: Read-only file system",
    ]
    untouched(pool)


def test_a_port_that_is_closed_between_nodes_is_reported_before_the_first_change(three: Cluster) -> None:
    pool = three.pool
    pool.freeze_glusterd(3)
    try:
        lines = refused(pool, "deploy", "--device", DISK)
    finally:
        pool.thaw_glusterd(3)
    assert lines and all(line.startswith("node3.lab.test: ") for line in lines), lines
    untouched(pool)


def untouched(pool: Pool) -> None:
    for host in pool.hosts:
        assert pool.exec(host.number, ["cat", "/etc/fstab"]).stdout == ""
        assert pool.exec(host.number, ["wipefs", DISK]).stdout == ""
        assert len(pool.gluster("pool", "list", host=host.number).splitlines()) == 2


class Asking:
    """A gnt-gluster on a node that holds the lock: it waits for a confirmation on a terminal."""

    def __init__(self, pool: Pool, node: int, *words: str) -> None:
        self.terminal, side = pty.openpty()
        self.run = pool.popen(
            node,
            [PROGRAM, *words],
            stdin=side,
            stdout=subprocess.DEVNULL,
            stderr=side,
            env={"SUDO_USER": "anna"},
        )
        os.close(side)
        text = b""
        while b"[y/N]" not in text:
            text += os.read(self.terminal, 4096)

    def close(self) -> None:
        self.run.wait(timeout=30)
        os.close(self.terminal)


ADD = ("add-node", "node3")  # which is a peer already: nothing is left to be done


def held_by(lines: List[str]) -> str:
    (line,) = lines
    return line


def test_two_commands_exclude_each_other_whichever_nodes_they_are_run_on(three: Cluster) -> None:
    pool = three.pool
    gnt_gluster(pool, "create-volume", "scratch", "--directory", "/export/b1/scratch")
    first = Asking(pool, 2, "destroy-volume", "scratch")
    line = held_by(refused(pool, *ADD))
    assert line.startswith(
        "gnt-gluster destroy-volume scratch is running: started by anna on node2.lab.test at "
    )
    assert ", process " in line
    # one that only shows what it would do needs no lock
    gnt_gluster(pool, *ADD, "--dry-run")
    os.write(first.terminal, b"n\n")
    first.close()
    assert first.run.returncode == 1
    gnt_gluster(pool, *ADD)


def test_a_hook_is_a_command_as_well(three: Cluster) -> None:
    pool = three.pool
    install_hooks(three, [1])
    first = Asking(pool, 2, "destroy-volume", "scratch")
    result = pool.exec(1, ["gnt-node", "remove", "node3.lab.test"], check=False, timeout=120)
    assert result.returncode == 1
    assert (
        "gluster: gnt-gluster destroy-volume scratch is running: started by anna on node2.lab.test"
        in result.stderr
    )
    os.write(first.terminal, b"n\n")
    first.close()


def test_the_lock_of_a_command_that_was_killed_is_released(three: Cluster) -> None:
    pool = three.pool
    first = Asking(pool, 2, "destroy-volume", "scratch")
    assert held_by(refused(pool, *ADD))
    first.run.send_signal(signal.SIGKILL)
    first.close()
    wait_until(lambda: gnt_gluster(pool, *ADD, check=False).returncode == 0, "the lock", timeout=20)


def test_the_lock_of_a_command_whose_node_lost_its_power_is_released(three: Cluster) -> None:
    pool = three.pool
    first = Asking(pool, 2, "destroy-volume", "scratch")
    pool.power_off(2)
    began = time.monotonic()
    first.close()
    assert held_by(refused(pool, *ADD)).startswith(
        "gnt-gluster destroy-volume scratch is running: started by anna"
    )

    def released() -> bool:
        lines = refused(pool, "destroy-volume", "scratch")
        return not any(" is running: " in line for line in lines)

    wait_until(released, "the lock", timeout=90)
    assert time.monotonic() - began < 60


@pytest.mark.soak
def test_a_volume_is_not_stopped_when_a_peer_is_away_and_it_could_not_be_deleted(three: Cluster) -> None:
    pool = three.pool
    if pool.host(2).namespaces.running:
        pool.power_off(2)
    pool.wait_disconnected(2, [1])
    (line,) = refused(pool, "destroy-volume", "scratch", "--force")
    assert "scratch cannot be deleted, and was not stopped" in line and "node2.lab.test" in line
    assert "Status: Started" in pool.gluster("volume", "info", "scratch")
    pool.power_on(2)
    pool.wait_connected()
    gnt_gluster(pool, "destroy-volume", "scratch", "--force")
    assert "scratch" not in pool.gluster("volume", "list")
