"""From Debian 12 to Debian 13, node by node, while guests write: the commands of docs/upgrade.md.

It needs the root of Debian 13 (`make lab-root DEBIAN=13`), and Ganeti 3.1 from bookworm-backports, which it downloads.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Iterator, List

import pytest

from tests.campaign import plan
from tests.campaign.run import Campaign
from tests.campaign.site import FILES, OS, VOLUME, Site
from tests.conftest import FAMILY, root_of_debian_13
from tests.lab import Pool, other_root
from tests.lab.host import MACHINE
from tests.lab_tests.backend import DROPIN, ganeti_release
from tests.lab_tests.packaged import bring

pytestmark = [pytest.mark.lab, pytest.mark.soak]

BACKPORTS = other_root.DEBIAN_13.with_name("bookworm-backports")
#: Ganeti's packages of the new series
PACKAGES = ("ganeti", "ganeti-3.1", "ganeti-haskell-3.1", "ganeti-htools-3.1")
#: what a node has of its own, and keeps over a new root
STATE = (
    "var/lib/glusterd",
    "var/lib/ganeti",
    "etc/ganeti/file-storage-paths",
    "etc/hosts",
    "etc/fstab",
    "etc/ssh",
    "root/.ssh",
    FILES.lstrip("/"),
    OS.lstrip("/"),
    "usr/share/ganeti/os/noop",
)


@pytest.fixture(scope="module")
def backports() -> List[Path]:
    """Ganeti 3.1 for Debian 12."""
    if not list(BACKPORTS.glob("*.deb")):
        (BACKPORTS / "lists/partial").mkdir(parents=True, exist_ok=True)
        source = BACKPORTS / "sources.list"
        source.write_text("deb http://deb.debian.org/debian bookworm-backports main\n")
        flags = {
            "Dir::Etc::sourcelist": source,
            "Dir::Etc::sourceparts": "-",
            "Dir::State::lists": BACKPORTS / "lists",
            "Dir::Cache": BACKPORTS / "cache",
            "APT::Sandbox::User": "root",
        }
        apt = ["apt-get", *(f"--option={name}={value}" for name, value in flags.items())]
        subprocess.run([*apt, "update"], check=True, timeout=120)
        subprocess.run([*apt, "download", *PACKAGES], check=True, timeout=120, cwd=BACKPORTS)
    return sorted(BACKPORTS.glob("*.deb"))


@pytest.fixture
def site() -> Iterator[Site]:
    """A cluster with Debian 12."""
    root_of_debian_13()
    with Pool.first_free(FAMILY, root=MACHINE) as pool:
        yield Site(pool).up()


def new_root(site: Site, node: int, tmp_path: Path) -> None:
    """Install Debian 13 on *node*, with the state that it had."""
    pool = site.pool
    archive = tmp_path / f"node{node}.tar"
    pool.exec(node, ["tar", "--create", "--file=/root/state.tar", "--directory=/", *STATE], timeout=120)
    shutil.copy(site._root(node) / "root/state.tar", archive)
    pool.reinstall(node, other_root.DEBIAN_13)
    pool.power_on(node)
    pool.kill_glusterd(node)
    bring(pool.host(node), [archive])
    pool.exec(node, ["rm", "-r", "/var/lib/glusterd"])
    pool.exec(node, ["tar", "--extract", f"--file=/root/{archive.name}", "--directory=/"])
    pool.exec(node, ["mkdir", "-p", "/var/log/ganeti/extstorage"])
    pool.exec(node, ["pkill", "--signal=HUP", "--pidfile=/run/sshd.pid"])
    site.install_backend(node)
    pool.start_glusterd(node)


def step(campaign: Campaign, line: str) -> None:
    campaign.step(plan.parse(line))


@pytest.mark.timeout(1800)
def test_from_debian_12_to_13_while_guests_write(site: Site, backports: List[Path], tmp_path: Path) -> None:
    campaign = Campaign(site)
    step(campaign, "create one gluster userspace 1 fsync & create two ext userspace 2 fsync")
    step(campaign, "create three ext kernelspace 3 fsync")
    # Ganeti first, on all nodes, as `gnt-cluster upgrade` wants it
    for node in site.cluster.nodes:
        packages = bring(site.pool.host(node), backports)
        site.pool.exec(node, ["dpkg", "--install", *packages], timeout=300)
        site.pool.exec(node, [str(DROPIN), "install"])
    # It ends with `gnt-cluster verify`, which misses a file that the machine's kernel has not.
    done = site.pool.exec(1, ["gnt-cluster", "upgrade", "--to=3.1"], check=False, timeout=400)
    errors = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
    assert [line for line in errors if "/proc/sysrq-trigger" not in line] == [], done
    assert ganeti_release(site.cluster) == "3.1"
    # Instances that Ganeti 3.0 started cannot migrate with 3.1, and one machine type goes in both directions.
    site.run("gnt-cluster", "modify", "--hypervisor-parameters=kvm:machine_version=pc-i440fx-7.2")
    step(campaign, "reboot one & reboot two & reboot three")
    step(campaign, "check")
    # Peers reject each other from now on.  glusterd does not count those for the server quorum, and would stop bricks.
    site.pool.gluster("volume", "set", VOLUME, "cluster.server-quorum-type", "none")
    for node in (3, 2, 1):
        leave(campaign, node)
        if node == 1:
            make_master(site, 2)
        new_root(site, node, tmp_path)
        site.cluster.start_daemons(node)
        if node == 1:
            make_master(site, 1)
        step(campaign, "check")
    # Nodes of the two versions reject each other; that ends with one more start of glusterd on each.
    for node in (1, 2, 3):
        site.pool.kill_glusterd(node)
        site.pool.start_glusterd(node)
    site.pool.wait_connected()
    step(campaign, "check")
    site.pool.gluster("volume", "set", VOLUME, "cluster.server-quorum-type", "server")
    assert "success" in site.run("gluster", "volume", "set", "all", "cluster.op-version", "110000")
    for node in (1, 2, 3):
        leave(campaign, node)
    step(campaign, "check")
    print(campaign.figures)


def make_master(site: Site, node: int) -> None:
    site.cluster.run(node, "gnt-cluster", "master-failover")
    site.cluster.nodes.sort(key=lambda number: number != node)


def leave(campaign: Campaign, node: int) -> None:
    """Migrate the guests of a node to the next one."""
    target = node % 3 + 1
    for name, guest in list(campaign.record.state.guests.items()):
        if guest.node == node:
            step(campaign, f"migrate {name} {target}")
