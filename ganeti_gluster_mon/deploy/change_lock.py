"""One change at a time: a lock on every node of the cluster that can be reached.

On each node a small process holds an flock(2) on `PATH` for as long as its standard input is open, which is a
connection to the command that changes something.  When that command ends, however it ends, the connection is
closed and the kernel releases the lock.  When the command's machine loses power or its cable, the process hears no
heartbeat for `SILENCE` seconds and ends itself.  So there is no stale lock, and no file to remove by hand.

Nodes are locked in the order of their names: two commands meet at the first node that both reach, and one of them
gets it.  A node that cannot be reached is left out, and so it cannot be changed either.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import select
import shlex
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Dict, List, Optional, Protocol, Sequence, Tuple, Type

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.deploy.apply import Host, PlanRefused
from ganeti_gluster_mon.ganeti.ssh import CONNECT_TIMEOUT, CommandResult, NodeUnavailable
from ganeti_gluster_mon.text import one_line, some

#: /run belongs to root and is empty after a boot; other users can write to /run/lock
PATH = "/run/gnt-gluster.lock"

#: seconds between two heartbeats, and without any after which a lock is released; ssh gives up a connection that
#: is cut after 20 s, so the command knows of the loss before anybody else can get the lock
_HEARTBEAT, SILENCE = 5.0, 30.0
#: seconds that a node may take to lock, beyond those for the connection
_TIMEOUT = 10.0
_AT_ONCE = 16
_LONGEST = 4096

#: what holds a lock on a node: argv is path, seconds of silence, owner; it prints one line of JSON
_HOLDER = """
import fcntl, json, os, select, sys, time
path, silence, owner = sys.argv[1], float(sys.argv[2]), sys.argv[3]
def reply(**fields):
    print(json.dumps(fields), flush=True)
try:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        deadline = time.monotonic() + 1
        while not os.pread(file, 1, 0) and time.monotonic() < deadline:
            time.sleep(0.02)  # it has locked the file and is about to write to it
        reply(holder=os.pread(file, 4096, 0).decode("utf-8", "replace"))
        sys.exit(0)
    os.ftruncate(file, 0)
    os.pwrite(file, owner.encode("utf-8", "replace"), 0)
except OSError as err:
    reply(error=path + ": " + str(err.strerror))
    sys.exit(0)
reply(locked=True)
while select.select([0], [], [], silence)[0] and os.read(0, 64):
    pass
os.ftruncate(file, 0)
"""


class Locked(PlanRefused):
    """Another command is changing the pool; one line that names it."""


class LockLost(CommandError):
    """The lock is not held any more on enough nodes to keep other commands away."""


class LockHost(Host, Protocol):
    """Where locks are held: Nodes, or what a test puts in their place."""

    def start(self, node: str, argv: Sequence[str]) -> subprocess.Popen[bytes]: ...


@dataclass(frozen=True)
class Owner:
    """The command that changes something, and its user."""

    user: str
    host: str
    pid: int
    command: str
    #: local time, as text
    since: str

    @classmethod
    def current(cls, host: str, argv: Optional[Sequence[str]] = None) -> Owner:
        """This process, run on the node *host*."""
        words = list(sys.argv if argv is None else argv)
        words[:1] = [os.path.basename(word) for word in words[:1]]
        return cls(
            user=os.environ.get("SUDO_USER") or _user(),
            host=host,
            pid=os.getpid(),
            command=one_line(shlex.join(words), 300),
            since=time.strftime("%Y-%m-%d %H:%M:%S %z"),
        )


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


class ChangeLock:
    """The lock for changes of the pool, from `__enter__`, which raises Locked and Refused, to `__exit__`."""

    def __init__(self, host: LockHost, nodes: Sequence[str], owner: Owner) -> None:
        """To be taken on *nodes* by *owner*."""
        self._host, self._nodes, self._owner = host, sorted(set(nodes)), owner
        self._holders: Dict[str, subprocess.Popen[bytes]] = {}
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="lock heartbeat", daemon=True)
        #: nodes that could not be reached, and why
        self.unreachable: Dict[str, str] = {}

    def __enter__(self) -> ChangeLock:
        try:
            self._acquire()
        except BaseException:
            self._release()
            raise
        self._heart.start()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._ended.set()
        self._heart.join()
        self._release()

    def check(self) -> None:
        """Raise LockLost where the lock is gone on more than half of the nodes that it was taken on."""
        lost = sorted(node for node, holder in self._holders.items() if holder.poll() is not None)
        if 2 * len(lost) > len(self._holders):
            raise LockLost(
                f"the connection to {some(lost, 3)} was lost, and with it the lock that keeps other gnt-gluster "
                f"commands from changing the pool"
            )

    def _acquire(self) -> None:
        rest = list(self._nodes)
        # one after the other until the first is locked, so that of several commands one wins
        while rest and not self._holders:
            self._lock(rest.pop(0))
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            for attempt in [pool.submit(self._lock, node) for node in rest]:
                attempt.result()
        if not self._holders:
            raise PlanRefused("\n".join(self.unreachable.values()) or "there is no node to lock")

    def _lock(self, node: str) -> None:
        """Lock one node, or note that it cannot be reached.  Raises Locked and Refused."""
        argv = ("python3", "-I", "-S", "-c", _HOLDER, PATH, f"{SILENCE:g}", json.dumps(asdict(self._owner)))
        try:
            holder = self._host.start(node, argv)
        except NodeUnavailable as err:
            self.unreachable[node] = str(err)
            return
        line = _read_line(holder, CONNECT_TIMEOUT + _TIMEOUT)
        try:
            reply = json.loads(line)
        except ValueError:
            self.unreachable[node] = f"{node}: {_end(holder).reason}"
            return
        if reply.get("locked"):
            self._holders[node] = holder
            return
        _end(holder)
        if "error" in reply:
            raise PlanRefused(f"{node}: cannot lock {reply['error']}")
        raise Locked(_locked_by(node, reply["holder"]))

    def _release(self) -> None:
        for holder in self._holders.values():
            _close(holder.stdin)
        for holder in self._holders.values():
            _end(holder)

    def _beat(self) -> None:
        while not self._ended.wait(_HEARTBEAT):
            for holder in self._holders.values():
                assert holder.stdin is not None
                with contextlib.suppress(OSError):  # a connection that was lost; check() notices
                    holder.stdin.write(b".")
                    holder.stdin.flush()


class LockedHost:
    """Runs commands on a host for as long as the lock is held."""

    def __init__(self, host: Host, lock: ChangeLock) -> None:
        self._host, self._lock = host, lock

    def run(
        self, node: str, argv: Sequence[str], timeout: float = 60.0, text: Optional[str] = None
    ) -> CommandResult:
        """As the host does.  Raises LockLost, and then the command was not run."""
        self._lock.check()
        return self._host.run(node, argv, timeout, text)

    def query(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = 20.0
    ) -> Tuple[CommandResult, ...]:
        """As the host does: a command that only reads needs no lock."""
        return self._host.query(node, queries, timeout)


def _locked_by(node: str, text: str) -> str:
    try:
        owner = Owner(**json.loads(text))
    except (ValueError, TypeError):
        return (
            f"{node}: another gnt-gluster command is running (it holds {PATH}): try again when it has ended"
        )
    return one_line(
        f"{owner.command} is running: started by {owner.user} on {owner.host} at {owner.since}, process {owner.pid}; "
        f"only one command changes the pool at a time: try again when it has ended"
    )


def _read_line(process: subprocess.Popen[bytes], timeout: float) -> bytes:
    """The first line of a process' output; what there is of it when it ends or *timeout* seconds are over."""
    assert process.stdout is not None
    descriptor, deadline, text = process.stdout.fileno(), time.monotonic() + timeout, b""
    while b"\n" not in text and len(text) < 2 * _LONGEST:
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not select.select([descriptor], [], [], remaining)[0]:
            break
        part = os.read(descriptor, _LONGEST)
        if not part:
            break
        text += part
    return text


def _end(process: subprocess.Popen[bytes]) -> CommandResult:
    """End and reap a holder; return what it wrote to standard error."""
    _close(process.stdin)
    process.stdin = None
    text: List[bytes] = []
    try:
        text += process.communicate(timeout=2.0)
    except subprocess.TimeoutExpired:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            text += process.communicate(timeout=2.0)
    error = text[1].decode("utf-8", "replace") if len(text) > 1 else ""
    return CommandResult(255, "", error or "no answer in time")


def _close(stream: Optional[object]) -> None:
    if stream is not None:
        with contextlib.suppress(OSError):
            stream.close()  # type: ignore[attr-defined]
