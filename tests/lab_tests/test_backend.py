"""Our GlusterStorage in the place of Ganeti's own: a guest's whole life, with Ganeti's own commands."""

from __future__ import annotations

import functools
from typing import Iterator

import pytest

from tests.lab import Cluster, wait_until
from tests.lab_tests.backend import BOOT, disks, head, installed, mounts, wait_unmounted
from tests.lab_tests.test_ganeti import verify

pytestmark = pytest.mark.lab

NAME = "guest.lab.test"
MIB = 1 << 20


@pytest.fixture(scope="module")
def cluster(ganeti: Cluster) -> Iterator[Cluster]:
    with installed(ganeti):
        yield ganeti


def run(cluster: Cluster, *argv: str) -> str:
    return cluster.run(cluster.nodes[0], *argv, timeout=180)


def the_disk(cluster: Cluster, node: int = 1) -> str:
    (path,) = disks(cluster, node)
    return path


def add(cluster: Cluster, *flags: str, node: int = 1) -> None:
    words = ["--disk=0:size=64M", "--os-type=writes", *flags]
    cluster.instance_add(NAME, *words, node=node, template="gluster")


def has_written(cluster: Cluster, node: int) -> bool:
    """Whether the guest copied its boot sector, as it is seen on a node's brick."""
    return head(cluster, node, the_disk(cluster, node)) == BOOT + BOOT


@pytest.mark.parametrize("access", ["userspace", "kernelspace"])
def test_the_life_of_a_guest(cluster: Cluster, access: str) -> None:
    run(cluster, "gnt-cluster", "modify", f"--disk-parameters=gluster:access={access}")
    add(cluster)
    try:
        assert {node: list(disks(cluster, node).values()) for node in cluster.nodes} == {
            node: [64 * MIB] for node in cluster.nodes
        }
        assert the_disk(cluster).startswith("ganeti/")
        for node in cluster.nodes:
            wait_until(functools.partial(has_written, cluster, node), "the guest's writing", 60)
        if access == "userspace":
            wait_unmounted(cluster)
        else:
            assert mounts(cluster) == {1: ["/run/ganeti/gluster.d/gv0@127.0.0.1:24007"], 2: [], 3: []}
        run(cluster, "gnt-instance", "grow-disk", NAME, "0", "16M")
        assert disks(cluster, 1)[the_disk(cluster)] == 80 * MIB
        # A brick dies, and the guest moves on.
        cluster.pool.kill_brick("gv0", 3)
        try:
            run(cluster, "gnt-instance", "migrate", "--force", "--target-node=node2.lab.test", NAME)
            assert NAME in run(cluster, "gnt-instance", "list", "-o", "name,pnode,status", "--no-headers")
            assert "node2.lab.test running" in " ".join(
                run(cluster, "gnt-instance", "list", "-o", "pnode,status", "--no-headers").split()
            )
        finally:
            cluster.pool.start_brick("gv0", 3)
        cluster.pool.wait_healed("gv0")
        run(cluster, "gnt-instance", "shutdown", "--timeout=0", NAME)
        run(cluster, "gnt-instance", "reinstall", "--force", NAME)
        run(cluster, "gnt-instance", "modify", "--disk=add:size=32M", NAME)
        assert sorted(disks(cluster, 2).values()) == [32 * MIB, 80 * MIB]
        run(cluster, "gnt-instance", "modify", "--disk=remove", NAME)
        run(cluster, "gnt-instance", "startup", NAME)
        run(cluster, "gnt-instance", "failover", "--force", "--target-node=node3.lab.test", NAME)
        assert verify(cluster) == []
        assert "Instance" not in run(cluster, "gnt-cluster", "verify-disks")
    finally:
        cluster.instance_remove(NAME)
    assert all(disks(cluster, node) == {} for node in cluster.nodes)
    wait_unmounted(cluster)
