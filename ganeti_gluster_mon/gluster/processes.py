"""Gluster's processes on this node, as the kernel knows them.

All of them run one program, glusterfsd, under three names: glusterd, glusterfsd (bricks and
snapshot daemons) and glusterfs (everything else).  What each is for stands in its command line.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster.model import Process

if TYPE_CHECKING:
    import psutil

#: names of Gluster's program, as in /proc/PID/comm
_PROGRAMS = ("glusterd", "glusterfsd", "glusterfs")

#: our names for what Gluster calls otherwise; the rest (quotad, snapd, rebalance, …) keep Gluster's
_NAMES = {"glustershd": "self-heal", "fuse": "mount"}


def processes() -> Optional[Tuple[Process, ...]]:
    """Gluster's processes in this PID namespace, by pid; None where the kernel does not let us look.

    Those of containers, and of other hosts in namespaces on the same machine, are not this node's.
    """
    import psutil  # late: most commands do without, and cold start counts

    pids = psutil.pids()
    if 1 not in pids:
        return None  # /proc is mounted with hidepid=2: a process that is hidden may still run
    psutil.boot_time()  # psutil keeps the first value, but setting the clock moves it
    found = []
    for pid in pids:
        try:
            if _program(pid) in _PROGRAMS and _is_ours(pid):
                process = _look(psutil.Process(pid))
                if process is not None:
                    found.append(process)
        except (ProcessLookupError, FileNotFoundError, psutil.NoSuchProcess):
            continue  # it ended while we looked
        except (PermissionError, psutil.AccessDenied):
            return None  # hidepid=1
    return tuple(found)


def identify(program: str, argv: Sequence[str]) -> Tuple[str, Optional[str], Optional[str]]:
    """What the process with this command line is for: its name, its volume and its path.

    Volume and path are None where it has none, or serves several: one self-heal daemon serves all
    volumes of a node, though its command line names the one that was there when it started.
    """
    if program == "glusterd":
        return "glusterd", None, None
    if not argv:  # a zombie has no command line left
        return ("brick" if program == "glusterfsd" else program), None, None
    # A mount may be given a name of its own after a dot, "fuse.backup".
    gluster_name = (_option(argv, "--process-name") or program).partition(".")[0]
    name = _NAMES.get(gluster_name, gluster_name)
    volfile = _option(argv, "--volfile-id") or ""
    brick = _option(argv, "--brick-name")
    if brick is not None:
        if "--brick-mux" in argv:  # more bricks were attached later; only the first is named
            return "brick", None, None
        # gv0.node1.lab.test.export-b1-gv0; the name of a volume has no dot
        return "brick", volfile.partition(".")[0] or None, brick
    if name == "mount":
        # gv0 or /gv0; the mount point comes last
        return name, volfile.strip("/").partition("/")[0] or None, argv[-1]
    if name in ("snapd", "rebalance", "gfproxyd"):  # one for each volume: snapd/gv0
        return name, volfile.rpartition("/")[2] or None, None
    return name, None, None


def _option(argv: Sequence[str], option: str) -> Optional[str]:
    """The value of a long option, given as ``--option value`` or ``--option=value``."""
    for i, word in enumerate(argv):
        if word == option and i + 1 < len(argv):
            return argv[i + 1]
        if word.startswith(option + "="):
            return word[len(option) + 1 :]
    return None


def _program(pid: int) -> str:
    # psutil takes 36 µs to read a name and this takes 5; there may be thousands of processes.
    with open(f"/proc/{pid}/comm", "rb") as comm:
        return os.fsdecode(comm.read()).rstrip("\n")


def _is_ours(pid: int) -> bool:
    """Whether *pid* is in the PID namespace of our /proc itself, and not in one below it."""
    with open(f"/proc/{pid}/status", "rb") as status:
        for line in status:
            if line.startswith(b"NSpid:"):
                return len(line.split()) == 2  # a pid for each namespace it is visible in, ours first
    return True  # a kernel without PID namespaces


def _look(process: psutil.Process) -> Optional[Process]:
    import psutil

    with process.oneshot():
        program = process.name()
        if program not in _PROGRAMS:
            return None  # the pid has gone to another program in the meantime
        try:
            argv = process.cmdline()
        except psutil.ZombieProcess:  # newer psutil; 5.9 gives an empty one
            argv = []
        name, volume, path = identify(program, argv)
        cpu = process.cpu_times()
        # Seconds after boot on both sides: no clock that someone may set has a part in it.
        started = process.create_time() - psutil.boot_time()
        return Process(
            name=name,
            pid=process.pid,
            uptime=max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started),
            cpu_seconds=cpu.user + cpu.system,
            rss=process.memory_info().rss,
            volume=volume,
            path=path,
            state=process.status(),
        )
