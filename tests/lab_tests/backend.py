"""The storage backend in a cluster of the lab, and a guest that really writes."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List

from tests.lab import Cluster, wait_until
from tests.lab.ganeti import DAEMON_UTIL

REPOSITORY = Path(__file__).parents[2]
OWN = "/usr/share/ganeti/3.0/ganeti/storage/gluster.py"
PATH_FILE = "/usr/lib/python3/dist-packages/ganeti-gluster-mon-test.pth"
OS = "/usr/share/ganeti/os/writes"

#: a boot sector that writes itself to the second sector, and halts; the rest of its 512 bytes is a mark
_CODE = bytes.fromhex("31c08ed88ec0bb007cb80103b9020030f6cd13fbf4ebfd")
BOOT = _CODE + b"ganeti-gluster-mon".ljust(510 - len(_CODE), b"\0") + b"\x55\xaa"


def create_script() -> str:
    """The OS's script: it puts the boot sector on the disk, by the path that Ganeti gives it."""
    escaped = "".join(f"\\{byte:03o}" for byte in BOOT)
    return f"#!/bin/sh\nset -e\nprintf '{escaped}' | dd of=\"$DISK_0_PATH\" conv=notrunc,fsync status=none\n"


@contextmanager
def installed(cluster: Cluster) -> Iterator[None]:
    """Our class in the place of Ganeti's own, on every node, and an OS whose guests write."""
    dropin = REPOSITORY / "ganeti_gluster_mon" / "backend" / "dropin" / "gluster.py"
    for node in cluster.nodes:
        cluster.run(node, "cp", OWN, "/root/gluster.py.own")
        cluster.run(node, "cp", str(dropin), OWN)
        cluster.pool.exec(node, ["tee", PATH_FILE], input=f"{REPOSITORY}\n")
        cluster.run(node, "cp", "-a", "/usr/share/ganeti/os/noop", OS)
        cluster.pool.exec(node, ["tee", f"{OS}/create"], input=create_script())
        restart(cluster, node)
    try:
        yield
    finally:
        for node in cluster.nodes:
            cluster.run(node, "cp", "/root/gluster.py.own", OWN)
            cluster.run(node, "rm", "-rf", PATH_FILE, OS)
            restart(cluster, node)


def restart(cluster: Cluster, node: int) -> None:
    """Have noded read its modules again."""
    cluster.run(node, DAEMON_UTIL, "stop", "ganeti-noded")
    cluster.start_daemons(node)


def disks(cluster: Cluster, node: int, brick: str = "/export/b1/gv0") -> Dict[str, int]:
    """The files of disks on a node's brick: path in the volume → size."""
    argv = ["find", brick, "-path", "*/.glusterfs", "-prune", "-o", "-type", "f", "-printf", "%P %s\\n"]
    lines = cluster.run(node, *argv).splitlines()
    return {path: int(size) for path, size in (line.rsplit(" ", 1) for line in lines)}


def head(cluster: Cluster, node: int, path: str, brick: str = "/export/b1/gv0") -> bytes:
    """The first two sectors of a disk, on a node's brick."""
    text = cluster.run(node, "od", "-An", "-v", "-tx1", "-N1024", f"{brick}/{path}")
    return bytes.fromhex("".join(text.split()))


def mounts(cluster: Cluster) -> Dict[int, List[str]]:
    """By node: where Gluster volumes are mounted."""
    found = {}
    for node in cluster.nodes:
        text = cluster.run(node, "cat", "/proc/self/mountinfo")
        found[node] = [line.split()[4] for line in text.splitlines() if " fuse.glusterfs " in line]
    return found


def wait_unmounted(cluster: Cluster) -> None:
    """Wait until no volume is mounted anywhere."""
    wait_until(lambda: not any(mounts(cluster).values()), "every mount to be released", 60, 0.5)
