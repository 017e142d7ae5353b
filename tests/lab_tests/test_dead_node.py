"""A node that is gone for good, with the only copy of some data: each refusal names a command that works."""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, Set

import pytest

from tests.conftest import FAMILY
from tests.lab import Cluster, Disk, Pool
from tests.lab.ganeti import FILE_DIRECTORIES
from tests.lab_tests.deploying import gnt_gluster, refused

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

WHERE = "/export/b1/spread"
INSTANCES = ("one", "two", "three", "four")


@pytest.fixture(scope="module")
def spread() -> Iterator[Cluster]:
    """Three nodes with a volume without copies, and instances' disks on it."""
    with Pool.first_free(FAMILY, hosts=3, disks=[Disk("b1"), Disk("b2")]) as pool:
        cluster = Cluster(pool, storage_paths=FILE_DIRECTORIES).up(templates=("diskless",))
        words = ("deploy", "--volume", "spread", "--distribute", "--no-shard", "--directory", WHERE)
        gnt_gluster(pool, *words)
        for name in INSTANCES:
            cluster.instance_add(name, "--disk=0:size=16M", "--no-start", template="gluster")
        yield cluster


def held(pool: Pool) -> Dict[int, Set[str]]:
    """The disks' files by the host whose brick has them."""
    return {
        host: set(pool.exec(host, ["find", f"{WHERE}/ganeti", "-type", "f", "-size", "+0"]).stdout.split())
        for host in (1, 2, 3)
    }


def disks_of(pool: Pool) -> Dict[str, str]:
    """The instance of each disk's file."""
    output = pool.exec(1, ["gnt-instance", "list", "--no-headers", "--separator=:", "-o", "name,uuid"]).stdout
    return {line.split(":")[1]: line.split(":")[0] for line in output.splitlines()}


def test_a_dead_node_with_the_only_copy_leaves_when_the_loss_is_named_and_confirmed(spread: Cluster) -> None:
    pool = spread.pool
    instances = disks_of(pool)
    lost: List[str] = []
    for path in held(pool)[3]:
        lost += [name for uuid, name in instances.items() if uuid in path]
    pool.power_off(3)
    pool.wait_disconnected(3, [1])

    (line,) = refused(pool, "remove-node", "node3")
    assert line.endswith("gnt-gluster remove-node node3.lab.test --discard-data")
    (line,) = refused(
        pool, "replace-brick", "spread", f"node3:{WHERE}", "node1", "--directory", "/export/b2/spread"
    )
    assert "this command with --discard-data" in line
    result = gnt_gluster(pool, "remove-node", "node3", "--discard-data", check=False)
    assert result.returncode == 1 and "nothing was done" in result.stderr, result
    (line,) = [line for line in result.stderr.splitlines() if line.startswith(("lost: ", "no disk"))]
    assert {name for name in INSTANCES if f" {name}" in line} == set(lost), (line, lost)
    assert "Number of Bricks: 3" in pool.gluster("volume", "info", "spread")

    result = gnt_gluster(pool, "remove-node", "node3", "--discard-data", "--force")
    assert result.stderr.splitlines()[-1] == (
        "node3.lab.test is not in the pool any more: gnt-node remove node3.lab.test"
    )
    assert "Number of Bricks: 2" in pool.gluster("volume", "info", "spread")
    assert "node3" not in pool.gluster("pool", "list")
    everything_can_be_written(pool)


def everything_can_be_written(pool: Pool) -> None:
    """New files go to the bricks that are left, whatever their names."""
    pool.mount(1, "spread", "/mnt/spread")
    try:
        names = [f"/mnt/spread/new{number}" for number in range(40)]
        pool.exec(1, ["touch", *names])
        pool.exec(1, ["rm", *names])
    finally:
        pool.unmount(1, "/mnt/spread")


def test_bricks_that_a_stopped_volume_gets_are_followed_by_a_rebalance(spread: Cluster) -> None:
    """`rebalance status` reports the rebalance before once the volume is started, and nothing until then."""
    pool = spread.pool
    before = task_id(pool)
    pool.stop_volume("spread")
    result = gnt_gluster(pool, "expand-volume", "spread", "node1", "--directory", "/export/b2/more")
    assert "spread has 3 bricks, and its files are spread over all of them" in result.stderr
    assert task_id(pool) != before
    directory = pool.exec(1, ["find", "/export/b2/more/ganeti", "-type", "d"]).stdout
    assert directory, "files with that brick's names go to it"


def task_id(pool: Pool) -> str:
    """The id of the last rebalance."""
    (found,) = re.findall(
        "<task-id>(.*)</task-id>", pool.gluster("--xml", "volume", "rebalance", "spread", "status")
    )
    return str(found)


@pytest.mark.soak
def test_a_brick_whose_disk_died_is_replaced_when_the_loss_is_confirmed(spread: Cluster) -> None:
    pool = spread.pool
    words = ("replace-brick", "spread", f"node2:{WHERE}", "node2", "--directory", "/export/b2/spread")
    (line,) = refused(pool, *words, "--discard-data", "--force")
    assert "is online, and its data need not be lost: gluster volume remove-brick spread" in line
    pool.kill_brick("spread", 2)
    result = gnt_gluster(pool, *words, "--discard-data", "--force")
    assert "node2.lab.test:/export/b2/spread has taken the place of" in result.stderr.splitlines()[-1]
    info = pool.gluster("volume", "info", "spread")
    assert "node2.lab.test:/export/b2/spread" in info and f"node2.lab.test:{WHERE}" not in info
    everything_can_be_written(pool)


@pytest.mark.soak
def test_what_is_balanced_is_not_spread_again(spread: Cluster) -> None:
    pool = spread.pool
    first = gnt_gluster(pool, "rebalance", "spread")
    assert first.stderr.splitlines()[-1] == "the files of spread are spread over all its bricks"
    again = gnt_gluster(pool, "rebalance", "spread")
    assert again.stderr.startswith("nothing to do; the files of spread are spread over all its bricks since")
    gnt_gluster(
        pool, "expand-volume", "spread", "node1", "--directory", "/export/b2/spread", "--no-rebalance"
    )
    result = gnt_gluster(pool, "rebalance", "spread")
    assert "nothing to do" not in result.stderr
