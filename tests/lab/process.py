"""Processes of a host, listed and signalled from the machine, by its own process ids.

Nothing need run inside a host to look at it or to break it, so a look never changes the host.
"""

from __future__ import annotations

import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

from tests.lab.waiting import LabTimeout, wait_until

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One process: its id on the machine, the kernel's letter for its state, its name and its arguments."""

    pid: int
    state: str
    name: str
    argv: Tuple[str, ...]

    @property
    def program(self) -> str:
        """The file name of what was started, or the kernel's name of a process without arguments."""
        return os.path.basename(self.argv[0]) if self.argv and self.argv[0] else self.name

    def option(self, name: str) -> str:
        """The argument after *name*; "" where there is none."""
        return self.argv[self.argv.index(name) + 1] if name in self.argv[:-1] else ""

    def __str__(self) -> str:
        return f"{self.pid} {self.state} {' '.join(self.argv) or f'[{self.name}]'}"


def process(pid: int) -> Process:
    """The process *pid*. Raises ProcessLookupError or FileNotFoundError when it is gone."""
    directory = PROC / str(pid)
    # The name stands in brackets and may itself hold brackets and spaces: the last one closes it.
    head, _, rest = (directory / "stat").read_text(errors="surrogateescape").rpartition(")")
    words = (directory / "cmdline").read_bytes().split(b"\0")[:-1]
    return Process(
        pid=pid,
        state=rest.split()[0],
        name=head.partition("(")[2],
        argv=tuple(os.fsdecode(word) for word in words),
    )


def all_processes() -> Iterator[Process]:
    """Every process of the machine, those in namespaces too."""
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                yield process(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked


def namespace(pid: int, kind: str) -> str:
    """The namespace of *kind* ("net", "pid", …) that *pid* is in, as the kernel names it."""
    return os.readlink(PROC / str(pid) / "ns" / kind)


def processes_in(pid_namespace: str) -> List[Process]:
    """The processes in one pid namespace, by the result of namespace() for one of them."""
    inside = []
    for found in all_processes():
        try:
            if namespace(found.pid, "pid") == pid_namespace:
                inside.append(found)
        except (FileNotFoundError, ProcessLookupError):
            continue
        except PermissionError:
            continue  # it may do more than we, so it is none that we started
    return inside


def children(pid: int) -> List[int]:
    """The processes that *pid* started and that it has not reaped yet."""
    try:
        return [int(word) for word in (PROC / str(pid) / "task" / str(pid) / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def kill(pid: int, timeout: float = 10.0) -> None:
    """SIGKILL, and wait for the end. A process that is gone already is no error."""
    if not _ended(pid, timeout, signal.SIGKILL):
        raise LabTimeout(f"not within {timeout:g} s: the end of process {pid}")


def ended(pid: int, timeout: float) -> bool:
    """Whether a process ends by itself within *timeout* seconds; one that is gone has."""
    return _ended(pid, timeout, None)


def _ended(pid: int, timeout: float, by: Optional[signal.Signals]) -> bool:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        if by is not None:
            signal.pidfd_send_signal(handle, by)
        end = select.poll()
        end.register(handle, select.POLLIN)
        return bool(end.poll(timeout * 1000))
    except ProcessLookupError:
        return True
    finally:
        os.close(handle)


def freeze(pid: int) -> None:
    """SIGSTOP, and wait until every thread has stopped."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: all(s == "T" for s in _thread_states(pid)), f"process {pid} frozen", 10, 0.005)


def thaw(pid: int) -> None:
    """SIGCONT, and wait until every thread may run again."""
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: all(s != "T" for s in _thread_states(pid)), f"process {pid} thawed", 10, 0.005)


def _thread_states(pid: int) -> List[str]:
    states = []
    for thread in (PROC / str(pid) / "task").iterdir():
        try:
            states.append((thread / "stat").read_text(errors="surrogateescape").rpartition(")")[2].split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread that ended
    return states
