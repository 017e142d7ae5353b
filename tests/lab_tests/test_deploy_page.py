"""docs/deploy.md and README's "Set it up", word for word and in order, on a cluster that grows from 3 nodes to 6."""

from __future__ import annotations

import shlex
from typing import Iterator, List

import pytest

from tests import documented
from tests.conftest import FAMILY
from tests.documented import REPOSITORY
from tests.lab import Cluster, Disk, Pool
from tests.lab.ganeti import FILE_DIRECTORIES
from tests.lab_tests.deploying import BRICK, create_script
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


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Six hosts with blank disks, three of them a cluster that has no storage."""
    disks = [Disk(f"vd{letter}", (484 + 8 * n) * MIB, "") for n, letter in enumerate("bcd")]
    with Pool.first_free(FAMILY, hosts=6, disks=disks) as pool:
        cluster = Cluster(pool, storage_paths=FILE_DIRECTORIES).up([1, 2, 3], templates=("diskless",))
        prepare_nodes(cluster)
        yield cluster


def prepare_nodes(cluster: Cluster) -> None:
    prepare(cluster.pool, cluster.nodes)
    for node in cluster.nodes:
        cluster.run(node, "cp", "-aT", "/usr/share/ganeti/os/noop", "/usr/share/ganeti/os/writes")
        cluster.pool.exec(node, ["tee", "/usr/share/ganeti/os/writes/create"], input=create_script())


class Reader:
    """Someone who types what a page says, and says yes where a command asks."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    def block(self, section: str, index: int = 0, page: str = "deploy.md") -> List[str]:
        """Type the commands of a block; returns what each said."""
        path = README if page == "README.md" else DEPLOY
        return [self.line(line) for line in documented.blocks(path, section)[index]]

    def line(self, line: str) -> str:
        typed = instead(line.partition(" #")[0].strip(), INSTEAD).replace("…", INSTANCE)
        # on a terminal, where an administrator says yes
        run = f"printf 'y\\n' | script --quiet --return --command {shlex.quote(typed)} /dev/null"
        said = type_in(self.pool, run, timeout=420).stdout
        print(f"{typed}\n{said}", flush=True)
        return said


def test_the_pages_are_followed_word_for_word(cluster: Cluster) -> None:
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
    said = reader.block("Later")
    assert "node4.lab.test is in the pool" in said[0]
    assert "gv0 has 6 bricks" in said[2]
    assert "nothing to do" in said[3]
    assert "backup is deleted" in said[5]
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
