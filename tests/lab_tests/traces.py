"""What a lab has on the machine while it stands, and must not leave there."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Set

from tests.lab import Lab, loops
from tests.lab.process import all_processes, namespace


def namespaces_of(standing: Lab) -> Set[str]:
    """Every namespace the lab has to itself, as the kernel names it."""
    found = {standing.switch.namespaces.namespace("net")}
    for host in standing.hosts:
        found |= {host.namespaces.namespace(kind) for kind in ("mnt", "uts", "ipc", "net", "pid")}
    return found


def namespaces_in_use() -> Set[str]:
    found = set()
    for process in all_processes():
        for kind in ("mnt", "uts", "ipc", "net", "pid"):
            try:
                found.add(namespace(process.pid, kind))
            except OSError:
                continue  # ended meanwhile, or not ours to see
    return found


def on_machine(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=10).stdout


def assert_nothing_runs(path: Path, spaces: Set[str]) -> None:
    """No process, namespace, loop device or mount of the lab in *path* is left."""
    assert not spaces & namespaces_in_use()
    assert not any(str(path) in file for file in loops.files().values())
    assert str(path) not in Path("/proc/self/mountinfo").read_text()
    assert [found for found in all_processes() if str(path) in " ".join(found.argv)] == []
