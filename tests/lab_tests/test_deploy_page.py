"""docs/deploy.md and README's "Set it up", word for word.

One cluster grows from three nodes to six, another loses disks and nodes.
"""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from typing import Iterator, List

import pytest

from tests import documented
from tests.conftest import FAMILY
from tests.documented import REPOSITORY
from tests.lab import Cluster, Disk, Pool
from tests.lab.ganeti import FILE_DIRECTORIES
from tests.lab_tests.backend import install_if_needed
from tests.lab_tests.deploying import BRICK, create_script, gnt_gluster, install_hooks
from tests.lab_tests.life import boot_anew
from tests.lab_tests.replacing import write
from tests.lab_tests.shell import instead, prepare, type_in

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

MIB = 1024**2
DEPLOY = REPOSITORY / "docs" / "deploy.md"
README = REPOSITORY / "README.md"

#: what is another's on a cluster of the reader's own → what is there instead in the lab
INSTEAD = {
    **{f"/dev/vd{letter}": f"/disks/vd{letter}" for letter in "bcd"},
    "size=20G": "size=64M",
}
#: what the reader has to choose for an instance
INSTANCE = "-n node2 -o writes -B maxmem=64M,minmem=64M --no-nics --no-name-check --no-ip-check guest"


@contextmanager
def three_nodes(hosts: int, size: int) -> Iterator[Cluster]:
    """Hosts with blank disks, three of them a cluster that has no storage."""
    disks = [Disk(f"vd{letter}", (size + 8 * n) * MIB, "") for n, letter in enumerate("bcd")]
    with Pool.first_free(FAMILY, hosts=hosts, disks=disks) as pool:
        cluster = Cluster(pool, storage_paths=FILE_DIRECTORIES).up([1, 2, 3], templates=("diskless",))
        install_if_needed(cluster)
        prepare_nodes(cluster)
        yield cluster


def prepare_nodes(cluster: Cluster) -> None:
    prepare(cluster.pool, cluster.nodes)
    for node in cluster.nodes:
        cluster.run(node, "cp", "-aT", "/usr/share/ganeti/os/noop", "/usr/share/ganeti/os/writes")
        cluster.pool.exec(node, ["tee", "/usr/share/ganeti/os/writes/create"], input=create_script())


class Reader:
    """A reader who types the commands of a page, and confirms where a command asks."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    def block(self, section: str, index: int = 0, page: str = "deploy.md") -> List[str]:
        """Type the commands of a block; returns the output of each."""
        path = README if page == "README.md" else DEPLOY
        return [self.line(line) for line in documented.blocks(path, section)[index]]

    def line(self, line: str) -> str:
        typed = instead(line.partition(" #")[0].strip(), INSTEAD).replace("…", INSTANCE)
        # on a terminal, where an administrator says yes
        run = f"printf 'y\\n' | script --quiet --return --command {shlex.quote(typed)} /dev/null"
        output = type_in(self.pool, run, timeout=420).stdout
        print(f"{typed}\n{output}", flush=True)
        return output


@pytest.mark.soak
def test_the_pages_are_followed_word_for_word() -> None:
    with three_nodes(hosts=6, size=484) as cluster:
        growth(cluster)


def growth(cluster: Cluster) -> None:
    """A cluster is set up, grows to six nodes, and has bricks replaced."""
    pool = cluster.pool
    reader = Reader(pool)
    dry, deployed, added = reader.block("Set it up", page="README.md")
    assert "mkfs.xfs" in dry and "gv0 is ready" in deployed and added
    assert pool.host(2).find("kvm")
    dry, again = (reader.line(line) for line in documented.blocks(DEPLOY)[0][:2])
    assert "mkfs.xfs" not in dry and "nothing to do; gv0 is ready" in again
    write(pool, "gv0", ["content"], "before")
    digest = pool.exec(1, ["sha256sum", f"{BRICK}/content"]).stdout.split()[0]

    for number in (4, 5, 6):
        cluster.add_node(number)
    prepare_nodes(cluster)
    block = reader.block("Later")
    assert "node4.lab.test is in the pool" in block[0]
    assert "gv0 has 6 bricks" in block[2]
    assert "nothing to do" in block[3]
    assert "backup is deleted" in block[5]
    assert pool.exec(1, ["wipefs", "/disks/vdd"]).stdout == ""

    first, second = documented.blocks(DEPLOY, "Replacing a brick")[0]
    assert "was verified" in reader.line(first)
    pool.exec(2, ["xfs_io", "-x", "-c", "shutdown", "/export/brick1"])
    assert "was verified" in reader.line(second)
    pool.freeze_brick("gv0", 2)
    (restarted,) = reader.block("A brick that hangs")
    assert "runs again" in restarted
    assert len(pool.brick_processes("gv0", 2)) == 1

    everything(pool, digest)


def everything(pool: Pool, digest: str) -> None:
    """The guest runs, and the file is what it was."""
    pool.wait_healed("gv0", in_use=True)
    assert pool.host(2).find("kvm")
    pool.mount(1, "gv0", "/mnt/read")
    try:
        assert pool.exec(1, ["sha256sum", "/mnt/read/content"]).stdout.split()[0] == digest
    finally:
        pool.unmount(1, "/mnt/read")


@pytest.mark.soak
def test_nodes_and_disks_that_are_gone_are_dealt_with_word_for_word() -> None:
    with three_nodes(hosts=4, size=412) as cluster:
        pool = cluster.pool
        reader = Reader(pool)
        reader.line(documented.blocks(DEPLOY)[0][1])
        write(pool, "gv0", ["content"], "before")
        digest = pool.exec(1, ["sha256sum", f"{BRICK}/content"]).stdout.split()[0]
        free_disk(reader)
        installed_anew(cluster, reader)
        brings_its_disk(cluster, reader)
        one_copy_less(cluster, reader)
        pool.wait_healed("gv0")
        assert pool.exec(2, ["sha256sum", f"{BRICK}/content"]).stdout.split()[0] == digest
        only_copy(cluster, reader)


def free_disk(reader: Reader) -> None:
    """The disk of a volume that was deleted is free again."""
    pool = reader.pool
    gnt_gluster(pool, "create-volume", "former", "node3", "--distribute", "--device", "/disks/vdc")
    gnt_gluster(pool, "destroy-volume", "former", "--force")
    assert "xfs" in pool.exec(3, ["wipefs", "/disks/vdc"]).stdout
    reader.block("Disks that are free again")
    assert pool.exec(3, ["wipefs", "/disks/vdc"]).stdout == ""


def installed_anew(cluster: Cluster, reader: Reader) -> None:
    """node3 has a new root filesystem, and the disk with its brick."""
    pool = cluster.pool
    pool.reinstall(3)
    boot_anew(pool, 3)
    cluster.install(3)
    cluster.run(1, "gnt-node", "add", "--readd", "--no-ssh-key-check", "node3.lab.test")
    cluster.start_daemons(3)
    prepare(pool, [3])
    added, replaced = reader.block("A node that was installed anew")
    assert f"node3.lab.test is in the pool, with node3.lab.test:{BRICK} of gv0" in added
    assert "was verified" in replaced


def brings_its_disk(cluster: Cluster, reader: Reader) -> None:
    """The disks of new nodes are described: `gnt-node add` makes the fourth one a peer, and its bricks wait.

    In a lab no disk is in /dev by a name that its hosts share, and the tag takes others for directories: the tag is
    typed and taken away again, and the file describes the disks.
    """
    pool = cluster.pool
    install_hooks(cluster, [1, 2, 3, 4])
    (tagged,) = documented.blocks(DEPLOY, "Nodes that bring their disks along")[0]
    type_in(pool, tagged.partition(" #")[0])
    tag = cluster.run(1, "gnt-cluster", "list-tags").strip()
    assert tag == "gluster:join:gv0:/dev/vdb"
    cluster.run(1, "gnt-cluster", "remove-tags", tag)
    lines = documented.blocks(DEPLOY, "Nodes that bring their disks along")[1]
    text = "".join(f"{instead(line, INSTEAD)}\n" for line in lines)
    pool.exec(1, ["tee", "/etc/default/ganeti-gluster-mon"], input=text)
    cluster.install(4)
    added = pool.exec(1, ["gnt-node", "add", "--no-ssh-key-check", "node4.lab.test"], timeout=120)
    print(added.stdout)
    assert "nothing failed" in added.stdout
    cluster.nodes.append(4)
    cluster.start_daemons(4)
    assert "node4.lab.test" in pool.exec(1, ["gluster", "pool", "list"]).stdout
    for path in (BRICK, BRICK.replace("1", "2")):
        marked = ["getfattr", "--only-values", "-n", "trusted.ganeti-gluster-mon.brick", path]
        assert "gv0" in pool.exec(4, marked).stdout
    assert "node4" not in pool.gluster("volume", "info", "gv0")


def one_copy_less(cluster: Cluster, reader: Reader) -> None:
    """node3 is gone, and the volume keeps two copies."""
    pool = cluster.pool
    pool.power_off(3)
    pool.wait_disconnected(3, [1])
    dry, done = reader.block("A node that is gone, and no other to take its bricks")
    assert "remove-brick gv0 replica 2" in dry
    assert "add-brick gv0 replica 3" in done
    assert "node3" not in pool.gluster("volume", "info", "gv0")
    assert "node3" not in pool.exec(1, ["gluster", "pool", "list"]).stdout


def only_copy(cluster: Cluster, reader: Reader) -> None:
    """A volume without copies loses a disk, then a node."""
    pool = cluster.pool
    gnt_gluster(pool, "destroy-volume", "gv0", "--force")
    pool.reinstall(3)
    boot_anew(pool, 3)
    cluster.install(3)
    cluster.run(1, "gnt-node", "add", "--readd", "--no-ssh-key-check", "node3.lab.test")
    cluster.start_daemons(3)
    prepare(pool, [3])
    wiped = [word for number in (1, 2, 3) for word in ("--wipe", f"node{number}:/disks/vdb")]
    create = ("create-volume", "gv0", "node1", "node2", "node3", "--distribute", "--device", "/disks/vdb")
    gnt_gluster(pool, "add-node", "node3")
    gnt_gluster(pool, *create, *wiped, "--force")
    node_is_gone, disk_is = documented.blocks(DEPLOY, "A node or a disk that is gone, with the only copy")[0]
    pool.exec(3, ["xfs_io", "-x", "-c", "shutdown", "/export/brick1"])
    pool.kill_brick("gv0", 3)
    size = pool.exec(3, ["blockdev", "--getsize64", "/disks/vdc"]).stdout.strip()
    pool.exec(
        3, ["dd", "if=/dev/zero", "of=/disks/vdc", "bs=1M", f"count={size}", "iflag=count_bytes"]
    )  # a new disk
    reader.line(disk_is)
    assert [len(pool.brick_processes("gv0", number)) for number in (1, 2, 3)] == [1, 1, 1]
    pool.power_off(3)
    pool.wait_disconnected(3, [1])
    assert "node3.lab.test is not in the pool any more" in reader.line(node_is_gone)
    assert "Number of Bricks: 2" in pool.gluster("volume", "info", "gv0")
