"""The client of a mount is killed while disks are in use by it; and one that only reaches no brick stays."""

from __future__ import annotations

import functools
import os
import subprocess
import uuid
from contextlib import contextmanager
from typing import Iterator, List

import pytest

from tests.lab import Cluster, wait_until
from tests.lab.lab import at_once
from tests.lab.process import kill
from tests.lab_tests import backend
from tests.lab_tests.backend import BOOT, POINT, disks, head
from tests.lab_tests.extstorage import PROVIDER, Left, installed, left, loops
from tests.lab_tests.test_ganeti import listed

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

GUEST, OTHER = "guest.lab.test", "other.lab.test"
NOTHING = Left({}, {}, {})
LOST = "the client of its mount (glusterfs) ended while the disk was in use by its path"
#: one of these writes 1 MiB at the start of the disk to the bricks, the other the next one into caches
SYNCED = "dd if=/dev/urandom of=$DISK bs=1M count=1 conv=notrunc,fsync status=none"
CACHED = "dd if=/dev/urandom of=$DISK bs=1M count=1 seek=1 conv=notrunc status=none"


def run(cluster: Cluster, *argv: str) -> str:
    return cluster.run(cluster.nodes[0], *argv, timeout=300)


def kill_client(cluster: Cluster) -> None:
    """Kill the process behind node1's mount."""
    (client,) = [found for found in cluster.pool.host(1).find("glusterfs") if found.argv[-1] == POINT]
    kill(client.pid)


def kill_guests(cluster: Cluster) -> None:
    for found in cluster.pool.host(1).find("kvm"):
        kill(found.pid)


def remove_guests(cluster: Cluster) -> None:
    for name in listed(cluster, "gnt-instance", "list", "-o", "name"):
        cluster.instance_remove(name)


def running(cluster: Cluster) -> List[str]:
    return listed(cluster, "gnt-instance", "list", "-o", "name,pnode,status")


# --- template ext -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ext(ganeti: Cluster) -> Iterator[Cluster]:
    with installed(ganeti):
        run(ganeti, "gnt-cluster", "modify", "--disk-parameters=ext:access=kernelspace")
        yield ganeti


def expect(cluster: Cluster, node: int) -> None:
    """Wait until *node* has the one disk there is by one mount and one loop device, and the guest's data is there."""
    (path,) = disks(cluster, node)
    expected = Left({node: [POINT]}, {node: [f"{POINT}/{path}"]}, {})
    wait_until(lambda: left(cluster) == expected, f"{expected}, not {left(cluster)}", 30)
    assert head(cluster, node, path) == BOOT + BOOT


@pytest.mark.soak
def test_a_guest_is_started_again_after_its_client_was_killed(ext: Cluster) -> None:
    disk = "--disk=0:size=64M,provider=gluster,volume=gv0"
    ext.instance_add(GUEST, disk, "--os-type=writes", node=1, template="ext")
    try:
        (path,) = disks(ext, 1)
        wait_until(lambda: head(ext, 1, path) == BOOT + BOOT, "the guest's writing", 60)
        # Stopped and started by an administrator.
        kill_client(ext)
        run(ext, "gnt-instance", "shutdown", "--timeout=0", GUEST)
        wait_until(lambda: left(ext) == NOTHING, "the end of mount and device", 30)
        run(ext, "gnt-instance", "startup", GUEST)
        expect(ext, 1)
        # Started by ganeti-watcher: QEMU has ended, too, and no command has stopped the instance.
        kill_client(ext)
        kill_guests(ext)
        run(ext, "gnt-instance", "startup", GUEST)
        expect(ext, 1)
        # Looked at while it runs on with a disk that only gives errors, then started elsewhere.
        kill_client(ext)
        run(ext, "gnt-instance", "info", GUEST)
        run(ext, "gnt-instance", "failover", "--force", "--target-node=node2.lab.test", GUEST)
        expect(ext, 2)
    finally:
        remove_guests(ext)
    wait_until(lambda: left(ext) == NOTHING, "the end of it all", 30)


class Disk:
    """A disk of the provider's, without Ganeti."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.name = f"{uuid.uuid4()}.ext.disk0"
        self.environment = {
            "VOL_NAME": self.name,
            "VOL_SIZE": "16",
            "VOL_OPEN_EXCLUSIVE": "True",
            "EXTP_VOLUME": "gv0",
            "EXTP_ACCESS": "kernelspace",
        }

    def call(self, command: str) -> subprocess.CompletedProcess[str]:
        """A shell's command on node1; the shell is the scripts' caller."""
        argv = ["sh", "-c", f"cd {PROVIDER}; {command}"]
        return self.cluster.pool.exec(1, argv, env=self.environment, check=False, timeout=170)

    def done(self, command: str) -> str:
        ended = self.call(command)
        assert (ended.returncode, ended.stderr) == (0, ""), ended
        return ended.stdout

    def refused(self, command: str) -> str:
        ended = self.call(command)
        assert ended.returncode == 1, ended
        return ended.stderr

    def first(self) -> List[str]:
        """The checksum of the first MiB of its file on each brick."""
        file = f"/export/b1/gv0/ganeti/{self.name}"
        command = ["sh", "-c", f"head -c 1M {file} | sha256sum"]
        return [self.cluster.run(node, *command) for node in self.cluster.nodes]


@pytest.fixture
def disk(ext: Cluster) -> Iterator[Disk]:
    made = Disk(ext)
    made.done("./create; exit $?")
    yield made
    made.call("./detach; exit $?")
    made.done("./detach; exit $?")
    made.done("./remove; exit $?")
    assert left(ext) == NOTHING


def lost(cluster: Cluster, disk: Disk) -> List[str]:
    """An OS script has written to the disk, and then the client was killed; the checksum of what was synced."""
    written = f"./attach > /root/attached; read DISK < /root/attached; ./open; {SYNCED}; {CACHED}"
    expected = disk.done(f"{written}; head -c 1M $DISK | sha256sum")
    kill_client(cluster)
    return [expected] * 3


@pytest.mark.parametrize("access", ["kernelspace", "userspace"])
def test_what_an_os_script_may_have_lost_is_reported_once(ext: Cluster, disk: Disk, access: str) -> None:
    disk.environment["EXTP_ACCESS"] = access
    expected = lost(ext, disk)
    assert LOST in disk.refused("./open; exit $?")
    assert disk.done("./attach > /root/attached; ./open; cat /root/attached").startswith("/dev/loop")
    assert disk.first() == expected
    assert len(loops(ext.pool.host(1))) == 1
    disk.done("./detach; exit $?")
    expected = lost(ext, disk)
    assert LOST in disk.refused("./detach; exit $?")
    assert left(ext) == NOTHING
    disk.done("./detach; exit $?")
    assert disk.first() == expected


def test_a_client_that_reaches_no_brick_stays(ext: Cluster, disk: Disk) -> None:
    """Its users go on when the bricks are back: another mount and another device would be a second writer."""
    device = disk.done("./attach > /root/attached; ./open; head -1 /root/attached").strip()
    mounts = ext.run(1, "grep", POINT, "/proc/self/mountinfo")
    at_once(functools.partial(ext.pool.kill_brick, "gv0"), ext.nodes)
    try:
        for action in ("attach", "open"):
            output = disk.refused(f"./{action}; exit $?")
            assert "Transport endpoint is not connected" in output and "does not answer" in output
        assert ext.run(1, "grep", POINT, "/proc/self/mountinfo") == mounts
        backing = ext.run(1, "cat", f"/sys/block/{os.path.basename(device)}/loop/backing_file")
        assert backing == f"{POINT}/ganeti/{disk.name}\n"
    finally:
        ext.pool.start_volume("gv0", force=True)
        ext.pool.wait_healed("gv0")
    # Gluster's client takes a moment to find the bricks again.
    answered = functools.partial(disk.call, "./attach; exit $?")
    wait_until(lambda: answered().returncode == 0, "the mount to answer", 60)
    expected = disk.done(f"DISK={device}; {SYNCED}; head -c 1M $DISK | sha256sum")
    disk.done("./detach; exit $?")
    assert disk.first() == [expected] * 3


# --- template gluster -------------------------------------------------------------------------------------


@contextmanager
def kernelspace(cluster: Cluster) -> Iterator[None]:
    with backend.installed(cluster):
        run(cluster, "gnt-cluster", "modify", "--disk-parameters=gluster:access=kernelspace")
        try:
            yield
        finally:
            remove_guests(cluster)
            run(cluster, "gnt-cluster", "modify", "--disk-parameters=gluster:access=userspace")


@pytest.mark.soak
def test_a_guest_is_started_while_another_keeps_the_dead_mount_busy(ganeti: Cluster) -> None:
    with kernelspace(ganeti):
        for name in (GUEST, OTHER):
            ganeti.instance_add(name, "--disk=0:size=64M", "--os-type=writes", node=1, template="gluster")
        for path in disks(ganeti, 1):
            wait_until(lambda path=path: head(ganeti, 1, path) == BOOT + BOOT, "the guests' writing", 60)  # type: ignore[misc]
        kill_client(ganeti)
        run(ganeti, "gnt-instance", "shutdown", "--timeout=0", GUEST)
        run(ganeti, "gnt-instance", "startup", GUEST)
        assert sorted(running(ganeti)) == [f"{name}|node1.lab.test|running" for name in (GUEST, OTHER)]
        assert backend.mounts(ganeti)[1] == [POINT]
        run(ganeti, "gnt-instance", "shutdown", "--timeout=0", OTHER)
        run(ganeti, "gnt-instance", "startup", OTHER)
        assert sorted(running(ganeti)) == [f"{name}|node1.lab.test|running" for name in (GUEST, OTHER)]
    backend.wait_mounts(ganeti)
