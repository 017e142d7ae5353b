"""From empty disks to guests: six hosts, three of them a cluster at first, and all that can go wrong.

The tests are one story and stand in its order: what one leaves, the next one begins with.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
from typing import Iterator, List, Tuple

import pytest

from ganeti_gluster_mon import gnt_gluster as command_line
from ganeti_gluster_mon.deploy import pool_tasks, run_task
from ganeti_gluster_mon.deploy.apply import PlanStopped, precheck
from tests.conftest import FAMILY
from tests.lab import Cluster, Disk, LabTimeout, Pool, wait_until
from tests.lab.ganeti import FILE_DIRECTORIES
from tests.lab.lab import at_once, command
from tests.lab.process import PROC
from tests.lab.waiting import LabError
from tests.lab_tests.backend import install_if_needed, opened_by_qemu
from tests.lab_tests.deploying import (
    BRICK,
    DISK,
    FromOutside,
    context,
    counter,
    create_script,
    gnt_gluster,
    install_hooks,
    refused,
    sums,
)

# three nodes are added one after the other, and each waits for all that Ganeti does
pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

MIB = 1024**2
DEPLOY = ("deploy", "--device", DISK)
NODE3 = "node3.lab.test"


@pytest.fixture(scope="module")
def six() -> Iterator[Cluster]:
    """Six hosts with two blank disks each, three of them a cluster that knows nothing of Gluster."""
    disks = [Disk("vdb", 1024 * MIB, ""), Disk("vdc", 512 * MIB, "")]
    with Pool.first_free(FAMILY, hosts=6, disks=disks) as pool:
        cluster = Cluster(pool, storage_paths=FILE_DIRECTORIES).up([1, 2, 3], templates=("diskless",))
        install_if_needed(cluster)
        at_once(lambda host: install_hooks(cluster, [host.number]), pool.hosts)
        for node in cluster.nodes:
            pool.exec(node, ["cp", "-a", "/usr/share/ganeti/os/noop", "/usr/share/ganeti/os/writes"])
            pool.exec(node, ["tee", "/usr/share/ganeti/os/writes/create"], input=create_script())
        yield cluster


def untouched(pool: Pool) -> None:
    """Nothing was done on any host."""
    for host in pool.hosts[:3]:
        assert pool.exec(host.number, ["cat", "/etc/fstab"]).stdout == ""
        assert "/export/brick1" not in host.mounts()
        assert len(pool.gluster("pool", "list", host=host.number).splitlines()) == 2


def test_a_disk_with_a_filesystem_is_refused_and_unharmed(six: Cluster) -> None:
    pool = six.pool
    pool.exec(3, ["mkfs.ext4", "-q", DISK])
    was = pool.exec(3, ["dumpe2fs", "-h", DISK]).stdout
    (line,) = refused(pool, *DEPLOY)
    assert line.startswith(f"{NODE3}: {DISK} has ext4 ")
    assert line.endswith(f"--wipe {NODE3}:{DISK}")
    # named, but not confirmed: there is no terminal, and no --force
    assert refused(pool, *DEPLOY, "--wipe", f"node3:{DISK}") == []
    assert pool.exec(3, ["dumpe2fs", "-h", DISK]).stdout == was
    pool.exec(3, ["mkdir", "-p", "/mnt/old"])
    pool.exec(3, ["mount", DISK, "/mnt/old"])
    (line,) = refused(pool, *DEPLOY, "--wipe", f"node3:{DISK}", "--force")
    assert f"{DISK} is mounted at /mnt/old: umount it first" in line
    pool.exec(3, ["umount", "/mnt/old"])
    untouched(pool)


def test_each_obstacle_is_reported_in_one_line(six: Cluster) -> None:
    pool = six.pool
    pool.exec(1, ["mv", "/usr/sbin/gluster", "/usr/sbin/gluster.away"])
    hosts = pool.exec(2, ["cat", "/etc/hosts"]).stdout
    pool.exec(2, ["tee", "/etc/hosts"], input=hosts.replace("10.99.0.3 ", "10.99.0.33 "))
    (sshd,) = [found for found in pool.host(3).find("sshd") if "listener" in " ".join(found.argv)]
    pool.exec(3, ["pkill", "--pidfile=/run/sshd.pid"])
    wait_until(lambda: sshd.pid not in [found.pid for found in pool.host(3).processes()], "the end of sshd")
    try:
        lines = refused(pool, *DEPLOY)
    finally:
        pool.exec(1, ["mv", "/usr/sbin/gluster.away", "/usr/sbin/gluster"])
        pool.exec(2, ["tee", "/etc/hosts"], input=hosts)
        pool.host(3).start_sshd()
    assert len(lines) == 3
    assert lines[0] == "node1.lab.test: there is no gluster there: apt-get install glusterfs-server"
    assert lines[1].startswith(f"{NODE3}: ssh: ") and "Connection refused" in lines[1]
    assert lines[2].startswith(f"node2.lab.test: it takes {NODE3} for 10.99.0.33, and Ganeti has 10.99.0.3")
    untouched(pool)


def test_no_glusterd_and_another_pool(six: Cluster) -> None:
    pool = six.pool
    for found in pool.host(2).find("glusterd"):
        pool.exec(2, ["kill", str(_inside(pool, 2, found.pid))])
    wait_until(lambda: not pool.host(2).find("glusterd"), "the end of glusterd")
    (line,) = refused(pool, *DEPLOY)
    assert line.startswith("node2.lab.test: glusterd does not answer there")
    assert line.endswith("systemctl restart glusterd")
    pool.host(2).start_glusterd()

    pool.gluster("peer", "probe", "node6.lab.test", host=3)
    try:
        (line,) = refused(pool, *DEPLOY)
        assert f"{NODE3} is in another pool, with node6.lab.test" in line
    finally:
        pool.gluster("peer", "detach", "node6.lab.test", host=3)
    untouched(pool)


def test_usage(six: Cluster) -> None:
    for words in (["deploy"], ["deploy", "node7", "--device", DISK], ["deploy", "node1", "--device", DISK]):
        reply = gnt_gluster(six.pool, *words, check=False)
        assert (reply.returncode, reply.stdout, reply.stderr.count("\n")) == (2, "", 1), reply


def test_a_dry_run_does_nothing(six: Cluster) -> None:
    reply = gnt_gluster(six.pool, *DEPLOY, "--wipe", f"node3:{DISK}", "--dry-run")
    assert f"{NODE3}: wipefs --all -- {DISK}\n" in reply.stdout
    assert "node1.lab.test: gluster --mode=script volume create gv0 replica 3 node1" in reply.stdout
    assert "can never be changed" in reply.stderr  # of shards
    untouched(six.pool)


def arguments(*words: str) -> argparse.Namespace:
    return command_line.parser().parse_args(words)


# the tests below go on from what this one leaves
def test_the_power_fails_at_step_after_step_and_each_run_gets_further(six: Cluster) -> None:
    """node3 dies just before a command is run there, at one after the other."""
    pool = six.pool
    cut: List[str] = []

    def trap(node: int, argv: Tuple[str, ...]) -> None:
        if node == 3 and argv[0] in ("mkfs.xfs", "mount", "setfattr") and argv[0] not in cut:
            cut.append(argv[0])
            pool.power_off(3)

    request = arguments(*DEPLOY, "--wipe", f"node3:{DISK}", "--force")
    for attempt in range(1, 4):
        with pytest.raises(
            PlanStopped, match=f"^{NODE3}: .*stopped at step .*the same command again goes on"
        ) as stop:
            run_task.run_task(pool_tasks.deploy, request, context(pool, FromOutside(pool, trap)))
        assert len(cut) == attempt, stop.value
        pool.power_on(3)
        pool.wait_connected([1, 2, 3])
    assert cut == ["mkfs.xfs", "setfattr", "mount"]


def test_what_a_failed_create_left_on_bricks_is_no_obstacle(six: Cluster) -> None:
    """Gluster marks the bricks of a volume before it knows whether it will be."""
    pool = six.pool
    mark = ["setfattr", "-n", "trusted.glusterfs.volume-id", "-v", "0x" + "17" * 16, BRICK]

    def trap(node: int, argv: Tuple[str, ...]) -> None:
        if "create" in argv:
            pool.exec(3, mark)

    with pytest.raises(
        PlanStopped, match=f"volume create: gv0: failed: .*{BRICK} is already part of a volume"
    ):
        run_task.run_task(pool_tasks.deploy, arguments(*DEPLOY), context(pool, FromOutside(pool, trap)))
    assert "gv0" not in pool.gluster("volume", "list")
    six.start_daemons(3)


def test_an_interrupted_run_says_what_is_done_and_the_next_one_finishes(six: Cluster) -> None:
    pool = six.pool
    argv = [str(command().with_name("gnt-gluster")), *DEPLOY]
    run = pool.popen(1, argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert run.stderr is not None
    with run:
        reply = []
        for line in run.stderr:
            reply.append(line)
            if "gv0 with the options" in line and line.startswith("["):
                run.send_signal(signal.SIGINT)
    assert run.returncode == 1
    assert "done: node1.lab.test: volume gv0, replica 3 on 3 bricks\n" in reply
    assert "not done: node1.lab.test: gv0 started, with all its bricks online\n" in reply
    assert "interrupted; stopped at step" in reply[-1]

    gnt_gluster(pool, *DEPLOY)
    assert "nothing to do; gv0 is ready" in gnt_gluster(pool, *DEPLOY).stderr
    table = pool.exec(3, ["cat", "/etc/fstab"]).stdout
    assert table.count("/export/brick1") == 1 and table.startswith("UUID=")


def test_guests_can_be_made_at_once(six: Cluster) -> None:
    six.instance_add("guest", "--disk=0:size=64M", "--os-type=writes", node=2, template="gluster")
    (guest,) = six.pool.host(2).find("kvm")
    assert opened_by_qemu(guest)
    info = six.pool.gluster("volume", "info", "gv0")
    assert "Number of Bricks: 1 x 3 = 3" in info
    assert "features.shard: on" in info and "network.remote-dio: disable" in info
    wait_until(lambda: writes(six, 1) > 0, "the guest to write")


def disk_of_guest(six: Cluster) -> str:
    both = (six.pool.exec(host, ["ls", f"{BRICK}/ganeti"], check=False).stdout.split() for host in (1, 4))
    (name,) = {name for names in both for name in names}
    return f"ganeti/{name}"


def writes(six: Cluster, host: int, brick: str = BRICK) -> int:
    return counter(six.pool, host, brick, disk_of_guest(six))


def test_what_is_in_use_is_not_taken_away(six: Cluster) -> None:
    pool = six.pool
    assert refused(pool, "destroy-volume", "gv0", "--force") == [
        "gv0 has disks of guest: remove or move those instances first"
    ]
    (line,) = refused(pool, "remove-node", "node3", "--force")
    assert line.startswith(f"{NODE3} holds bricks: {BRICK} of gv0; move them")
    (line,) = refused(pool, "create-volume", "gv0", "--device", "/disks/vdc")
    assert "there is a volume gv0 already" in line
    (line,) = refused(pool, "create-volume", "other", "node1", "--directory", BRICK, "--distribute")
    assert "is a brick of volume gv0" in line
    (line,) = refused(pool, "create-volume", "other", "node1", "--directory", "/root/brick", "--distribute")
    assert "is on the root filesystem, which the brick would fill" in line
    reply = pool.exec(1, ["gnt-node", "remove", NODE3], check=False)
    assert reply.returncode == 1 and "holds bricks" in reply.stderr, reply
    assert NODE3 in pool.exec(1, ["gnt-node", "list", "-o", "name"]).stdout


def test_a_directory_with_anything_in_it_is_refused(six: Cluster) -> None:
    pool = six.pool
    words = ("create-volume", "other", "node1", "--directory", "/export/brick1/other", "--distribute")
    pool.exec(1, ["mkdir", "/export/brick1/other"])
    pool.exec(
        1, ["setfattr", "-n", "trusted.glusterfs.volume-id", "-v", "0x" + "17" * 16, "/export/brick1/other"]
    )
    (line,) = refused(pool, *words)
    assert "is a stale brick of a volume with the id 1717" in line
    assert line.endswith("--wipe node1.lab.test:/export/brick1/other")
    pool.exec(1, ["setfattr", "-x", "trusted.glusterfs.volume-id", "/export/brick1/other"])
    pool.exec(1, ["touch", "/export/brick1/other/precious"])
    (line,) = refused(pool, *words)
    assert "is not empty, it holds /export/brick1/other/precious" in line
    pool.exec(1, ["rm", "-r", "/export/brick1/other"])


def test_a_reboot_brings_it_back_and_without_its_disk_no_brick_fills_the_root(six: Cluster) -> None:
    pool = six.pool
    pool.power_off(3)
    pool.power_on(3)
    assert pool.host(3).mounts()["/export/brick1"] == "xfs"
    pool.wait_connected([1, 2, 3])
    wait_until(lambda: pool.brick_processes("gv0", 3), "the brick of node3")
    six.start_daemons(3)
    pool.wait_healed("gv0", in_use=True)

    pool.kill_brick("gv0", 3)
    pool.exec(3, ["umount", "/export/brick1"])
    pool.exec(1, ["gluster", "--mode=script", "volume", "start", "gv0", "force"], check=False)
    assert pool.exec(3, ["ls", "-A", "/export/brick1"]).stdout == ""
    pool.exec(3, ["mount", "/export/brick1"])
    pool.start_brick("gv0", 3)
    pool.wait_healed("gv0", in_use=True)
    wait_until(lambda: writes(six, 3) > 0, "the guest's writes on node3")


def test_nodes_bring_their_disks_along(six: Cluster) -> None:
    """The fourth to the sixth node by ``gnt-node add`` alone."""
    pool = six.pool
    pool.mount(1, "gv0", "/mnt/gv0")
    for name in ("a", "b", "c"):
        pool.exec(1, ["dd", "if=/dev/urandom", f"of=/mnt/gv0/{name}", "bs=1M", "count=8", "status=none"])
    before = sums(pool, 1, "/mnt/gv0")
    described = f"GLUSTER_JOIN_VOLUME=gv0\nGLUSTER_JOIN_DEVICE={DISK}\n"
    pool.exec(1, ["tee", "/etc/default/ganeti-gluster-mon"], input=described)
    reply = {}
    for node in (4, 5, 6):
        six.install(node)
        reply[node] = pool.exec(
            1, ["gnt-node", "add", "--no-ssh-key-check", f"node{node}.lab.test"], timeout=400
        ).stdout
        six.nodes.append(node)
    assert [text.count("ganeti-gluster failed, output") for text in reply.values()] == [1, 1, 1]
    assert f"node4.lab.test:{BRICK} waits: gv0 grows when there are bricks on 2 more nodes" in reply[4]
    assert "wait: gv0 grows when there are bricks on 1 more node" in reply[5]
    assert (
        f"gv0 has grown by node4.lab.test:{BRICK}, node5.lab.test:{BRICK}, node6.lab.test:{BRICK};"
        in reply[6]
    )
    assert "Number of Bricks: 2 x 3 = 6" in pool.gluster("volume", "info", "gv0")

    moved = gnt_gluster(pool, "rebalance", "gv0")
    assert "the files of gv0 are spread over all its bricks" in moved.stderr
    after = sums(pool, 1, "/mnt/gv0")
    assert {path: digest for path, digest in after.items() if "/ganeti/" not in path} == {
        path: digest for path, digest in before.items() if "/ganeti/" not in path
    }
    pool.unmount(1, "/mnt/gv0")


def test_a_brick_is_replaced_under_a_guest_that_writes(six: Cluster) -> None:
    pool = six.pool
    # the guest's disk lies on one of the two sets of bricks
    holder = next(host for host in (3, 6) if writes(six, host))
    node = f"node{holder}.lab.test"
    before = writes(six, holder)
    words = ["replace-brick", "gv0", f"{node}:{BRICK}", node, "--device", "/disks/vdc"]
    reply = gnt_gluster(pool, *words, check=False)
    assert reply.returncode == 1 and "less than the other bricks of its set" in reply.stderr, reply
    gnt_gluster(pool, *words, "--force")
    new = "/export/brick2/gluster"
    reached = writes(six, holder, new)
    assert reached > before
    try:
        # Gluster's client gives up a brick that went away without a word after 42 s.
        wait_until(lambda: writes(six, holder, new) > reached, "the guest to write on", timeout=90)
    except LabTimeout as late:
        found_so = (
            pool.gluster("volume", "heal", "gv0", "info"),
            pool.gluster("volume", "status", "gv0", "clients"),
        )
        raise AssertionError("\n".join((str(late), *found_so))) from late
    assert [found.option("-name") for found in pool.host(2).find("kvm")] == ["guest"]
    again = gnt_gluster(pool, *words)
    assert not [line for line in again.stderr.splitlines() if line.startswith("[")], again.stderr


def test_what_is_done_is_what_a_dry_run_shows(six: Cluster) -> None:
    pool = six.pool
    host = FromOutside(pool)
    there = context(pool, host)
    request = arguments(
        "create-volume", "scratch", "node1", "node2", "--device", "/disks/vdc", "--distribute"
    )
    wish = pool_tasks.create_volume(there, request)
    foreseen = [command for commands in precheck(host, wish.steps) for command in commands or ()]
    assert host.ran == []
    assert run_task.run_task(pool_tasks.create_volume, request, there) == 0
    assert host.ran == [(command.node, command.argv, command.text) for command in foreseen]
    assert "cluster.server-quorum-type: none" in pool.gluster("volume", "info", "scratch")

    assert refused(pool, "destroy-volume", "scratch") == []  # there is no terminal to confirm on
    gnt_gluster(pool, "destroy-volume", "scratch", "--force")
    assert "scratch" not in pool.gluster("volume", "list")


def expanded(pool: Pool, *words: str) -> str:
    """Expand a volume, and return the messages.

    Gluster's rebalance of a volume of type disperse ended as failed once, on a busy machine: then it is begun again, as
    the message says, and its log is printed.
    """
    try:
        return gnt_gluster(pool, *words).stderr
    except LabError as error:
        if f"then gnt-gluster rebalance {words[1]}" not in str(error):
            raise
        for host in pool.hosts:
            argv = ["tail", "-n", "40", f"/var/log/glusterfs/{words[1]}-rebalance.log"]
            print(host.name, host.exec(argv, check=False).stdout)
        return f"{error}{gnt_gluster(pool, 'rebalance', words[1]).stderr}"


@pytest.mark.parametrize(
    ("layout", "kind", "at_first", "grown"),
    [
        (("--replica", "3", "--arbiter"), "Replicate", "1 x (2 + 1) = 3", "2 x (2 + 1) = 6"),
        (("--disperse", "3"), "Disperse", "1 x (2 + 1) = 3", "2 x (2 + 1) = 6"),
    ],
)
def test_a_volume_of_each_layout_grows(
    six: Cluster, layout: Tuple[str, ...], kind: str, at_first: str, grown: str
) -> None:
    pool = six.pool
    where = ("--directory", "/export/brick1/grows")
    gnt_gluster(pool, "create-volume", "grows", "node1", "node2", "node3", *where, *layout)
    try:
        assert shape(pool) == (kind, at_first)
        pool.mount(1, "grows", "/mnt/grows")
        try:
            for number in range(12):
                file = f"of=/mnt/grows/{number}"
                pool.exec(1, ["dd", "if=/dev/urandom", file, "bs=256K", "count=1", "status=none"])
            before = sums(pool, 1, "/mnt/grows")
            expand = ("expand-volume", "grows", "node4", "node5", "node6", *where)
            messages = expanded(pool, *expand)
            assert shape(pool) == (f"Distributed-{kind}", grown)
            assert "a rebalance of grows begun" in messages
            assert sums(pool, 1, "/mnt/grows") == before and len(before) == 12
        finally:
            pool.unmount(1, "/mnt/grows")
        # Some of the files have moved to the new bricks.
        files = [
            "find",
            where[1],
            "-name",
            ".glusterfs",
            "-prune",
            "-o",
            "-type",
            "f",
            "-size",
            "+0",
            "-print",
        ]
        assert pool.exec(4, files).stdout
        again = gnt_gluster(pool, *expand, "--no-rebalance")
        steps = [line for line in again.stderr.splitlines() if line.startswith("[")]
        # what is spread already is not spread again
        assert steps == [] and "nothing to do" in again.stderr, again.stderr
    finally:
        gnt_gluster(pool, "destroy-volume", "grows", "--force")
        for node in range(1, 7):
            pool.exec(node, ["rm", "-rf", where[1]])


def shape(pool: Pool) -> Tuple[str, str]:
    """The type of the volume that grows, and its number of bricks, as Gluster writes them."""
    info = pool.gluster("volume", "info", "grows")
    kinds = re.findall(r"^Type: (.*)$", info, re.MULTILINE)
    counts = re.findall(r"^Number of Bricks: (.*)$", info, re.MULTILINE)
    return kinds[0], counts[0]


def test_a_node_without_bricks_leaves_the_pool_with_the_cluster(six: Cluster) -> None:
    pool = six.pool
    six.instance_remove("guest")
    gnt_gluster(pool, "destroy-volume", "gv0", "--force")
    pool.exec(1, ["gnt-node", "remove", "node6.lab.test"], timeout=120)
    six.nodes.remove(6)
    assert "node6" not in pool.gluster("pool", "list")


def _inside(pool: Pool, host: int, pid: int) -> int:
    """A process' id as its own host has it."""
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    raise AssertionError(pid)
