"""README's five commands, as they stand there, from a cluster without storage to an instance that has moved.

On Debian 12, and on Debian 13 with the three commands that README has for it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict, Iterator, List

import pytest

from ganeti_gluster_mon import __version__
from tests.conftest import FAMILY, root_of_debian_13
from tests.lab import Cluster, Pool, wait_until
from tests.lab.ganeti import FILE_DIRECTORIES
from tests.lab.host import Disk
from tests.lab.lab import default_root
from tests.lab_tests.backend import opened_by_qemu
from tests.lab_tests.deploying import BRICK, DISK, counter, create_script
from tests.lab_tests.packaged import MON, bring, built, ganeti_release
from tests.transcript import README

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

#: what is another's on a cluster of the reader's own → what is there instead in the lab
INSTEAD = {
    "/dev/vdb": DISK,
    "size=20G": "size=64M",
    "debootstrap+default": "writes -B maxmem=64M,minmem=64M --no-nics --no-name-check --no-ip-check",
    "node1.example.org": "node1.lab.test",
    "vm1.example.org": "guest",
    # the lab has no way to an archive
    "install --yes": "install --yes --no-install-recommends",
    # there is no terminal to confirm on
    "migrate": "migrate --force",
}


def five_commands(release: str) -> List[str]:
    """The first block after the sentence that promises them, for the lab; with what Ganeti 3.1 needs between."""
    (block,) = re.findall(r"\nFive commands from [^`]*```\n(.*?)```", README.read_text(), re.DOTALL)
    lines: List[str] = block.splitlines()
    assert len(lines) == 5
    if release == "3.1":
        more = re.findall(r"\nOn Debian 13, .*?```\n(.*?)```", README.read_text(), re.DOTALL)[0].splitlines()
        before = [line.startswith("gnt-gluster deploy") for line in lines].index(True)
        lines[before:before] = more
    for word, other in INSTEAD.items():
        assert word in block, f"README no longer says {word}"
        lines = [line.replace(word, other) for line in lines]
    return lines


@pytest.fixture(scope="module")
def debs(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Path]:
    return built(tmp_path_factory)


@pytest.fixture(params=[pytest.param("of-the-machine", marks=pytest.mark.soak), "debian-13"])
def empty(debs: Dict[str, Path], request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Three nodes with a blank disk each, of which the first has the package's file and none has it installed."""
    root = default_root() if request.param == "of-the-machine" else root_of_debian_13()
    if request.param == "debian-13" and root == default_root():
        pytest.skip("all hosts have Debian 13 already")
    # Of another size than those of test_deploy.py, which may run at the same time: the uuid of a filesystem is made of
    # cluster, node, disk and size, and the machine's one kernel mounts each uuid of xfs only once.
    with Pool.first_free(FAMILY, disks=[Disk("vdb", 1000 << 20, "")], root=root) as pool:
        cluster = Cluster(pool, storage_paths=FILE_DIRECTORIES).up(templates=("diskless",))
        bring(pool.host(1), list(debs.values()))
        for node in cluster.nodes:
            cluster.run(node, "cp", "-a", "/usr/share/ganeti/os/noop", "/usr/share/ganeti/os/writes")
            pool.exec(node, ["tee", "/usr/share/ganeti/os/writes/create"], input=create_script())
        yield cluster


def test_readmes_five_commands(empty: Cluster) -> None:
    commands = five_commands(ganeti_release(empty.pool.root))
    assert f"/root/{MON}_{__version__}_all.deb" in commands[0]
    for line in commands:
        print(line, empty.run(1, "sh", "-c", line, timeout=240), sep="\n")
    (where,) = empty.run(1, "gnt-instance", "list", "--no-headers", "-o", "pnode", "guest").split()
    assert where in ("node2.lab.test", "node3.lab.test")
    (guest,) = empty.pool.host(int(where[4])).find("kvm")
    assert opened_by_qemu(guest)
    assert not empty.pool.host(1).find("kvm")
    # It writes on, where it is now; every brick has what it writes.
    (disk,) = empty.run(1, "ls", f"{BRICK}/ganeti").split()
    for node in empty.nodes:
        written = counter(empty.pool, node, BRICK, f"ganeti/{disk}")
        assert written > 0
        wait_until(
            lambda node=node, written=written: counter(empty.pool, node, BRICK, f"ganeti/{disk}") > written,  # type: ignore[misc]
            f"the guest to write on the brick of node{node}",
            60,
        )
    (row,) = empty.run(1, "gnt-gluster", "list-disks", "--no-headers", "-o", "instance,status").splitlines()
    assert row.split() == ["guest", "healthy"]
    assert empty.run(1, "gnt-storage", "diagnose").count("status: valid") == 3
