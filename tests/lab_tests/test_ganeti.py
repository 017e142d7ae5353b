"""Ganeti in the lab: it is what an administrator has, as far as its own tools can tell."""

from __future__ import annotations

import os
import re
import signal
from typing import Callable, List

import pytest

from tests.lab import Cluster, Disk, Pool, wait_until
from tests.lab.lab import at_once
from tests.lab.process import Process
from tests.lab_tests.backend import install_if_needed, installed_if_needed, opened_by_qemu
from tests.lab_tests.traces import assert_nothing_runs, namespaces_of

pytestmark = pytest.mark.lab

GIB = 1024**3

#: the message of `gnt-cluster verify` for every node whose kernel cannot reboot at once
NO_SYSRQ = (
    "ENODESETUP:node:{}:node setup error: The procfs filesystem doesn't seem to be mounted under /proc, "
    "missing required directory /proc/sys and the file /proc/sysrq-trigger"
)


def guests(cluster: Cluster, node: int) -> List[Process]:
    return [found for found in cluster.pool.host(node).find("kvm") if found.state != "Z"]


def listed(cluster: Cluster, *words: str) -> List[str]:
    return cluster.run(cluster.nodes[0], *words, "--no-headers", "--separator=|").splitlines()


def names(cluster: Cluster) -> List[str]:
    return [cluster.pool.host(number).name for number in cluster.nodes]


def verify(cluster: Cluster) -> List[str]:
    """What is wrong with the cluster in its own words, but for what this machine lacks."""
    argv = ["gnt-cluster", "verify", "--error-codes"]
    result = cluster.pool.exec(cluster.nodes[0], argv, check=False, timeout=120)
    assert "Hooks Results" in result.stdout, result.stdout + result.stderr
    lacks = (
        [] if os.path.exists("/proc/sysrq-trigger") else [NO_SYSRQ.format(name) for name in names(cluster)]
    )
    wrong: List[str] = re.findall(r"- ((?:ERROR|WARNING).*)", result.stdout)
    return [line for line in wrong if line.partition(":")[2] not in lacks]


def mond(cluster: Cluster, node: int, path: str = "/", timeout: float = 10) -> str:
    """What mond of a node answers the master."""
    url = f"http://{cluster.pool.host(node).name}:1815{path}"
    return cluster.run(cluster.nodes[0], "curl", "--silent", "--fail", url, timeout=timeout)


def test_the_cluster_is_healthy_in_its_own_words(ganeti: Cluster) -> None:
    assert verify(ganeti) == []
    assert listed(ganeti, "gnt-node", "list", "-o", "name,role") == [
        "node1.lab.test|M",
        "node2.lab.test|C",
        "node3.lab.test|C",
    ]


def test_verify_would_say_what_is_wrong(ganeti: Cluster) -> None:
    ganeti.run(3, "rm", "-r", "/usr/share/ganeti/os/noop")
    try:
        assert [line for line in verify(ganeti) if "OS" in line and "node3" in line]
    finally:
        ganeti.install(3)
    assert verify(ganeti) == []


def test_every_daemon_runs(ganeti: Cluster) -> None:
    for number in ganeti.nodes:
        running = {found.name for found in ganeti.pool.host(number).processes()}
        assert {"ganeti-noded", "ganeti-confd", "ganeti-mond"} <= running
        assert ({"ganeti-wconfd", "ganeti-luxid", "ganeti-rapi"} <= running) == (number == 1)
        assert mond(ganeti, number) == "[1]"


def test_nodes_reach_each_other_by_the_key_of_the_cluster(ganeti: Cluster) -> None:
    output = ganeti.run(1, "gnt-cluster", "command", "hostname")
    assert sorted(re.findall(r"^node: (.*)\n\1$", output, re.MULTILINE)) == names(ganeti), output


def test_disk_space_is_not_known(ganeti: Cluster) -> None:
    """With shared storage alone, Ganeti has no words for it."""
    assert listed(ganeti, "gnt-node", "list", "-o", "name,dtotal,dfree") == [
        f"{name}|?|?" for name in names(ganeti)
    ]


def test_a_guest_without_disk_runs_and_moves(ganeti: Cluster) -> None:
    ganeti.instance_add("plain", node=2)
    try:
        assert [guest.option("-name") for guest in guests(ganeti, 2)] == ["plain"]
        assert listed(ganeti, "gnt-instance", "list", "-o", "name,status,pnode") == [
            "plain|running|node2.lab.test"
        ]
        ganeti.run(1, "gnt-instance", "migrate", "--force", "--target-node=node3.lab.test", "plain")
        assert (len(guests(ganeti, 2)), len(guests(ganeti, 3))) == (0, 1)
    finally:
        ganeti.instance_remove("plain")
    assert guests(ganeti, 3) == []
    assert listed(ganeti, "gnt-instance", "list", "-o", "name") == []


def test_a_guest_on_a_gluster_disk_runs_in_userspace(ganeti: Cluster) -> None:
    disks = "/export/b1/gv0/ganeti"
    with installed_if_needed(ganeti):
        try:
            ganeti.instance_add("stored", "--disk=0:size=64M", node=3, template="gluster")
            (guest,) = guests(ganeti, 3)
            assert opened_by_qemu(guest)
            assert len(ganeti.run(2, "ls", disks).splitlines()) == 1
            assert verify(ganeti) == []
        finally:
            ganeti.instance_remove("stored")
    assert guests(ganeti, 3) == []
    assert ganeti.run(2, "ls", disks) == ""


def test_hbal_asks_every_mond(ganeti: Cluster) -> None:
    hbal = ("hbal", "-L", "--mond=yes", "--exit-on-missing-mond-data")
    ganeti.instance_add("balanced", node=2)
    try:
        ganeti.wait_load()
        assert "Loaded 3 nodes, 1 instances" in ganeti.run(1, *hbal)
        (daemon,) = ganeti.pool.host(3).find("ganeti-mond")
        os.kill(daemon.pid, signal.SIGKILL)
        wait_until(lambda: not ganeti.pool.host(3).find("ganeti-mond"), "the end of mond")
        assert ganeti.pool.exec(1, hbal, check=False).returncode != 0
    finally:
        ganeti.start_daemons(3)
        ganeti.instance_remove("balanced")


def test_a_cluster_grows_and_outlives_a_power_cut_and_leaves_nothing(
    fresh_pool: Callable[..., Pool],
) -> None:
    pool = fresh_pool(hosts=2, disks=[Disk("b1", GIB // 2)])
    pool.create_volume("gv0", pool.bricks("/export/b1/gv0"), replica=2)
    spaces = namespaces_of(pool)
    cluster = Cluster(pool).up([1])
    assert names(cluster) == ["node1.lab.test"]
    cluster.add_node(2)
    assert listed(cluster, "gnt-node", "list", "-o", "name") == ["node1.lab.test", "node2.lab.test"]
    assert verify(cluster) == []
    for number in (2, 1):
        pool.power_off(number)
        pool.power_on(number)
        cluster.start_daemons(number)
    pool.wait_connected()
    pool.start_volume("gv0", force=True)
    at_once(lambda number: cluster.start_daemons(number), cluster.nodes)
    assert [mond(cluster, number) for number in cluster.nodes] == ["[1]", "[1]"]
    assert verify(cluster) == []

    install_if_needed(cluster)
    cluster.instance_add("stored", "--disk=0:size=64M", node=2, template="gluster")
    cluster.down()
    for host in pool.hosts:
        assert [found for found in host.processes() if re.match(r"ganeti|kvm|qemu", found.name)] == []
        assert "/run/ganeti/gluster" not in host.mounts()

    cluster.up()
    cluster.instance_add("stored", "--disk=0:size=64M", node=2, template="gluster")
    assert len(guests(cluster, 2)) == 1
    spaces |= namespaces_of(pool)
    pool.down()
    assert_nothing_runs(pool.state.path, spaces)
