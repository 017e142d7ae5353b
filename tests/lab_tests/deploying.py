"""gnt-gluster on hosts of a lab: the command itself, and its plans applied from outside, where power can fail."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.ganeti import ssconf
from ganeti_gluster_mon.ganeti.ssh import CommandResult, NodeUnavailable
from tests.lab import Cluster, LabError, Pool
from tests.lab.lab import command
from tests.lab.process import PROC

REPOSITORY = Path(__file__).parents[2]
HOOKS = REPOSITORY / "ganeti_gluster_mon" / "hooks" / "scripts"
#: by it the system's own Python, which Ganeti's hooks are run by, finds this package
PATH_FILE = "/usr/lib/python3/dist-packages/ganeti-gluster-mon-test.pth"

DISK = "/disks/vdb"
BRICK = "/export/brick1/gluster"

#: a boot sector that writes itself, with a counter at its end, to the second sector, 18 times a second
_CODE = bytes.fromhex("31c08ed88ec0bb007cb80103b9020030f6cd13fbf4ff06f07debeb")
BOOT = _CODE.ljust(0x1F0, b"\0") + bytes(14) + b"\x55\xaa"


def create_script() -> str:
    """An OS's script: it puts the boot sector on the disk, by the path that Ganeti gives it."""
    escaped = "".join(f"\\{byte:03o}" for byte in BOOT)
    return f"#!/bin/sh\nset -e\nprintf '{escaped}' | dd of=\"$DISK_0_PATH\" conv=notrunc,fsync status=none\n"


def gnt_gluster(
    pool: Pool, *words: str, timeout: float = 240.0, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run gnt-gluster on the master, as an administrator would."""
    argv = [str(command().with_name("gnt-gluster")), *words]
    return pool.exec(1, argv, timeout=timeout, check=check)


def refused(pool: Pool, *words: str) -> List[str]:
    """The messages of gnt-gluster when it refuses a command; its exit status is checked to be 1."""
    reply = gnt_gluster(pool, *words, check=False)
    assert (reply.returncode, reply.stdout) == (1, ""), reply
    assert "Traceback" not in reply.stderr
    return [
        line[len("gnt-gluster: ") :] for line in reply.stderr.splitlines() if line.startswith("gnt-gluster: ")
    ]


def killed_at(pool: Pool, step: int, argv: Sequence[str]) -> bool:
    """Run *argv* on node1 and kill it (SIGKILL) when it begins its step *step*; False: it ended before."""
    run = pool.popen(1, argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert run.stderr is not None
    for line in run.stderr:
        print(f"  {line}", end="")
        begun = re.match(r"\[(\d+)/", line)
        if begun and int(begun[1]) >= step:
            run.kill()
            run.wait(timeout=30)
            return True
    assert run.wait(timeout=30) == 0
    return False


class FromOutside:
    """Runs commands on the hosts of a lab without ssh, and remembers those that change something.

    *trap* is called before each of them, and may cut the power of the host it is about to be run on.
    """

    def __init__(
        self, pool: Pool, trap: Callable[[int, Tuple[str, ...]], None] = lambda node, argv: None
    ) -> None:
        self.pool = pool
        self.trap = trap
        self.ran: List[Tuple[str, Tuple[str, ...], Optional[str]]] = []

    def run(
        self, node: str, argv: Sequence[str], timeout: float = 60.0, text: Optional[str] = None
    ) -> CommandResult:
        self.trap(number(node), tuple(argv))
        self.ran.append((node, tuple(argv), text))
        return self._exec(node, argv, timeout, text)

    def query(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = 20.0
    ) -> Tuple[CommandResult, ...]:
        return tuple(self._exec(node, argv, timeout, None) for argv in queries)

    def start(self, node: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        try:
            return self.pool.popen(number(node), argv, **pipes)
        except LabError as error:
            raise NodeUnavailable(f"{node}: {error}") from error

    def _exec(self, node: str, argv: Sequence[str], timeout: float, text: Optional[str]) -> CommandResult:
        try:
            done = self.pool.exec(number(node), argv, timeout=timeout, input=text, check=False)
        except LabError as error:
            raise NodeUnavailable(f"{node}: {error}") from error
        return CommandResult(done.returncode, done.stdout, done.stderr)


def number(node: str) -> int:
    match = re.fullmatch(r"node(\d)\.lab\.test", node)
    assert match, node
    return int(match.group(1))


def context(pool: Pool, host: FromOutside) -> Context:
    """The cluster as its master knows it, reached by *host*."""
    root = PROC / str(pool.host(1).namespaces.pid) / "root"
    return Context(ssconf.read(str(root / "var/lib/ganeti")), host, pool.host(1).name)


def install_hooks(cluster: Cluster, numbers: Sequence[int]) -> None:
    """Enable the hooks on hosts, nodes already or not yet."""
    for host in numbers:
        cluster.pool.exec(host, ["tee", PATH_FILE], input=f"{REPOSITORY}\n")
        for hook in ("node-add-post", "node-remove-pre"):
            cluster.pool.exec(host, ["mkdir", "-p", f"/etc/ganeti/hooks/{hook}.d"])
            link = f"/etc/ganeti/hooks/{hook}.d/ganeti-gluster"
            cluster.pool.exec(host, ["ln", "-s", str(HOOKS / hook), link])


def sums(pool: Pool, host: int, directory: str) -> Dict[str, str]:
    """The checksums of the files in a directory."""
    reply = pool.exec(host, ["find", directory, "-type", "f", "-exec", "sha256sum", "{}", "+"]).stdout
    return {path: digest for digest, path in (line.split("  ", 1) for line in reply.splitlines())}


def counter(pool: Pool, host: int, brick: str, disk: str) -> int:
    """How often the guest has written, as one brick has it; 0 where that is not there, or not written yet."""
    reply = pool.exec(host, ["od", "-An", "-tu2", "-j1008", "-N2", f"{brick}/{disk}"], check=False)
    return int(reply.stdout) if reply.returncode == 0 else 0
