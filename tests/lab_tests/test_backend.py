"""Our GlusterStorage in the place of Ganeti's own: guests' whole lives, with Ganeti's own commands, on three nodes.

After each command disks and mounts are as they should be on all nodes.
"""

from __future__ import annotations

import functools
import itertools
import json
import random
import re
import time
from typing import Dict, Iterator, List, Tuple

import psutil
import pytest

from tests.lab import Cluster, LabError, wait_until
from tests.lab.lab import at_once
from tests.lab.process import kill
from tests.lab_tests.backend import (
    BOOT,
    ON_NODE,
    POINT,
    disks,
    exports,
    ganeti_release,
    head,
    installed,
    mounts,
    on_node,
    unchecked,
    wait_mounts,
)
from tests.lab_tests.daemon import serving
from tests.lab_tests.test_ganeti import listed, names, verify

pytestmark = pytest.mark.lab

NAME, OTHER = "guest.lab.test", "other.lab.test"
MIB = 1 << 20
BRICK = "/export/b1/gv0"


@pytest.fixture
def guests(cluster: Cluster) -> Iterator[None]:
    """For a test that makes instances: they are gone when it ends, however it does."""
    yield
    for name in listed(cluster, "gnt-instance", "list", "-o", "name"):
        cluster.instance_remove(name)


@pytest.fixture
def hosts(cluster: Cluster) -> Iterator[None]:
    """The master knows addresses for the names of guests, as Ganeti wants it before it renames one."""
    before = cluster.run(1, "cat", "/etc/hosts")
    cluster.pool.exec(1, ["tee", "/etc/hosts"], input=f"{before}10.99.0.201 {NAME}\n10.99.0.202 {OTHER}\n")
    yield
    cluster.pool.exec(1, ["tee", "/etc/hosts"], input=before)


@pytest.fixture(scope="module")
def cluster(ganeti: Cluster) -> Iterator[Cluster]:
    # A host that is cut off is given up at once, not after 42 s.
    ganeti.pool.gluster("volume", "set", "gv0", "network.ping-timeout", "3")
    with installed(ganeti):
        access(ganeti, "userspace")
        yield ganeti
    ganeti.pool.gluster("volume", "reset", "gv0", "network.ping-timeout")


def run(cluster: Cluster, *argv: str) -> str:
    return cluster.run(cluster.nodes[0], *argv, timeout=180)


def gnt_instance(cluster: Cluster, command: str, *words: str) -> str:
    return run(cluster, "gnt-instance", command, *words, NAME)


def add(cluster: Cluster, *flags: str, node: int = 1, name: str = NAME, os: str = "writes") -> None:
    cluster.instance_add(name, f"--os-type={os}", *flags, node=node, template="gluster")


def access(cluster: Cluster, how: str) -> None:
    run(cluster, "gnt-cluster", "modify", f"--disk-parameters=gluster:access={how}")


def sizes(cluster: Cluster, node: int) -> List[int]:
    """Of the disks on the node's brick, in MiB."""
    return sorted(size // MIB for size in disks(cluster, node).values())


def assert_disks(cluster: Cluster, *wanted: int) -> None:
    """These disks, by their size in MiB, are on the bricks of all nodes, in Ganeti's folder, and nothing else is."""
    for node in cluster.nodes:
        assert sizes(cluster, node) == sorted(wanted), node
        assert all(re.fullmatch(r"ganeti/[0-9a-f-]{36}\.[0-9]+", path) for path in disks(cluster, node))


def wait_written(cluster: Cluster, *nodes: int) -> None:
    """Wait until the guest has copied its boot sector, by what the bricks of the nodes have."""
    (path,) = disks(cluster, nodes[0])
    for node in nodes:
        wait_until(
            functools.partial(_has_written, cluster, node, path), f"the writing on node{node}", 60, 0.1
        )


def _has_written(cluster: Cluster, node: int, path: str) -> bool:
    return head(cluster, node, path) == BOOT + BOOT


def where(cluster: Cluster) -> List[str]:
    return listed(cluster, "gnt-instance", "list", "-o", "name,pnode,status")


def monitor(cluster: Cluster, node: int, command: str) -> str:
    """What the QEMU of the guest on the node says to *command* on its monitor."""
    path = f"/var/run/ganeti/kvm-hypervisor/ctrl/{NAME}.monitor"
    return cluster.pool.exec(
        node, ["socat", "-t", "5", "-", f"UNIX-CONNECT:{path}"], input=f"{command}\n"
    ).stdout


def qemu_disk(cluster: Cluster, node: int) -> Tuple[str, int]:
    """QEMU's name of the guest's only disk, and the size that the guest sees, in bytes."""
    output = monitor(cluster, node, "info block -v")
    found = re.search(r"^(disk-\S+) .*?virtual size: [^(]*\((\d+) bytes\)", output, re.DOTALL | re.MULTILINE)
    assert found, output
    return found[1], int(found[2])


def clients(cluster: Cluster, node: int) -> str:
    """The log of all that was ever mounted on the node: it grows with each mount."""
    return cluster.pool.exec(
        node, ["sh", "-c", "cat /var/log/glusterfs/run-ganeti-*.log"], check=False
    ).stdout


def test_it_is_what_ganeti_expects_of_a_disk(cluster: Cluster) -> None:
    on_node(cluster, 1, "contract")
    assert not any(mounts(cluster).values())


@pytest.mark.usefixtures("guests")
def test_the_life_of_a_guest_in_userspace(cluster: Cluster) -> None:
    add(cluster, "--disk=0:size=64M")
    wait_written(cluster, 1, 2, 3)
    assert_disks(cluster, 64)
    wait_mounts(cluster)

    run(cluster, "gnt-instance", "grow-disk", NAME, "0", "16M")
    assert_disks(cluster, 80)
    (name, size) = qemu_disk(cluster, 1)
    if ganeti_release(cluster) == "3.0":
        # What the log says that a running guest needs, and that it is so.
        log = cluster.run(1, "cat", "/var/log/ganeti/node-daemon.log")
        assert re.search(r"ganeti/\S+ has 80 MiB now; .* `gnt-instance reboot`, or after block_resize", log)
        assert size == 64 * MIB
        monitor(cluster, 1, f"block_resize {name} 80M")
    assert qemu_disk(cluster, 1) == (name, 80 * MIB)

    # It moves on while a brick is down.
    cluster.pool.kill_brick("gv0", 3)
    gnt_instance(cluster, "migrate", "--force", "--target-node=node2.lab.test")
    assert where(cluster) == [f"{NAME}|node2.lab.test|running"]
    cluster.pool.start_brick("gv0", 3)
    cluster.pool.wait_healed("gv0")
    assert_disks(cluster, 80)
    wait_mounts(cluster)

    gnt_instance(cluster, "shutdown", "--timeout=0")
    gnt_instance(cluster, "reinstall", "--force")
    gnt_instance(cluster, "modify", "--disk=add:size=32M")
    assert_disks(cluster, 32, 80)
    gnt_instance(cluster, "modify", "--disk=remove")
    assert_disks(cluster, 80)
    wait_mounts(cluster)
    assert verify(cluster) == []
    assert "No disks need to be activated" in run(cluster, "gnt-cluster", "verify-disks")
    cluster.instance_remove(NAME)
    assert_disks(cluster)
    wait_mounts(cluster)


@pytest.mark.usefixtures("guests", "hosts")
def test_a_disk_is_exported_and_imported_and_its_guest_renamed(cluster: Cluster) -> None:
    add(cluster, "--disk=0:size=16M", "--no-start")
    (path,) = disks(cluster, 1)
    assert head(cluster, 1, path) == BOOT + bytes(512), "the OS has been put there"
    if exports(cluster):
        export_and_import(cluster)
    run(cluster, "gnt-instance", "rename", *unchecked(cluster, "--no-ip-check"), NAME, OTHER)
    assert path in disks(cluster, 1)
    run(cluster, "gnt-instance", "remove", "--force", OTHER)
    assert_disks(cluster, *([16] if exports(cluster) else []))


def export_and_import(cluster: Cluster) -> None:
    run(cluster, "gnt-backup", "export", "--noshutdown", "--node=node3.lab.test", NAME)
    wait_mounts(cluster)
    source = ["--src-node=node3.lab.test", f"--src-dir={NAME}", "--node=node2.lab.test"]
    flags = ["--no-nics", "--no-name-check", "--no-ip-check", "--backend-parameters=memory=64M"]
    run(cluster, "gnt-backup", "import", "-t", "gluster", *source, *flags, "copy.lab.test")
    assert_disks(cluster, 16, 16)
    assert [head(cluster, 2, path) for path in disks(cluster, 2)] == [BOOT + bytes(512)] * 2
    wait_mounts(cluster)
    run(cluster, "gnt-backup", "remove", NAME)


@pytest.mark.usefixtures("guests")
def test_the_power_of_its_node_goes(cluster: Cluster) -> None:
    add(cluster, "--disk=0:size=16M", "--no-start", node=2)
    before = clients(cluster, 2)
    gnt_instance(cluster, "startup")
    assert clients(cluster, 2) == before, "a start needs no mount"
    cluster.pool.power_off(2)
    try:
        run(cluster, "gnt-node", "modify", "--offline=yes", "--auto-promote", "node2.lab.test")
        gnt_instance(cluster, "failover", "--force", "--target-node=node3.lab.test")
        assert where(cluster) == [f"{NAME}|node3.lab.test|running"]
        wait_written(cluster, 1, 3)
        assert [sizes(cluster, node) for node in (1, 3)] == [[16], [16]]
    finally:
        cluster.pool.power_on(2)
        cluster.pool.wait_connected()
        cluster.pool.start_volume("gv0", force=True)
        cluster.start_daemons(2)
        # By force, or it asks whether the node knows the configuration: it does.
        run(
            cluster,
            "gnt-node",
            "modify",
            "--force",
            "--offline=no",
            "--master-candidate=yes",
            "node2.lab.test",
        )
    cluster.pool.wait_healed("gv0")
    wait_written(cluster, 2)
    wait_mounts(cluster)
    assert_disks(cluster, 16)
    assert verify(cluster) == []


@pytest.mark.usefixtures("guests")
def test_a_guest_that_has_its_disk_by_a_path(cluster: Cluster) -> None:
    access(cluster, "kernelspace")
    try:
        add(cluster, "--disk=0:size=64M")
        wait_written(cluster, 1, 2, 3)
        wait_mounts(cluster, 1)
        run(cluster, "gnt-instance", "grow-disk", NAME, "0", "16M")
        assert_disks(cluster, 80)
        gnt_instance(cluster, "migrate", "--force", "--target-node=node2.lab.test")
        wait_mounts(cluster, 2)
        # A second guest, and the first one goes.
        add(cluster, "--disk=0:size=8M", node=2, name="second.lab.test")
        gnt_instance(cluster, "shutdown", "--timeout=0")
        wait_mounts(cluster, 2)
        cluster.instance_remove("second.lab.test")
        wait_mounts(cluster)
        gnt_instance(cluster, "startup")
        wait_mounts(cluster, 2)
        cluster.instance_remove(NAME)
        wait_mounts(cluster)
        assert_disks(cluster)
    finally:
        access(cluster, "userspace")


@pytest.mark.usefixtures("guests")
def test_the_server_is_changed_while_a_guest_runs(cluster: Cluster) -> None:
    """It goes on with the mount it has, which goes when it does not need it any more."""
    access(cluster, "kernelspace")
    try:
        add(cluster, "--disk=0:size=16M")
        wait_written(cluster, 1, 2, 3)
        wait_mounts(cluster, 1)
        for host in ("node2.lab.test", "node1.lab.test\\,node2.lab.test", "node3.lab.test"):
            run(cluster, "gnt-cluster", "modify", f"--disk-parameters=gluster:host={host}")
            run(cluster, "gnt-cluster", "verify-disks")
            run(cluster, "gnt-instance", "grow-disk", NAME, "0", "8M")
            wait_mounts(cluster, 1)
        gnt_instance(cluster, "shutdown", "--timeout=0")
        wait_mounts(cluster)
        gnt_instance(cluster, "startup")
        wait_mounts(cluster, 1, point="/run/ganeti/gluster.d/gv0@node3.lab.test:24007")
        cluster.instance_remove(NAME)
        wait_mounts(cluster)
    finally:
        run(cluster, "gnt-cluster", "modify", "--disk-parameters=gluster:host=127.0.0.1")
        access(cluster, "userspace")


def test_a_mount_that_ganeti_made_is_used_whatever_its_server(cluster: Cluster) -> None:
    own = "/run/ganeti/gluster"
    address = cluster.pool.host(1).address
    cluster.pool.mount(1, "gv0", own, server=address)
    try:
        # By its text, by its address, and by the bricks, as glusterd and the client behind the mount show them.
        for host in (address, "node1.lab.test", "127.0.0.1", "node2.lab.test"):
            assert on_node(cluster, 1, "place", "gv0", "server", host) == f"{own}\n", host
        assert mounts(cluster)[1] == [own]
    finally:
        cluster.pool.unmount(1, own)


def test_a_volume_of_another_name_is_not_used(cluster: Cluster) -> None:
    """The mount is taken for the other volume only if it is that volume: glusterd knows no volume of its name there."""
    cluster.pool.create_volume("other", cluster.pool.bricks("/export/b2/other"), replica=3)
    own = "/run/ganeti/gluster"
    cluster.pool.mount(1, "other", own, server="node1.lab.test")
    try:
        assert on_node(cluster, 1, "place", "gv0", "server", "node1.lab.test") != f"{own}\n"
        assert mounts(cluster)[1] == [own]
    finally:
        cluster.pool.unmount(1, own)
        cluster.pool.delete_volume("other")


def test_a_server_that_cannot_be_resolved_is_reported(cluster: Cluster) -> None:
    words = "volume gv0: the host name nobody.lab.test cannot be resolved on this node: correct the disk parameter host"
    assert words in on_node(cluster, 1, "place", "gv0", "server", "nobody.lab.test", check=False)
    run(cluster, "gnt-cluster", "modify", "--disk-parameters=gluster:host=nobody.lab.test")
    try:
        with pytest.raises(LabError, match=r"the host name nobody\.lab\.test cannot be resolved"):
            add(cluster, "--disk=0:size=16M", "--no-start", "--no-install")
    finally:
        run(cluster, "gnt-cluster", "modify", "--disk-parameters=gluster:host=127.0.0.1")
    assert listed(cluster, "gnt-instance", "list", "-o", "name") == []
    assert not any(mounts(cluster).values())


def test_a_mount_at_ganetis_directory_that_hangs_delays_no_other_volume(cluster: Cluster) -> None:
    cluster.pool.create_volume("hanging", cluster.pool.bricks("/export/b2/hanging"), replica=3)
    own = "/run/ganeti/gluster"
    cluster.pool.mount(1, "hanging", own, server="127.0.0.1")
    (client,) = [found for found in cluster.pool.host(1).find("glusterfs") if found.argv[-1] == own]
    time.sleep(1.5)  # the kernel keeps the attributes of the mount for one second
    try:
        psutil.Process(client.pid).suspend()
        began = time.monotonic()
        on_node(cluster, 1, "place", "gv0", "often", "1")
        assert time.monotonic() - began < 60
    finally:
        psutil.Process(client.pid).resume()
        cluster.pool.unmount(1, own)
        cluster.pool.delete_volume("hanging")


@pytest.mark.usefixtures("guests")
def test_a_disk_is_wiped_by_its_path_and_let_go(cluster: Cluster) -> None:
    run(cluster, "gnt-cluster", "modify", "--prealloc-wipe-disks=yes")
    try:
        add(cluster, "--disk=0:size=16M", "--no-start", "--no-install")
        (path,) = disks(cluster, 1)
        assert int(cluster.run(1, "stat", "--format=%b", f"{BRICK}/{path}")) * 512 >= 16 * MIB, (
            "it was written to"
        )
        wait_mounts(cluster)
    finally:
        run(cluster, "gnt-cluster", "modify", "--prealloc-wipe-disks=no")


def status(cluster: Cluster, path: str, node: int = 1) -> Dict[str, object]:
    report: Dict[str, object] = json.loads(on_node(cluster, node, "look", path))
    return report


@pytest.mark.usefixtures("guests")
def test_a_missing_copy_is_reported_to_ganeti(cluster: Cluster) -> None:
    add(cluster, "--disk=0:size=16M", "--no-start", "--no-install")
    gnt_instance(cluster, "activate-disks")
    try:
        (path,) = disks(cluster, 1)
        assert status(cluster, path)["degraded"] is False, "no daemon runs"
        with serving(cluster.pool, 1) as daemon:
            daemon.wait_code(0)
            assert status(cluster, path)["degraded"] is False
            cluster.pool.kill_brick("gv0", 2)
            wait_until(lambda: status(cluster, path)["degraded"], "a missing copy")
            reported = status(cluster, path)
            assert reported["percent"] is None
            assert float(str(reported["seconds"])) < 0.005
            assert [line for line in verify(cluster) if "disk/0 on node1.lab.test is degraded" in line]
            cluster.pool.start_brick("gv0", 2)
            cluster.pool.wait_healed("gv0")
            wait_until(lambda: not status(cluster, path)["degraded"], "all copies")
        wait_mounts(cluster)
    finally:
        cluster.pool.start_brick("gv0", 2)


@pytest.mark.usefixtures("guests")
def test_space_is_reported_as_the_table_says(cluster: Cluster) -> None:
    """No space in `gnt-node list`, a row in list-storage, and hail does not reckon with it."""
    output = on_node(cluster, 2, "place", "gv0", "space")
    size, available, _ = json.loads(output)
    assert listed(cluster, "gnt-node", "list", "-o", "dtotal,dfree") == ["?|?"] * 3
    words = (
        "gnt-node",
        "list-storage",
        "--storage-type=gluster",
        "--units=m",
        "-o",
        "node,type,name,size,free",
    )
    rows = sorted(row.rsplit("|", 1) for row in listed(cluster, *words))
    assert [row[0] for row in rows] == [f"{name}|gluster|{POINT}|{size // MIB}" for name in names(cluster)]
    assert all(abs(int(row[1]) - available // MIB) <= 1 for row in rows)
    wait_mounts(cluster)
    # A hundred times what is there.
    flags = ["--backend-parameters=memory=64M", "--no-nics", "--no-name-check", "--no-ip-check", "--no-start"]
    where_to = ["--iallocator=hail", "--disk=0:size=200G", "--os-type=noop", "--no-install"]
    run(cluster, "gnt-instance", "add", "--disk-template=gluster", *flags, *where_to, NAME)
    assert_disks(cluster, 200 * 1024)


def test_ten_at_once(cluster: Cluster) -> None:
    at_once(lambda _: on_node(cluster, 1, "place", "gv0", "often", "3"), range(10))
    assert not mounts(cluster)[1]


def test_killed_at_any_moment_it_leaves_nothing_in_the_way(cluster: Cluster) -> None:
    moments = 0
    while True:
        argv = ["/usr/bin/python3", str(ON_NODE / "place.py"), "gv0", "killed", str(moments)]
        if cluster.pool.exec(2, argv, check=False).returncode != 9:
            break
        moments += 1
        assert len(mounts(cluster)[2]) <= 1
    assert moments > 20
    # The one that was let run to its end used it under the same name, and let go of it.
    assert not mounts(cluster)[2]


def test_of_two_nodes_that_create_one_disk_one_does(cluster: Cluster) -> None:
    def create(node: int) -> str:
        return on_node(cluster, node, "place", "gv0", "create", "ganeti/both", check=False)

    first, *others = sorted(at_once(create, cluster.nodes))
    assert first == ""
    assert ["there is such a disk already" in other for other in others] == [True, True]
    assert_files(cluster, "ganeti/both")
    on_node(cluster, 1, "place", "gv0", "remove", "ganeti/both")


def test_a_create_that_is_killed_leaves_nothing_that_outlives_the_disk(cluster: Cluster) -> None:
    """Node 2 removes what node 1 left: no second name keeps a guest's data."""
    path, moments, second_names = "ganeti/killed.0", 0, 0
    while True:
        argv = ["/usr/bin/python3", str(ON_NODE / "place.py"), "gv0", "create-killed", str(moments), path]
        if cluster.pool.exec(1, argv, check=False).returncode != 9:
            break
        moments += 1
        left = disks(cluster, 3)
        assert left.get(path, 4 * MIB) == 4 * MIB, "it has its size, or is not there"
        second_names += len(left) == 2
        on_node(cluster, 2, "place", "gv0", "remove", path)
        assert_files(cluster)
    assert moments > 5
    assert second_names > 0
    on_node(cluster, 2, "place", "gv0", "remove", path)
    # The temporary file of another disk goes with the next create, on whatever node.
    on_node(cluster, 1, "place", "gv0", "abandon", "ganeti/killed.1")
    assert len(disks(cluster, 3)) == 1
    on_node(cluster, 2, "place", "gv0", "create", path)
    assert_files(cluster, path)
    on_node(cluster, 2, "place", "gv0", "remove", path)
    assert_files(cluster)
    assert not mounts(cluster)[1]


def test_random_operations_on_all_nodes_some_of_them_killed(cluster: Cluster) -> None:
    """No disk is lost or harmed, and nothing is left over: see on_node/random_operations.py."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")

    def operate(node: int) -> int:
        words = ("gv0", f"node{node}", str(seed + node), "60")
        return int(on_node(cluster, node, "random_operations", *words))

    assert sum(at_once(operate, cluster.nodes)) > 10
    assert_files(cluster)
    assert not any(mounts(cluster).values())


def assert_files(cluster: Cluster, *paths: str) -> None:
    for node in cluster.nodes:
        assert sorted(disks(cluster, node)) == sorted(paths)


def test_a_mount_that_hangs_is_reported(cluster: Cluster) -> None:
    cluster.pool.gluster("volume", "set", "gv0", "network.ping-timeout", "42")
    cluster.pool.mount(1, "gv0", POINT, server="127.0.0.1")
    cluster.pool.freeze_brick("gv0", 2)
    try:
        output = on_node(cluster, 1, "place", "gv0", "hang", "2", check=False)
        assert re.match(
            r"volume gv0, mounted at /run/\S+, does not answer: no answer from statvfs within 2 s;", output
        )
        assert "`gluster volume status gv0`" in output
    finally:
        cluster.pool.thaw_brick("gv0", 2)
        cluster.pool.gluster("volume", "set", "gv0", "network.ping-timeout", "3")
    on_node(cluster, 1, "place", "gv0", "hang", "30")
    wait_until(lambda: not _held(cluster), "the mount to be free", 30)


def _held(cluster: Cluster) -> bool:
    on_node(cluster, 1, "place", "gv0", "often", "1")
    return bool(mounts(cluster)[1])


def test_a_mount_whose_process_has_died_is_made_anew(cluster: Cluster) -> None:
    cluster.pool.mount(1, "gv0", POINT, server="127.0.0.1")
    (client,) = [found for found in cluster.pool.host(1).find("glusterfs") if found.argv[-1] == POINT]
    kill(client.pid)
    on_node(cluster, 1, "place", "gv0", "often", "1")
    assert not mounts(cluster)[1]


def test_a_volume_that_is_stopped(cluster: Cluster) -> None:
    cluster.pool.stop_volume("gv0")
    try:
        output = on_node(cluster, 1, "place", "gv0", "create", "ganeti/never", check=False)
        # By chance it can be mounted, and then nothing answers.
        assert output.startswith(("volume gv0 cannot be mounted", "volume gv0, mounted at")), output
        assert "started" in output and "`gluster volume " in output
    finally:
        cluster.pool.start_volume("gv0")
    assert not mounts(cluster)[1]
    assert_files(cluster)


def test_a_full_volume(cluster: Cluster) -> None:
    on_node(cluster, 1, "place", "gv0", "create", "ganeti/grows")
    fill = "/export/b1/fill"
    free = int(cluster.run(1, "stat", "--file-system", "--format=%a", "/export/b1")) * 4096
    for node in cluster.nodes:
        cluster.run(node, "fallocate", f"--length={free}", fill)
    try:
        full = functools.partial(on_node, cluster, 1, "place", "gv0", check=False)
        # Gluster looks every five seconds how full its bricks are.
        words = "no space is left on the volume; remove what is not needed, or add bricks"
        wait_until(lambda: words in full("grow", "ganeti/grows"), "no more growing", 30)
        tries = map(str, itertools.count())
        wait_until(lambda: words in full("create", f"ganeti/try-{next(tries)}"), "no more creating", 30)
        refused = next(tries)
        assert words in full("create", f"ganeti/try-{refused}")
        for node in cluster.nodes:
            assert [path for path in disks(cluster, node) if "new-" in path or path.endswith(refused)] == []
    finally:
        for node in cluster.nodes:
            cluster.run(node, "rm", fill)
    (size,) = {disks(cluster, node)["ganeti/grows"] for node in cluster.nodes}
    assert size % (4 * MIB) == 0
    on_node(cluster, 1, "place", "gv0", "remove", *disks(cluster, 1))


def test_a_volume_of_shards_on_several_bricks(cluster: Cluster) -> None:
    """As `gnt-gluster deploy` makes them: a disk is where its name belongs, and goes with all its pieces."""
    volume, brick = "shards", "/export/b2/shards"
    options = {"features.shard": "on", "features.shard-block-size": "4MB"}
    cluster.pool.create_volume(volume, cluster.pool.bricks(brick, [1, 2]), options=options)
    paths = [f"ganeti/{number}{'x' * 30}.0" for number in range(8)]
    everything = [
        "find",
        brick,
        "-path",
        f"{brick}/.glusterfs",
        "-prune",
        "-o",
        "-type",
        "f",
        "-printf",
        "%P %m\\n",
    ]

    def files() -> List[List[str]]:
        return [cluster.run(node, *everything).splitlines() for node in (1, 2)]

    try:
        on_node(cluster, 1, "place", volume, "create", *paths)
        assert sorted(line for lines in files() for line in lines) == [f"{path} 600" for path in paths]
        assert all(files()), "and each brick has some"
        on_node(cluster, 2, "place", volume, "grow", *paths)
        # A node without bricks of it knows their size no less.
        assert json.loads(on_node(cluster, 3, "place", volume, "sizes", *paths)) == [8] * 8
        assert len([line for lines in files() for line in lines if line.startswith(".shard/")]) == 8
        on_node(cluster, 1, "place", volume, "remove", *paths)
        wait_until(lambda: not any(files()), "the shards to be gone", 30)
    finally:
        cluster.pool.delete_volume(volume)
        for node in (1, 2):
            cluster.run(node, "rm", "-rf", brick)
