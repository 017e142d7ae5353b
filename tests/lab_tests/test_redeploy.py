"""deploy is repeated after all that happens to a volume, and does what is needed and nothing else.

The tests are one story and stand in its order.
"""

from __future__ import annotations

from typing import Iterator, List

import pytest

from ganeti_gluster_mon.deploy.brick_state import VOLUME_ID
from tests.conftest import FAMILY
from tests.lab import Cluster, Disk, Pool, wait_until
from tests.lab.ganeti import FILE_DIRECTORIES
from tests.lab_tests.deploying import BRICK, DISK, gnt_gluster, refused

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

MIB = 1024**2
DEPLOY = ("deploy", "--device", DISK)
READY = "gv0 is ready (replica 3 on {} bricks): gnt-instance add -t gluster --disk 0:size=20G …"


@pytest.fixture(scope="module")
def four() -> Iterator[Cluster]:
    """Four hosts, three of them a cluster with a volume that was deployed."""
    disks = [Disk("b1"), Disk("vdb", 430 * MIB, ""), Disk("vdc", 440 * MIB, "")]
    with Pool.first_free(FAMILY, hosts=4, disks=disks) as pool:
        cluster = Cluster(pool, storage_paths=FILE_DIRECTORIES).up([1, 2, 3], templates=("diskless",))
        lines = gnt_gluster(pool, *DEPLOY).stderr.splitlines()
        assert lines[-1] == READY.format(3)
        yield cluster


def deploy(pool: Pool, *words: str) -> List[str]:
    return gnt_gluster(pool, *DEPLOY, *words).stderr.splitlines()


def nothing_to_do(pool: Pool, bricks: int = 3) -> List[str]:
    """Repeat the command; what it notes."""
    *notes, counted, advice, last = deploy(pool)
    assert "apt-get install ganeti-gluster-backend on node1.lab.test" in advice
    assert last == f"nothing to do; {READY.format(bricks)}"
    assert "steps were already done" in counted
    return notes


def test_repeated_it_does_nothing(four: Cluster) -> None:
    assert nothing_to_do(four.pool) == []
    assert any("already done" in line for line in deploy(four.pool, "--verbose") if line.startswith("["))


def test_another_layout_is_refused(four: Cluster) -> None:
    pool = four.pool
    for words in (
        ("--disperse", "3"),
        ("--arbiter",),
        ("--distribute",),
        ("--no-shard",),
        ("--replica", "2"),
    ):
        (line,) = refused(pool, *DEPLOY, *words)
        assert "gnt-gluster create-volume NAME" in line, line


def test_options_that_were_changed_are_named_and_kept(four: Cluster) -> None:
    pool = four.pool
    pool.gluster("volume", "set", "gv0", "network.remote-dio", "enable")
    (note,) = nothing_to_do(pool)
    assert "network.remote-dio is enable, not disable" in note
    pool.gluster("volume", "set", "gv0", "network.remote-dio", "disable")


def test_a_lost_line_of_fstab_is_written_again(four: Cluster) -> None:
    pool = four.pool
    table = pool.exec(2, ["cat", "/etc/fstab"]).stdout
    pool.exec(2, ["tee", "/etc/fstab"], input="")
    assert any("/etc/fstab" in line or BRICK in line for line in deploy(pool))
    assert pool.exec(2, ["cat", "/etc/fstab"]).stdout == table
    nothing_to_do(pool)


def test_a_brick_that_lost_its_mount_its_line_and_its_process_comes_back(four: Cluster) -> None:
    pool = four.pool
    table = pool.exec(3, ["cat", "/etc/fstab"]).stdout
    pool.kill_brick("gv0", 3)
    pool.exec(3, ["umount", "/export/brick1"])
    pool.exec(3, ["tee", "/etc/fstab"], input="")
    assert deploy(pool)[-1] == READY.format(3)
    assert pool.exec(3, ["cat", "/etc/fstab"]).stdout == table
    assert pool.host(3).mounts()["/export/brick1"] == "xfs"
    wait_until(lambda: pool.brick_processes("gv0", 3), "the brick of node3")
    nothing_to_do(pool)


def test_a_brick_that_ran_below_its_mount_point_is_not_started_there(four: Cluster) -> None:
    """`volume start force` would start it there: on the root filesystem, without what is on the disk."""
    pool = four.pool
    pool.kill_brick("gv0", 3)
    shown = pool.exec(3, ["getfattr", "--absolute-names", "-n", VOLUME_ID, "-e", "hex", BRICK]).stdout
    volume_id = shown.split("=")[1].strip()
    source = pool.exec(3, ["findmnt", "--noheadings", "--output", "SOURCE", "/export/brick1"]).stdout.strip()
    pool.exec(3, ["umount", "/export/brick1"])
    below = f"{BRICK}/.glusterfs"
    pool.exec(3, ["mkdir", "--parents", below])
    try:
        pool.exec(3, ["setfattr", "-n", VOLUME_ID, "-v", volume_id, BRICK])
        done = gnt_gluster(pool, "repair", "gv0", check=False)
        assert done.returncode == 1, done
        assert "/export/brick1 is not mounted, and a brick has run on the filesystem below (/)" in done.stderr
        assert pool.brick_processes("gv0", 3) == []
        assert pool.exec(3, ["find", below, "-mindepth", "1"]).stdout == ""
    finally:
        pool.exec(3, ["rm", "-r", BRICK])
        pool.exec(3, ["mount", source, "/export/brick1"])
    assert deploy(pool)[-1] == READY.format(3)
    wait_until(lambda: pool.brick_processes("gv0", 3), "the brick of node3")


def test_parameters_of_disks_in_use_are_kept_whatever_nodes_come(four: Cluster) -> None:
    pool = four.pool
    # not started: with Ganeti 3.1 that needs the storage backend, which nothing_to_do() recommends
    four.instance_add("guest", "--disk=0:size=64M", "--no-start", node=2, template="gluster")
    (line,) = refused(pool, *DEPLOY, "--access", "kernelspace")
    assert "have access userspace, not kernelspace: gnt-cluster modify" in line
    four.add_node(4)
    assert deploy(pool)[-1] == READY.format(3)  # the new node may have disks in Ganeti's directory now
    first, second = nothing_to_do(pool)
    assert (
        "node4.lab.test has no brick of gv0: bricks are added in sets of 3 nodes, so 2 more nodes are needed"
        in first
    )
    assert "node4.lab.test may run instances and is not in the pool" in second
    assert "host: 127.0.0.1" in pool.exec(1, ["gnt-cluster", "info"]).stdout
    (line,) = refused(pool, "deploy", "node1", "node4", "--device", DISK)
    assert "gnt-gluster expand-volume gv0 node4.lab.test NODE NODE" in line
    gnt_gluster(pool, "add-node", "node4")
    (note,) = nothing_to_do(pool)
    assert "has no brick of gv0" in note


def test_it_is_repeated_after_a_brick_was_replaced(four: Cluster) -> None:
    pool = four.pool
    gnt_gluster(pool, "replace-brick", "gv0", f"node3.lab.test:{BRICK}", "node3", "--device", "/disks/vdc")
    nothing_to_do(pool)
    pool.kill_brick("gv0", 3)
    pool.exec(3, ["umount", "/export/brick2"])
    assert deploy(pool)[-1] == READY.format(3)
    assert pool.host(3).mounts()["/export/brick2"] == "xfs"


def test_it_is_repeated_after_the_volume_has_grown(four: Cluster) -> None:
    pool = four.pool
    where = ("--directory", "/export/b1/gluster")
    gnt_gluster(pool, "expand-volume", "gv0", "node1", "node2", "node4", *where)
    # the lab mounts that disk by itself: here it gets its line
    assert deploy(pool)[-1] == READY.format(6)
    assert "/export/b1 ext4 defaults,noatime,nofail" in pool.exec(4, ["cat", "/etc/fstab"]).stdout
    nothing_to_do(pool, bricks=6)


def test_a_node_that_is_off_is_named(four: Cluster) -> None:
    pool = four.pool
    pool.power_off(4)
    lines = refused(pool, *DEPLOY)
    assert any(line.startswith("node4.lab.test: ssh: ") for line in lines), lines
