"""The ExtStorage provider in a cluster of the lab, and what it has on the nodes."""

from __future__ import annotations

import functools
import os
from contextlib import contextmanager
from typing import Dict, Iterator, List, NamedTuple, TypeVar

from tests.lab import Cluster
from tests.lab import loops as machine_loops
from tests.lab.host import Host
from tests.lab.lab import at_once
from tests.lab_tests.backend import (
    EXPORT,
    IMPORT,
    OS,
    PATH_FILE,
    REPOSITORY,
    create_script,
    installed_if_needed,
    mounts,
)

T = TypeVar("T")

PROVIDER = "/usr/share/ganeti/extstorage/gluster"
SCRIPTS = REPOSITORY / "ganeti_gluster_mon" / "backend" / "extstorage" / "gluster"
#: what the kernel calls them
HELPERS = ("gluster-holder", "gluster-watcher")


@contextmanager
def installed(cluster: Cluster) -> Iterator[None]:
    """The provider on every node, with an OS whose guests write.

    With Ganeti 3.1 userspace access needs the drop-in of the backend.
    """
    try:
        at_once(functools.partial(install, cluster), cluster.nodes)
        with installed_if_needed(cluster):
            yield
    finally:
        for node in cluster.nodes:
            cluster.run(node, "rm", "-rf", PROVIDER, PATH_FILE, OS)


def install(cluster: Cluster, node: int) -> None:
    """The scripts, the package on the path of Debian's Python, and the OS, on a node."""
    install_scripts(cluster.pool.host(node))
    cluster.run(node, "cp", "-aT", "/usr/share/ganeti/os/noop", OS)
    for name, text in (("create", create_script()), ("export", EXPORT), ("import", IMPORT)):
        cluster.pool.exec(node, ["tee", f"{OS}/{name}"], input=text)


def install_scripts(host: Host) -> None:
    host.exec(["mkdir", "-p", os.path.dirname(PROVIDER)])
    host.exec(["cp", "-aT", str(SCRIPTS), PROVIDER])
    host.exec(["tee", PATH_FILE], input=f"{REPOSITORY}\n")


class Left(NamedTuple):
    """What the provider has on the nodes, each by the node's number, without those that have nothing."""

    mounts: Dict[int, List[str]]
    #: loop devices: the file each stands on
    loops: Dict[int, List[str]]
    #: processes that hold a disk for a caller, or wait for its guest
    holders: Dict[int, int]


def left(cluster: Cluster) -> Left:
    """What there is on the nodes just now."""
    hosts = {node: cluster.pool.host(node) for node in cluster.nodes}
    return Left(
        mounts=_some(mounts(cluster)),
        loops=_some({node: loops(host) for node, host in hosts.items()}),
        holders=_some({node: sum(len(host.find(name)) for name in HELPERS) for node, host in hosts.items()}),
    )


def loops(host: Host) -> List[str]:
    """The files of the loop devices on volumes of a host."""
    files = machine_loops.files()
    devices = machine_loops.standing_in(host.namespaces.pid, volumes=True)
    return sorted(files[device] for device in devices if device in files)


def _some(found: Dict[int, T]) -> Dict[int, T]:
    return {node: each for node, each in found.items() if each}
