"""What OS scripts wrote is on the bricks when QEMU starts: both templates, both ways of access, Ganeti's own commands.

QEMU is started by a program that first notes the checksum of the disk's file on the node's brick.  The bricks delay
each write, so data that is still on its way would be missing there.
"""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import Dict, Iterator, List

import pytest

from tests.lab import Cluster, wait_until
from tests.lab.lab import at_once
from tests.lab_tests import backend, extstorage
from tests.lab_tests.backend import mounts
from tests.lab_tests.slow_bricks import slow_volume
from tests.lab_tests.test_ganeti import listed

pytestmark = pytest.mark.lab

GUEST = "guest.lab.test"
VOLUME = "slow"
KVM = "/usr/local/bin/kvm-checked"
#: what each node notes
EXPECTED, AT_START = "/root/expected", "/root/at-start"
#: OS scripts; each writes to $DISK_0_PATH, and syncs nothing.  A boot sector of zeros keeps the guest in its BIOS.
SCRIPTS = {
    "dd": "head -c 4M /dev/urandom | dd of=$DISK_0_PATH conv=notrunc bs=64k seek=16 status=none",
    "losetup": "INNER=$(losetup --find --show --offset 1048576 $DISK_0_PATH); "
    "head -c 4M /dev/urandom | dd of=$INNER bs=64k status=none; losetup --detach $INNER",
    "filesystem": "INNER=$(losetup --find --show --offset 1048576 $DISK_0_PATH); mkfs.ext4 -q $INNER; "
    "mkdir -p /root/target; mount $INNER /root/target; head -c 4M /dev/urandom > /root/target/file; "
    "umount /root/target; losetup --detach $INNER",
}


@pytest.fixture(scope="module")
def brick(ganeti: Cluster) -> Iterator[str]:
    """The directory of the slow volume's brick; Ganeti uses that volume, and both templates are ours."""
    with (
        slow_volume(ganeti.pool, VOLUME) as directory,
        extstorage.installed(ganeti),
        backend.installed(ganeti),
    ):
        checked = (
            f'#!/bin/sh\ncase " $* " in *" -drive "*) find {directory}/ganeti -type f -exec sha256sum {{}} + '
            f'> {AT_START};; esac\nexec /usr/bin/kvm "$@"\n'
        )
        for node in ganeti.nodes:
            ganeti.pool.exec(node, ["tee", KVM], input=checked)
            ganeti.run(node, "chmod", "755", KVM)
        run(ganeti, "gnt-cluster", "modify", f"--disk-parameters=gluster:volume={VOLUME}")
        yield directory
        run(ganeti, "gnt-cluster", "modify", "--disk-parameters=gluster:volume=gv0,access=userspace")
        run(ganeti, "gnt-cluster", "modify", "--disk-parameters=ext:access=kernelspace")


def run(cluster: Cluster, *argv: str) -> str:
    return cluster.run(cluster.nodes[0], *argv, timeout=300)


def os_script(cluster: Cluster, name: str) -> None:
    """The OS's create script, on each node, is *name* of SCRIPTS; it notes the checksum that the disk should have."""
    text = f"#!/bin/sh\nset -e\n{SCRIPTS[name]}\nsha256sum < $DISK_0_PATH > {EXPECTED}\n"
    at_once(lambda node: cluster.pool.exec(node, ["tee", f"{backend.OS}/create"], input=text), cluster.nodes)


def checksum(cluster: Cluster, node: int, file: str) -> str:
    return cluster.run(node, "cat", file).split()[0]


def on_bricks(cluster: Cluster, brick: str) -> List[str]:
    argv = ["find", f"{brick}/ganeti", "-type", "f", "-exec", "sha256sum", "{}", "+"]
    return [cluster.run(node, *argv).split()[0] for node in cluster.nodes]


@contextmanager
def guest(cluster: Cluster, template: str, script: str) -> Iterator[None]:
    """A guest on node1, started, whose OS script was *script*."""
    os_script(cluster, script)
    disk = "--disk=0:size=24M" + (f",provider=gluster,volume={VOLUME}" if template == "ext" else "")
    try:
        cluster.instance_add(
            GUEST,
            disk,
            "--os-type=writes",
            f"--hypervisor-parameters=kvm:kvm_path={KVM}",
            node=1,
            template=template,
        )
        yield
    finally:
        for name in listed(cluster, "gnt-instance", "list", "-o", "name"):
            cluster.instance_remove(name)


def nothing_mounted(cluster: Cluster) -> bool:
    found: Dict[int, List[str]] = mounts(cluster)
    return not any(found.values())


@pytest.mark.timeout(900)  # a dozen of Ganeti's jobs, on a machine that may be busy
@pytest.mark.parametrize("template", ["ext", "gluster"])
def test_data_is_on_the_bricks_when_qemu_starts(ganeti: Cluster, brick: str, template: str) -> None:
    run(ganeti, "gnt-cluster", "modify", f"--disk-parameters={template}:access=userspace")
    with guest(ganeti, template, "dd"):
        expected = checksum(ganeti, 1, EXPECTED)
        assert checksum(ganeti, 1, AT_START) == expected
        assert on_bricks(ganeti, brick) == [expected] * 3
        wait_until(functools.partial(nothing_mounted, ganeti), "the unmount", 60)
        for script in ("losetup", "filesystem"):
            os_script(ganeti, script)
            run(ganeti, "gnt-instance", "shutdown", "--timeout=0", GUEST)
            run(ganeti, "gnt-instance", "reinstall", "--force", GUEST)
            run(ganeti, "gnt-instance", "startup", GUEST)
            expected = checksum(ganeti, 1, EXPECTED)
            assert checksum(ganeti, 1, AT_START) == expected, script
            assert on_bricks(ganeti, brick) == [expected] * 3, script
        wait_until(functools.partial(nothing_mounted, ganeti), "the unmount", 60)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("template", ["ext", "gluster"])
def test_another_node_has_the_data_with_kernelspace_access(
    ganeti: Cluster, brick: str, template: str
) -> None:
    run(ganeti, "gnt-cluster", "modify", f"--disk-parameters={template}:access=kernelspace")
    with guest(ganeti, template, "losetup"):
        expected = checksum(ganeti, 1, EXPECTED)
        run(ganeti, "gnt-instance", "failover", "--force", "--target-node=node2.lab.test", GUEST)
        assert checksum(ganeti, 2, AT_START) == expected
        assert on_bricks(ganeti, brick) == [expected] * 3
    wait_until(functools.partial(nothing_mounted, ganeti), "the unmount", 60)
