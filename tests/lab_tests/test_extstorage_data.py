"""No stale data with userspace access: what was written by the disk's path is on the bricks before QEMU opens the disk.

The bricks of these tests delay each write, so data that is still on its way would be visible.  The scripts are called
in the order in which Ganeti 3.0 calls them: attach, open, attach for an OS script, and the same again by another
process for the start of the guest (ganeti.backend: OSEnvironment, _GatherAndLinkBlockDevs).
"""

from __future__ import annotations

import hashlib
import subprocess
import uuid
from contextlib import contextmanager
from typing import Dict, Iterator, List, NamedTuple

import pytest

from tests.lab import Cluster, wait_until
from tests.lab.process import kill
from tests.lab_tests.extstorage import HELPERS, PROVIDER, installed, left
from tests.lab_tests.slow_bricks import slow_volume

pytestmark = pytest.mark.lab

VOLUME = "slow"
MOUNT = f"/run/ganeti/gluster.d/{VOLUME}@127.0.0.1:24007"
SIZE = 24
#: what Ganeti does before an OS script runs, and before QEMU starts; the shell itself has to be the scripts' caller
ATTACH = f"set -e; cd {PROVIDER}; ./attach > /root/attached; read DISK < /root/attached"
READY = f"{ATTACH}; ./open; ./attach > /dev/null"
#: OS scripts; each writes to $DISK
SCRIPTS = {
    "dd": "head -c 8M /dev/urandom | dd of=$DISK conv=nocreat,notrunc bs=64k status=none",
    "dd-fsync": "head -c 8M /dev/urandom | dd of=$DISK conv=notrunc,fsync bs=64k status=none",
    "zcat": "head -c 8M /dev/urandom | gzip -1 | zcat > $DISK",
    "qemu-img": "head -c 8M /dev/urandom > /root/image; qemu-img convert -n -O raw /root/image $DISK",
    "filesystem": "mkfs.ext4 -q $DISK; mkdir -p /root/target; mount $DISK /root/target; "
    "head -c 8M /dev/urandom > /root/target/file; umount /root/target",
    # losetup leaves a device on the device, as instance-debootstrap does for partitions
    "losetup": "INNER=$(losetup --find --show --offset 1048576 $DISK); "
    "head -c 8M /dev/urandom | dd of=$INNER bs=64k status=none; losetup --detach $INNER",
}


class Slow(NamedTuple):
    """The cluster, and the directory of the slow volume's brick on each node."""

    cluster: Cluster
    brick: str


class Disk(NamedTuple):
    cluster: Cluster
    name: str
    #: of its file, on each node
    brick_file: str

    @property
    def environment(self) -> Dict[str, str]:
        return {"VOL_NAME": self.name, "EXTP_VOLUME": VOLUME, "EXTP_ACCESS": "userspace"}

    def call(self, action: str, node: int = 1, **more: str) -> subprocess.CompletedProcess[str]:
        """A script, called by a process that ends with it."""
        argv = ["sh", "-c", f"{PROVIDER}/{action}; exit $?"]
        environment = {**self.environment, **more}
        return self.cluster.pool.exec(node, argv, env=environment, check=False, timeout=170)

    def run(self, command: str) -> str:
        """What a shell on node1 prints, which is the caller of the scripts as noded's process is for Ganeti."""
        argv = ["sh", "-c", command]
        return self.cluster.pool.exec(1, argv, env=self.environment, timeout=170).stdout

    def written(self, script: str) -> str:
        """The checksum that the whole disk has after Ganeti has run *script*, as the script's own node reads it."""
        return self.run(f"{READY}; {script}; sha256sum < $DISK").split()[0]

    def on_bricks(self) -> List[str]:
        """The checksum of the disk's file on each brick."""
        return [
            self.cluster.run(node, "sha256sum", self.brick_file).split()[0] for node in self.cluster.nodes
        ]

    @contextmanager
    def starting(self) -> Iterator[None]:
        """The block runs where Ganeti would start QEMU."""
        argv = ["sh", "-c", f"{READY}; echo ready; read end"]
        pipe = subprocess.PIPE
        host = self.cluster.pool.host(1)
        with host.popen(
            argv, env=self.environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        ) as process:
            assert process.stdin and process.stdout and process.stderr
            if process.stdout.readline() != "ready\n":
                raise AssertionError(process.stderr.read())
            yield
            process.stdin.close()


@pytest.fixture(scope="module")
def slow(ganeti: Cluster) -> Iterator[Slow]:
    with installed(ganeti), slow_volume(ganeti.pool, VOLUME) as directory:
        yield Slow(ganeti, directory)


@pytest.fixture
def disk(slow: Slow) -> Iterator[Disk]:
    name = f"{uuid.uuid4()}.ext.disk0"
    made = Disk(slow.cluster, name, f"{slow.brick}/ganeti/{name}")
    assert made.call("create", VOL_SIZE=str(SIZE)).returncode == 0
    yield made
    for node in slow.cluster.nodes:
        made.call("detach", node)
    removed = made.call("remove")
    assert (removed.returncode, removed.stderr) == (0, "")
    wait_until(lambda: left(slow.cluster) == ({}, {}, {}), "the end of the disk")


def kill_helpers(cluster: Cluster) -> int:
    """Kill every process of the provider's on node1; how many there were."""
    found = [process for name in HELPERS for process in cluster.pool.host(1).find(name)]
    for process in found:
        kill(process.pid)
    return len(found)


@pytest.mark.parametrize("script", SCRIPTS)
def test_data_is_on_the_bricks_before_the_guest_starts(disk: Disk, script: str) -> None:
    expected = disk.written(SCRIPTS[script])
    with disk.starting():
        assert set(disk.on_bricks()) == {expected}


def test_data_is_on_the_bricks_though_the_helpers_were_killed(disk: Disk) -> None:
    expected = disk.run(
        f"{READY}; {SCRIPTS['dd']}; sha256sum < $DISK; kill -9 $(ps -o pid= -C {','.join(HELPERS)}); sync /"
    ).split()[0]
    with disk.starting():
        assert set(disk.on_bricks()) == {expected}
        assert kill_helpers(disk.cluster) > 0


def test_what_the_guest_writes_is_not_overwritten(disk: Disk) -> None:
    """By pages that were in a cache of the node when the guest started."""
    disk.written(SCRIPTS["dd"])
    block = hashlib.sha256(disk.name.encode()).hexdigest() * 64
    pool = disk.cluster.pool
    pool.mount(2, VOLUME, "/mnt/guest")
    try:
        with disk.starting():
            argv = ["dd", f"of=/mnt/guest/ganeti/{disk.name}", "bs=4096", "seek=512", "conv=notrunc,fsync"]
            pool.exec(2, argv, input=block)
    finally:
        pool.unmount(2, "/mnt/guest")
    assert disk.call("detach").returncode == 0
    for node in disk.cluster.nodes:
        assert (
            disk.cluster.run(node, "dd", f"if={disk.brick_file}", "bs=4096", "skip=512", "count=1") == block
        )


def test_detach_leaves_the_data_on_the_bricks(disk: Disk) -> None:
    """It unmounts the volume, and Gluster's client drops what it has acknowledged and not written."""
    expected = disk.written(SCRIPTS["dd"])
    assert disk.call("detach").returncode == 0
    assert disk.on_bricks() == [expected] * 3


def test_an_unmount_drops_nothing_though_all_helpers_were_killed(disk: Disk) -> None:
    """Not even of a disk that was only attached: Ganeti writes to it when it wipes it, and by images."""
    command = f"{ATTACH}; {SCRIPTS['dd']}; sha256sum < $DISK"
    expected = disk.run(f"{command}; kill -9 $(ps -o pid= -C {','.join(HELPERS)})").split()[0]
    assert disk.call("verify").returncode == 0  # which mounts, and unmounts what is not in use
    wait_until(lambda: left(disk.cluster).mounts == {}, "the unmount", 60)
    assert disk.on_bricks() == [expected] * 3
