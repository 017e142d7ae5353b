"""The storage backend in a cluster of the lab, and a guest that really writes."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, Sequence

from tests.lab import Cluster, wait_until
from tests.lab.ganeti import DAEMON_UTIL
from tests.lab.lab import at_once
from tests.lab.process import Process

REPOSITORY = Path(__file__).parents[2]
ON_NODE = Path(__file__).parent / "on_node"
DROPIN = REPOSITORY / "scripts" / "dropin"
#: puts the checkout on the path of Debian's Python, on a node
PATH_FILE = "/usr/lib/python3/dist-packages/ganeti-gluster-mon-test.pth"
OS = "/usr/share/ganeti/os/writes"
#: where gv0 is mounted, where it is
POINT = "/run/ganeti/gluster.d/gv0@127.0.0.1:24007"

#: a boot sector that writes itself to the second sector, and halts; the rest of its 512 bytes is a mark
_CODE = bytes.fromhex("31c08ed88ec0bb007cb80103b9020030f6cd13fbf4ebfd")
BOOT = _CODE + b"ganeti-gluster-mon".ljust(510 - len(_CODE), b"\0") + b"\x55\xaa"

EXPORT = '#!/bin/sh\nexec cat "$EXPORT_DEVICE"\n'
IMPORT = '#!/bin/sh\nexec dd of="$IMPORT_DEVICE" conv=notrunc,fsync status=none\n'


def create_script() -> str:
    """The OS's script: it puts the boot sector on the disk, by the path that Ganeti gives it."""
    escaped = "".join(f"\\{byte:03o}" for byte in BOOT)
    return f"#!/bin/sh\nset -e\nprintf '{escaped}' | dd of=\"$DISK_0_PATH\" conv=notrunc,fsync status=none\n"


@contextmanager
def installed(cluster: Cluster) -> Iterator[None]:
    """Our class in the place of Ganeti's own, on every node, and an OS whose guests write."""
    at_once(functools.partial(_install, cluster), cluster.nodes)
    try:
        yield
    finally:
        at_once(functools.partial(_remove, cluster), cluster.nodes)


def _install(cluster: Cluster, node: int) -> None:
    change_dropin(cluster, "install", node)
    cluster.run(node, "cp", "-a", "/usr/share/ganeti/os/noop", OS)
    for name, script in {"create": create_script(), "export": EXPORT, "import": IMPORT}.items():
        cluster.pool.exec(node, ["tee", f"{OS}/{name}"], input=script)


def _remove(cluster: Cluster, node: int) -> None:
    change_dropin(cluster, "remove", node)
    cluster.run(node, "rm", "-rf", OS)


def ganeti_release(cluster: Cluster) -> str:
    """3.0 or 3.1."""
    return Path(cluster.run(1, "readlink", "-f", "/usr/share/ganeti/default").strip()).name


def needs_dropin(cluster: Cluster) -> bool:
    """Whether userspace access needs our class: QEMU refuses the options that Ganeti 3.1 itself writes for it."""
    return ganeti_release(cluster) == "3.1"


def install_if_needed(cluster: Cluster, nodes: Sequence[int] = ()) -> None:
    """Our class on *nodes*, or on every node of the cluster, where userspace access needs it."""
    if needs_dropin(cluster):
        at_once(functools.partial(change_dropin, cluster, "install"), list(nodes or cluster.nodes))


@contextmanager
def installed_if_needed(cluster: Cluster) -> Iterator[None]:
    """The same until the end of the block, for a cluster that other tests use as well."""
    try:
        install_if_needed(cluster)
        yield
    finally:
        if needs_dropin(cluster):
            at_once(functools.partial(change_dropin, cluster, "remove"), cluster.nodes)


def change_dropin(cluster: Cluster, verb: str, node: int) -> None:
    cluster.run(node, str(DROPIN), verb)
    restart(cluster, node)


def hotplug(cluster: Cluster) -> List[str]:
    """The option that adds a disk to a guest that runs: with Ganeti 3.1 that is done unless --no-hotplug is given."""
    return ["--hotplug"] if ganeti_release(cluster) == "3.0" else []


def unchecked(cluster: Cluster, *options: str) -> List[str]:
    """*options* of `gnt-instance rename` that leave out checks: Ganeti 3.1 has none of them, and checks nothing."""
    return list(options) if ganeti_release(cluster) == "3.0" else []


def exports(cluster: Cluster) -> bool:
    """Whether `gnt-backup export` works: not with 3.1.0~rc2, github.com/ganeti/ganeti/issues/1839."""
    return ganeti_release(cluster) == "3.0"


def opened_by_qemu(guest: Process, volume: str = "gv0") -> bool:
    """Whether QEMU itself reaches a disk of *guest* on *volume*: by a URI with Ganeti 3.0, by its parts with 3.1."""
    uri = f"file=gluster://127.0.0.1:24007/{volume}/ganeti/"
    parts = {"file.driver=gluster", "file.server.0.host=127.0.0.1", f"file.volume={volume}"}
    return any(uri in word or parts <= set(word.split(",")) for word in guest.argv)


def restart(cluster: Cluster, node: int) -> None:
    """Have noded read its modules again."""
    cluster.run(node, DAEMON_UTIL, "stop", "ganeti-noded")
    cluster.start_daemons(node)


def on_node(cluster: Cluster, node: int, name: str, *words: str, check: bool = True) -> str:
    """What on_node/NAME.py says on a node, where Ganeti's own Python runs it; on its errors if it fails.

    Raises LabError if it fails, unless *check* is False.
    """
    argv = ["/usr/bin/python3", str(ON_NODE / f"{name}.py"), *words]
    answer = cluster.pool.exec(node, argv, check=check, timeout=120)
    return answer.stderr if answer.returncode else answer.stdout


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
    return {
        node: [point for point, kind in cluster.pool.host(node).mounts().items() if kind == "fuse.glusterfs"]
        for node in cluster.nodes
    }


def wait_mounts(cluster: Cluster, *nodes: int, point: str = POINT) -> None:
    """Wait until gv0 is mounted, at its own mount point, on these nodes, and no volume anywhere else."""
    wanted = {node: [point] if node in nodes else [] for node in cluster.nodes}
    wait_until(lambda: mounts(cluster) == wanted, f"mounts {wanted}", 60, 0.2)
