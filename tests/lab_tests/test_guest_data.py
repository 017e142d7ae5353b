"""What OS scripts wrote is on the bricks when QEMU starts: both templates, both ways of access, Ganeti's own commands.

QEMU is started by a program that first notes the checksum of the disk's file on the node's brick.  The bricks delay
each write, so data that is still on its way would be missing there.
"""

from __future__ import annotations

import functools
import hashlib
import os
from contextlib import contextmanager
from typing import Dict, Iterator, List

import pytest

from tests.lab import Cluster, wait_until
from tests.lab.lab import at_once
from tests.lab.waiting import LabError
from tests.lab_tests import backend, extstorage
from tests.lab_tests.backend import exports, hotplug, mounts, unchecked
from tests.lab_tests.slow_bricks import slow_volume
from tests.lab_tests.test_ganeti import listed

pytestmark = pytest.mark.lab

GUEST, RENAMED = "guest.lab.test", "renamed.lab.test"
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


#: an OS script that is killed while it writes, and what writes for it, too
KILLED = (
    "mkfifo /root/pipe || true; dd of=$DISK_0_PATH conv=notrunc bs=64k seek=16 status=none < /root/pipe &\n"
    "exec 3> /root/pipe; head -c 4M /dev/urandom >&3; kill -9 $!; kill -9 $$"
)
#: of a whole disk: a backup is compared with what it was made of
EXPORT = '#!/bin/sh\nexec cat "$EXPORT_DEVICE"\n'
IMPORT = '#!/bin/sh\nexec dd of="$IMPORT_DEVICE" bs=1M iflag=fullblock conv=notrunc status=none\n'
MIB = 1 << 20
SIZE = 24


@pytest.fixture(scope="module")
def brick(ganeti: Cluster) -> Iterator[str]:
    """The directory of the slow volume's brick; Ganeti uses that volume, and both templates are ours."""
    with (
        slow_volume(ganeti.pool, VOLUME) as directory,
        extstorage.installed(ganeti),
        backend.installed(ganeti),
    ):
        checked = (
            f'#!/bin/sh\ncase " $* " in *" -drive "*|*" -blockdev "*) '
            f"find {directory}/ganeti -type f -exec sha256sum {{}} + > {AT_START};;"
            ' esac\nexec /usr/bin/kvm "$@"\n'
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
    set_script(
        cluster, "create", f"#!/bin/sh\nset -e\n{SCRIPTS[name]}\nsha256sum < $DISK_0_PATH > {EXPECTED}\n"
    )


def set_script(cluster: Cluster, name: str, text: str) -> None:
    at_once(lambda node: cluster.pool.exec(node, ["tee", f"{backend.OS}/{name}"], input=text), cluster.nodes)


def checksum(cluster: Cluster, node: int, file: str) -> str:
    return cluster.run(node, "cat", file).split()[0]


def on_bricks(cluster: Cluster, brick: str) -> List[str]:
    argv = ["find", f"{brick}/ganeti", "-type", "f", "-exec", "sha256sum", "{}", "+"]
    return [cluster.run(node, *argv).split()[0] for node in cluster.nodes]


def disk_words(template: str, size: int) -> str:
    return f"size={size}M" + (f",provider=gluster,volume={VOLUME}" if template == "ext" else "")


def add(cluster: Cluster, template: str) -> None:
    cluster.instance_add(
        GUEST,
        f"--disk=0:{disk_words(template, SIZE)}",
        "--os-type=writes",
        f"--hypervisor-parameters=kvm:kvm_path={KVM}",
        node=1,
        template=template,
    )


@contextmanager
def guest(cluster: Cluster, template: str, script: str) -> Iterator[None]:
    """A guest on node1, started, whose OS script was *script*."""
    os_script(cluster, script)
    try:
        add(cluster, template)
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


@pytest.mark.timeout(900)
def test_a_wipe_and_an_os_script_that_is_killed_leave_no_stale_page(ganeti: Cluster, brick: str) -> None:
    run(ganeti, "gnt-cluster", "modify", "--disk-parameters=ext:access=userspace")
    run(ganeti, "gnt-cluster", "modify", "--prealloc-wipe-disks=yes")
    set_script(ganeti, "create", f"#!/bin/sh\n{KILLED}\n")
    try:
        with pytest.raises(LabError, match="Could not add os"):
            add(ganeti, "ext")
        (disk,) = sums(ganeti, brick, 1)
        for node in ganeti.nodes:
            blocks = ganeti.run(node, "stat", "--format=%b", f"{brick}/ganeti/{disk}")
            assert int(blocks) * 512 >= SIZE * MIB, "it was wiped"
        run(ganeti, "gnt-instance", "startup", GUEST)
        at_start = checksum(ganeti, 1, AT_START)
        assert at_start != hashlib.sha256(bytes(SIZE * MIB)).hexdigest(), (
            "the script wrote before it was killed"
        )
        # A page that was left in a cache of the node would be written within this time.
        ganeti.run(1, "sync")
        wait_until(functools.partial(nothing_mounted, ganeti), "the unmount", 60)
        assert on_bricks(ganeti, brick) == [at_start] * 3
        os_script(ganeti, "dd")
        run(ganeti, "gnt-instance", "shutdown", "--timeout=0", GUEST)
        run(ganeti, "gnt-instance", "reinstall", "--force", GUEST)
        run(ganeti, "gnt-instance", "startup", GUEST)
        expected = checksum(ganeti, 1, EXPECTED)
        assert checksum(ganeti, 1, AT_START) == expected
        assert on_bricks(ganeti, brick) == [expected] * 3
    finally:
        run(ganeti, "gnt-cluster", "modify", "--prealloc-wipe-disks=no")
        for name in listed(ganeti, "gnt-instance", "list", "-o", "name"):
            ganeti.instance_remove(name)


def sums(cluster: Cluster, brick: str, node: int) -> Dict[str, str]:
    """The checksums of the disks on a node's brick, by their names."""
    argv = ["find", f"{brick}/ganeti", "-type", "f", "-exec", "sha256sum", "{}", "+"]
    found = {}
    for line in cluster.run(node, *argv).splitlines():
        digest, path = line.split()
        found[os.path.basename(path)] = digest
    return found


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("template", "access"),
    [("ext", "userspace"), ("gluster", "userspace"), ("gluster", "kernelspace")],
)
def test_the_data_is_the_same_wherever_the_instance_goes(
    ganeti: Cluster, brick: str, template: str, access: str
) -> None:
    """Migration, a disk that is added while the guest runs, rename, export, import: by the checksum on each brick."""
    run(ganeti, "gnt-cluster", "modify", f"--disk-parameters={template}:access={access}")
    set_script(ganeti, "export", EXPORT)
    set_script(ganeti, "import", IMPORT)
    with guest(ganeti, template, "losetup"):
        expected = checksum(ganeti, 1, EXPECTED)
        (disk,) = sums(ganeti, brick, 1)

        def same(name: str = disk) -> None:
            assert [sums(ganeti, brick, node)[name] for node in ganeti.nodes] == [expected] * 3

        same()
        run(ganeti, "gnt-instance", "migrate", "--force", "--target-node=node2.lab.test", GUEST)
        same()
        added = f"--disk=add:{disk_words(template, 8)}"
        run(ganeti, "gnt-instance", "modify", *hotplug(ganeti), added, GUEST)
        assert len(sums(ganeti, brick, 1)) == 2
        same()
        run(ganeti, "gnt-instance", "migrate", "--force", "--target-node=node1.lab.test", GUEST)
        run(ganeti, "gnt-instance", "shutdown", "--timeout=0", GUEST)
        same()
        run(ganeti, "gnt-instance", "modify", "--disk=remove", GUEST)
        unchecked_rename = unchecked(ganeti, "--force", "--no-name-check", "--no-ip-check")
        run(ganeti, "gnt-instance", "rename", *unchecked_rename, GUEST, RENAMED)
        same()
        if not exports(ganeti):
            return
        run(ganeti, "gnt-backup", "export", "--node=node3.lab.test", "--noshutdown", RENAMED)
        same()
        ganeti.instance_remove(RENAMED)
        argv = ["gnt-backup", "import", "--src-node=node3.lab.test", "--node=node2.lab.test", "--no-nics"]
        argv += [f"--src-dir=/var/lib/ganeti/export/{RENAMED}", f"--disk-template={template}"]
        argv += [f"--disk=0:{disk_words(template, SIZE)}", "--no-name-check", "--no-ip-check"]
        run(ganeti, *argv, RENAMED)
        (disk,) = sums(ganeti, brick, 1)
        same(disk)
        run(ganeti, "gnt-instance", "startup", RENAMED)
        assert checksum(ganeti, 2, AT_START) == expected
        run(ganeti, "gnt-backup", "remove", RENAMED)
    wait_until(functools.partial(nothing_mounted, ganeti), "the unmount", 60)
