"""What Gluster knows of the files of instances' disks: on the bricks of this node, and by a client of their volumes.

Looking at a brick's directory costs a microsecond a disk, and may hang for as long as the brick's filesystem does.  So
another program does it, ``stat``, one for all disks, with a deadline; while one is stuck, none is started.  A client
(pathinfo_client.py) queries those that are on none of this node's bricks, and only once in a while: its answer, where
a file is, changes when bricks are added.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import selectors
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from ganeti_gluster_mon import safe_open
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.gluster import heal_index
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.child import Child, read
from ganeti_gluster_mon.gluster.facts import BrickInfo, VolumeInfo
from ganeti_gluster_mon.gluster.model import DiskFile
from ganeti_gluster_mon.gluster.mounts import LOCK_DIRECTORY
from ganeti_gluster_mon.gluster.placement import is_sharded

#: lists the files of volumes that are instances' disks; raises CommandError
ListDisks = Callable[[], Sequence[DiskFile]]

#: a volume's file on a brick, and the brick
_Place = Tuple[str, DiskFile, BrickInfo]

#: seconds for which an answer of a client is used, and after which one that did not answer is queried again
CLIENT_INTERVAL = 600.0
#: files that are looked at in one cycle, each way; the rest is not known
MOST = 5000
#: volumes that a client queries in one cycle
_MOST_CLIENTS = 8
#: bricks whose heal indices are read in one cycle
_MOST_INDICES = 8
_MOST_OUTPUT = 16 << 20
#: kind of file, permissions, blocks, bytes of a block, name
_FORMAT = r"--printf=%F|%a|%b|%B|%n\0"
_LINE = re.compile(rb"regular (?:empty )?file\|([0-7]+)\|([0-9]{1,18})\|([0-9]{1,6})\|(.*)", re.DOTALL)
#: the permissions of a file that only points to the subvolume which has the data
_LINK = b"1000"
_POSIX = re.compile(r"<POSIX\((?P<brick>[^)]*)\):(?P<host>[^>]*?):(?P<path>/[^>]*)>")


class DiskFileQuery(threading.Thread):
    """A thread that looks at the files of all disks."""

    def __init__(
        self,
        list_disks: ListDisks,
        volumes: Sequence[VolumeInfo],
        local: Sequence[str],
        previous: Optional[Capture],
        timeout: float,
        as_client: bool = True,
        lock_directory: str = LOCK_DIRECTORY,
    ) -> None:
        """*local*: uuids of this node.  *previous*: the capture before, with the answers of clients then.

        *as_client*: whether clients query at all.

        All ends *timeout* seconds after the start.
        """
        super().__init__(name="disks", daemon=True)
        self._list_disks = list_disks
        self._volumes = {volume.name: volume for volume in volumes if volume.state == "started"}
        self._local = set(local)
        self._previous = previous
        self._timeout = timeout
        self._as_client = as_client
        self._lock_directory = lock_directory
        self._children = _Children()
        self._error: Optional[BaseException] = None
        self._disks: Optional[Tuple[DiskFile, ...]] = None
        self._unknown: Optional[str] = None

    def run(self) -> None:
        deadline = time.monotonic() + self._timeout
        try:
            disks = self._with_copies(list(self._list_disks()), deadline)
            disks = self._with_heal_index(disks, deadline)
            self._disks = tuple(self._with_client(disks, deadline))
        except CommandError as err:
            self._unknown = str(err)
        except (
            OSError
        ) as err:  # no process to be had, no place for a lock: that is no reason to know nothing else
            self._unknown = f"they could not be looked at: {err.strerror or err}"
        except BaseException as err:  # raised again in the thread that calls `result`
            self._error = err

    def end(self) -> None:
        """End every process that it started; from whatever thread."""
        self._children.end()

    def result(self) -> Tuple[Optional[Tuple[DiskFile, ...]], Optional[str]]:
        """The disks, or why they are not known."""
        self.join()
        if self._error is not None:
            raise self._error
        return self._disks, self._unknown

    # --- on this node's bricks ---------------------------------------------------------------------

    def _with_copies(self, disks: List[DiskFile], deadline: float) -> List[DiskFile]:
        places: Dict[str, _Place] = {}
        for disk in disks:
            volume = self._volumes.get(disk.volume)
            for brick in volume.bricks if volume is not None else ():
                if brick.uuid in self._local:
                    path = os.path.join(brick.path, disk.path)
                    places[path] = (path, disk, brick)
        copies: Dict[Tuple[str, str], Dict[str, int]] = {}
        for path, taken in _stat(self._children, list(places)[:MOST], deadline, self._lock_directory):
            _, disk, brick = places[path]
            copies.setdefault((disk.volume, disk.path), {})[f"{brick.host}:{brick.path}"] = taken
        return [replace(disk, copies=copies.get((disk.volume, disk.path), {})) for disk in disks]

    def _with_heal_index(self, disks: List[DiskFile], deadline: float) -> List[DiskFile]:
        """*disks* with the entries that wait to be healed, by the indices of this node's bricks."""
        read = {name for name, volume in self._volumes.items() if heal_index.is_read(volume, self._previous)}
        by_volume: Dict[str, List[DiskFile]] = {}
        for disk in disks:
            if disk.volume in read:
                by_volume.setdefault(disk.volume, []).append(disk)
        wanted = [
            (brick, mine)
            for volume, mine in by_volume.items()
            for brick in self._volumes[volume].bricks
            if brick.uuid in self._local and not brick.path.startswith("-")
        ][:_MOST_INDICES]
        if not wanted:
            return disks
        with _locked(self._lock_directory, "heal-index") as lock:
            if lock is None:
                return disks
            program = [sys.executable, *heal_index.PROGRAM]
            children = [
                self._children.start(
                    [*program, brick.path, *(disk.path for disk in mine[:MOST])], keep=[lock]
                )
                for brick, mine in wanted
            ]
        found: Dict[Tuple[str, str], Dict[str, int]] = {}
        for (brick, mine), output in zip(wanted, self._children.outputs(children, deadline)):
            for path, number in heal_index.counts(output).items():
                label = f"{brick.host}:{brick.path}"
                found.setdefault((mine[0].volume, path), {})[label] = number
        return [replace(disk, to_heal=found.get((disk.volume, disk.path), {})) for disk in disks]

    # --- as a client -------------------------------------------------------------------------------

    def _with_client(self, disks: Sequence[DiskFile], deadline: float) -> Iterator[DiskFile]:
        known = {
            (disk.volume, disk.path): disk
            for disk in (self._previous.disks or () if self._previous is not None else ())
        }
        now = time.time_ns()
        to_ask: Dict[str, List[str]] = {}
        done: List[DiskFile] = []
        for disk in disks:
            before = known.get((disk.volume, disk.path))
            if before is not None and before.queried_at is not None and self._still_true(before, now):
                disk = replace(
                    disk, bricks=before.bricks, allocated=before.allocated, queried_at=before.queried_at
                )
            elif self._only_a_client_knows(disk):
                to_ask.setdefault(disk.volume, []).append(disk.path)
            done.append(disk)
        wanted = {volume: to_ask[volume][:MOST] for volume in list(to_ask)[:_MOST_CLIENTS]}
        answers = _clients(self._children, wanted, deadline)
        for disk in done:
            if disk.path in wanted.get(disk.volume, ()):
                bricks, allocated = answers.get((disk.volume, disk.path), (None, None))
                disk = replace(disk, bricks=bricks, allocated=allocated, queried_at=now)
            yield disk

    def _still_true(self, before: DiskFile, now: int) -> bool:
        if not 0 <= now - (before.queried_at or 0) <= CLIENT_INTERVAL * 1e9:
            return False
        volume = self._volumes.get(before.volume)
        # By the path alone: a client gets the host's own name, which need not be what the brick calls it.
        paths = {brick.path for brick in volume.bricks} if volume is not None else set()
        return paths.issuperset(label.rpartition(":")[2] for label in before.bricks or ())

    def _only_a_client_knows(self, disk: DiskFile) -> bool:
        volume = self._volumes.get(disk.volume)
        if volume is None or not self._as_client:
            return False
        arbiters = {f"{brick.host}:{brick.path}" for brick in volume.bricks if brick.arbiter}
        return is_sharded(volume.options) or not set(disk.copies) - arbiters


class _Children:
    """The processes that were started, for who wants to end them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: List[Child] = []
        self._over = False

    def start(self, argv: Sequence[str], keep: Sequence[int] = ()) -> Child:
        """A new one; one that ends at once where all are to end."""
        child = Child(argv, keep=keep)
        with self._lock:
            self._running.append(child)
            if self._over:
                child.kill()
        return child

    def end(self) -> None:
        """Kill them; a reader of their output finds its end."""
        with self._lock:
            self._over = True
            for child in self._running:
                child.kill()

    def outputs(self, children: Sequence[Child], deadline: float) -> List[bytes]:
        """What each of *children* printed until its end or the deadline; none of them is left."""
        outputs = [bytearray() for _ in children]
        try:
            with selectors.DefaultSelector() as selector:
                for number, child in enumerate(children):
                    selector.register(child.stdout, selectors.EVENT_READ, number)
                while selector.get_map():
                    ready = selector.select(max(0.0, deadline - time.monotonic()))
                    if not ready:
                        break
                    for key, _ in ready:
                        more = read(key.fd, 65536)
                        outputs[key.data] += more or b""
                        if more == b"" or len(outputs[key.data]) > _MOST_OUTPUT:
                            selector.unregister(key.fd)
        finally:
            with self._lock:
                for child in children:
                    child.end(end_timeout=0.01)
        return [bytes(output) for output in outputs]


@contextmanager
def _locked(directory: str, name: str) -> Iterator[Optional[int]]:
    """A descriptor of the lock *name*, for children to keep; None: another child, which may be stuck, has it."""
    os.makedirs(directory, mode=0o755, exist_ok=True)
    lock = safe_open.lock_file(os.path.join(directory, name))
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield lock
    finally:
        os.close(lock)


def _stat(
    children: _Children, paths: Sequence[str], deadline: float, lock_directory: str
) -> Iterator[Tuple[str, int]]:
    """The bytes that each of *paths* takes; those left out that are not there, or only point elsewhere."""
    if not paths:
        return
    with _locked(lock_directory, "stat-disks") as lock:
        if lock is None:
            return
        child = children.start(["stat", _FORMAT, "--", *paths], keep=[lock])
    (output,) = children.outputs([child], deadline)
    for line in output.split(b"\0"):
        match = _LINE.fullmatch(line)
        if match is not None and match[1] != _LINK:
            yield os.fsdecode(match[4]), int(match[2]) * int(match[3])


#: by volume and path: the bricks and the bytes that a client got
_ClientAnswers = Dict[Tuple[str, str], Tuple[Optional[Tuple[str, ...]], Optional[int]]]


def _clients(children: _Children, wanted: Dict[str, List[str]], deadline: float) -> _ClientAnswers:
    """What clients of the volumes in *wanted* get for their paths."""
    program = [sys.executable, "-m", "ganeti_gluster_mon.gluster.pathinfo_client"]
    started = {volume: children.start([*program, volume, *paths]) for volume, paths in wanted.items()}
    answers: _ClientAnswers = {}
    for volume, output in zip(started, children.outputs(list(started.values()), deadline)):
        for line in output.splitlines():
            try:
                answer = json.loads(line)
                bricks = bricks_in(answer["pathinfo"], answer["path"])
                answers[(volume, answer["path"])] = (bricks, answer["allocated"])
            except (ValueError, KeyError, TypeError):
                continue  # cut short by its end
    return answers


def bricks_in(pathinfo: str, path: str) -> Optional[Tuple[str, ...]]:
    """The bricks, as ``host:path``, that *pathinfo* names for the file *path*; None where it names none."""
    found = []
    for match in _POSIX.finditer(pathinfo):
        brick, file = match["brick"].rstrip("/"), match["path"]
        if file == f"{brick}/{path}":
            found.append(f"{match['host']}:{brick}")
    return tuple(found) or None
