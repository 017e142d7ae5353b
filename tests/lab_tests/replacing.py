"""A pool that gnt-gluster changes from outside, with no Ganeti on its hosts: quick to boot, and real for all else."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from typing import Dict, List, Optional, Sequence, Tuple

from ganeti_gluster_mon import gnt_gluster as command_line
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.deploy import pool_tasks, run_task
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.ganeti.ssconf import Cluster, Node
from tests.lab import Pool
from tests.lab_tests.deploying import FromOutside, sums

MIB = 1024**2
VDB, VDC = "/disks/vdb", "/disks/vdc"


def arguments(*words: str) -> argparse.Namespace:
    return command_line.parser().parse_args(words)


def context(pool: Pool, host: Optional[FromOutside] = None, tags: Sequence[str] = ()) -> Context:
    """The hosts of *pool* as a cluster, named after this process: no two labs have filesystems of one UUID."""
    nodes = tuple(Node(host.name, host.address, host.address) for host in pool.hosts)
    cluster = Cluster(
        name=f"bricks{os.getpid()}.lab.test",
        master=nodes[0].name,
        nodes=nodes,
        instances=(),
        tags=tuple(tags),
        gluster_storage_dir="/var/run/ganeti/gluster",
        file_storage_dir=None,
        shared_file_storage_dir=None,
        release="3.0.2",
    )
    return Context(cluster, host or FromOutside(pool), nodes[0].name)


def run(pool: Pool, *words: str, host: Optional[FromOutside] = None) -> int:
    """Carry out a command of gnt-gluster, as its main program does; returns its exit status."""
    request = arguments(*words)
    task = getattr(pool_tasks, words[0].replace("-", "_"))
    try:
        return run_task.run_task(task, request, context(pool, host))
    except CommandError as err:
        print(f"gnt-gluster: {err}", file=sys.stderr)
        return 1


def done(pool: Pool, *words: str, host: Optional[FromOutside] = None) -> None:
    """Carry out a command of gnt-gluster that has to succeed."""
    with contextlib.redirect_stderr(io.StringIO()) as messages:
        status = run(pool, *words, host=host)
    print(messages.getvalue(), end="", file=sys.stderr)
    assert status == 0, f"{' '.join(words)}\n{messages.getvalue()}"


def write(pool: Pool, volume: str, names: Sequence[str], seed: str, healed: bool = False) -> None:
    """Write 256 KiB to each of the files *names* of *volume* in place, different for each *seed*.

    What was just written may be listed as pending for a moment; with *healed*, wait until nothing is.
    """
    pool.mount(1, volume, "/mnt/write")
    try:
        script = (
            "import hashlib, os, sys\n"
            "for name in sys.argv[2:]:\n"
            "    path = '/mnt/write/' + name\n"
            "    os.makedirs(os.path.dirname(path), exist_ok=True)\n"
            "    fd = os.open(path, os.O_RDWR | os.O_CREAT)\n"
            "    block = hashlib.sha512((sys.argv[1] + name).encode()).digest()\n"
            "    os.write(fd, block * 4096)\n"
            "    os.fsync(fd)\n"
            "    os.close(fd)\n"
        )
        pool.exec(1, ["python3", "-c", script, seed, *names])
    finally:
        pool.unmount(1, "/mnt/write")
    if healed:
        pool.wait_healed(volume)


def on_bricks(pool: Pool, bricks: Sequence[Tuple[int, str]]) -> List[Dict[str, str]]:
    """For each brick: the checksum of each file that guests can see."""
    found = []
    for host, path in bricks:
        every = sums(pool, host, path)
        inner = {name[len(path) + 1 :]: digest for name, digest in every.items()}
        found.append({name: digest for name, digest in inner.items() if not name.startswith(".")})
    return found
