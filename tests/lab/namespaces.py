"""Namespaces, the process that keeps them alive, and programs started in them."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from tests.lab import loops
from tests.lab.process import Process, all_processes, children, ended, kill, namespace, process, processes_in
from tests.lab.tools import PATH
from tests.lab.waiting import LabError, LabTimeout, wait_until

INIT = Path(__file__).with_name("init.py")

#: what a program in a host gets to see of the environment: nothing of ours
ENVIRONMENT = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "TERM": "dumb"}

#: seconds from the start of process 1 until the file systems of a host stand
BOOT_TIMEOUT = 120.0


class NotBooted(LabError):
    """Process 1 of a host ended, or did not make everything in time."""


class InsideProcess(subprocess.Popen[Any]):
    """A program in a host.

    ``pid`` is nsenter's, which waits outside and ends as the program ends. Signals go to the program itself.
    """

    def program(self) -> int:
        """The machine's id of the program; 0 when it has ended."""

        def started() -> Optional[List[int]]:
            return children(self.pid) or ([0] if self.poll() is not None else None)

        return wait_until(started, "a program to start in the host", 10, 0.002)[0]

    def send_signal(self, sig: int) -> None:
        pid = self.program()
        if pid:
            with suppress(ProcessLookupError):  # it has just ended; subprocess takes no offence either
                os.kill(pid, sig)


class Namespaces:
    """A set of namespaces, held by a process 1 (see init.py) whose *directory* distinguishes it from all others."""

    def __init__(self, directory: Path, kinds: Sequence[str]) -> None:
        self.directory = directory
        self.kinds = tuple(kinds)
        self._starter: Optional[subprocess.Popen[bytes]] = None
        self._pid: Optional[int] = None

    # --- alive or not ---------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """The machine's id of process 1. Raises LabError when it does not run."""
        if self._pid is None or not _is_init(self._pid, self.directory):
            running = holders(self.directory)
            if not running or running[0].program == "unshare":
                raise LabError(f"{self.directory.name} is not running")
            self._pid = running[0].pid
        return self._pid

    @property
    def running(self) -> bool:
        try:
            return self.pid > 0
        except LabError:
            return False

    def namespace(self, kind: str) -> str:
        return namespace(self.pid, kind)

    # --- start and stop -------------------------------------------------------------------------------

    def start(self, boot: Dict[str, Any], tether: Optional[int], inherit: Sequence[int] = ()) -> None:
        """Start process 1 with what init.py is to make; ready() returns when it has.

        With *tether*, the reading end of a pipe, everything ends as soon as no process holds the writing end.
        """
        (self.directory / "boot.json").write_text(json.dumps({**boot, "tethered": tether is not None}))
        argv = ["unshare", *(f"--{kind}" for kind in self.kinds), "--fork", "--kill-child"]
        with open(self.directory / "boot.log", "ab") as log:
            self._starter = subprocess.Popen(
                [*argv, "--", sys.executable, "-I", "-S", str(INIT), str(self.directory)],
                stdin=subprocess.DEVNULL if tether is None else tether,
                stdout=subprocess.PIPE,
                stderr=log,
                env={"PATH": PATH, "LANG": "C.UTF-8"},
                pass_fds=inherit,
                start_new_session=True,  # a Ctrl-C is for us; we take the hosts down in order
            )

    def ready(self) -> None:
        """Wait until process 1 has made everything. Raises LabError with its own words when it could not."""
        assert self._starter is not None
        assert self._starter.stdout is not None
        line = _read_line(self._starter.stdout.fileno(), BOOT_TIMEOUT)
        self._starter.stdout.close()
        if line != b"ready\n":
            log = (self.directory / "boot.log").read_text(errors="replace")
            state = self._boot_state()
            self.stop()
            raise NotBooted(f"{self.directory.name} did not boot; {state}\n{log[-2000:]}")

    def _boot_state(self) -> str:
        """How process 1 ended, or which processes were running and what each waited for in the kernel."""
        assert self._starter is not None
        if self._starter.poll() is not None:
            return f"its first process ended with {self._starter.returncode}"
        running = []
        pids = [self._starter.pid]
        while pids:
            pid = pids.pop()
            with suppress(OSError):
                words = (
                    Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
                running.append(f"{words}[{Path(f'/proc/{pid}/wchan').read_text()}]")
                pids += children(pid)
        return f"after {BOOT_TIMEOUT:g} s there were " + "; ".join(running)

    def stop(self) -> None:
        """End every process in the namespaces at once, and with them the namespaces."""
        inside = self.namespace("pid") if "pid" in self.kinds and self.running else ""
        end(self.directory)
        if inside:
            # Process 1 does not end before all of its namespace have; those in it from outside come last.
            wait_until(lambda: not processes_in(inside), f"{self.directory.name} to be empty")
        if self._starter is not None:
            self._starter.wait(timeout=10)
            self._starter = None
        self._pid = None

    # --- inside ---------------------------------------------------------------------------------------

    def enter(self, argv: Sequence[str]) -> List[str]:
        """The command that runs *argv* inside."""
        flags = [f"--{kind}" for kind in self.kinds]
        if "mount" in self.kinds:
            flags += ["--root", "--wd"]
        return ["nsenter", "--target", str(self.pid), *flags, "--", *argv]

    def popen(
        self, argv: Sequence[str], env: Optional[Mapping[str, str]] = None, **more: Any
    ) -> InsideProcess:
        """Start *argv* inside, as subprocess.Popen would. *env* is added to the little there is."""
        return InsideProcess(self.enter(argv), env={**ENVIRONMENT, **(env or {})}, **more)

    def exec(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        timeout: float = 60.0,
        input: Optional[str] = None,
        env: Optional[Mapping[str, str]] = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run *argv* inside and wait for its end; text in and out.

        Raises LabTimeout after *timeout* seconds, when the program and its whole session have been killed,
        and LabError where *check* is set and it did not end with 0; both with all its output.
        """
        run = self.popen(
            argv,
            env=env,
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
            start_new_session=True,
        )
        try:
            out, err = run.communicate(input, timeout=timeout)
        except BaseException as error:
            for found in list(all_processes()):
                if found.pid != run.pid and _in_session(found.pid, run.pid):
                    kill(found.pid)
            run.wait(
                timeout=10
            )  # nsenter has reaped the program: no other process would, outside of the host
            for pipe in (run.stdin, run.stdout, run.stderr):
                if pipe is not None:
                    pipe.close()
            if isinstance(error, subprocess.TimeoutExpired):
                message = b"".join((error.stdout or b"", error.stderr or b"")).decode(
                    "utf-8", "surrogateescape"
                )
                raise LabTimeout(
                    f"{self.directory.name}: {' '.join(argv)}: no end within {timeout:g} s\n{message}".rstrip()
                ) from None
            raise
        if check and run.returncode:
            raise LabError(
                f"{self.directory.name}: {' '.join(argv)}: exit status {run.returncode}\n{out}{err}".rstrip()
            )
        return subprocess.CompletedProcess(list(argv), run.returncode, out, err)


def holders(directory: Path) -> List[Process]:
    """The processes that hold the namespaces of *directory*: process 1 and unshare, by whatever they were started."""
    found = [process for process in all_processes() if _holds(process, directory)]
    return sorted(found, key=lambda process: process.program == "unshare")


def end(directory: Path) -> None:
    """End process 1 of *directory* and all in its namespaces; unshare reaps it and ends by itself."""
    for holder in holders(directory):
        if holder.program != "unshare" or not ended(holder.pid, 2):
            inside = loops.standing_in(holder.pid)
            kill(holder.pid)
            loops.release([*inside, *loops.dead()])


def _holds(found: Process, directory: Path) -> bool:
    script, name = found.argv[-2:] if len(found.argv) > 1 else ("", "")
    return script.endswith("/tests/lab/init.py") and name == str(directory) and found.state != "Z"


def _is_init(pid: int, directory: Path) -> bool:
    try:
        return _holds(process(pid), directory)
    except (FileNotFoundError, ProcessLookupError):
        return False


def _in_session(pid: int, session: int) -> bool:
    try:
        return os.getsid(pid) == session
    except ProcessLookupError:
        return False


def _read_line(descriptor: int, timeout: float) -> bytes:
    """What comes up to a line's end, the end of the pipe or the deadline."""
    deadline = time.monotonic() + timeout
    line = b""
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            break
        more = os.read(descriptor, 4096)
        if not more:
            break
        line += more
    return line
