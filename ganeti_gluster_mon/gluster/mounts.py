"""Volumes mounted by FUSE on this node, and what statvfs reports about them.

statvfs on such a mount blocks for as long as a brick hangs (42 s by default) or for ever, if
the mount's own process does, and cannot be interrupted, not even by SIGKILL.  A thread stuck in it
would keep this program from ending.  So another program calls it: ``stat``.  It is killed when
its time is up, and left to the kernel, which lets it end as soon as the mount answers.

While it has not ended it holds a lock, on a file named after the mounted filesystem (worker_lock.py).  The next call,
in this process or in another, finds the lock taken and starts no second worker.  So one mount never costs more than one
stuck process.  The kernel releases the lock with that process, so nothing has to be cleaned up.
"""

from __future__ import annotations

import os
import re
import selectors
import sys
import time
from dataclasses import dataclass, replace
from typing import Dict, Iterable, Iterator, Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster import worker_lock, write_test
from ganeti_gluster_mon.gluster.child import Child, read
from ganeti_gluster_mon.gluster.model import Mount

LOCK_DIRECTORY = "/run/ganeti-gluster-mon"

#: how the failure of a mount begins that could not be queried, for a reason that is not the mount's
NOT_TRIED = "statvfs not tried"

_TYPE = "fuse.glusterfs"
_ESCAPE = re.compile(r"\\([0-7]{3})")
# The shortest servers win: they hold no "/" (but a socket's path does, and no ":"), and a volume's name no ":",
# but a directory may hold both.
# What comes after a snapshot's "/snaps/" is another volume than the one that is alive.
_SOURCE = re.compile(
    r"(?P<servers>/[^:]+|[^/]+?):/?(?!snaps/[^/]+/)(?P<volume>[A-Za-z0-9_][A-Za-z0-9_-]*)(?P<directory>/.*)?",
    re.DOTALL,
)

# statvfs's f_frsize, f_blocks, f_bfree, f_bavail, f_files, f_ffree, then the kind of filesystem
_FORMAT = "--format=%S %b %f %a %c %d %t"
_FUSE = b"65735546"
_OUTPUT = re.compile(rb"(\d+) (\d+) (\d+) (\d+) (\d+) (\d+) ([0-9a-f]+)\n([^\n]*)\n?")
#: what `write_test` adds
_WRITTEN, _NOT_WRITTEN, _READ_ONLY = b"written", b"not written: ", b"read-only"
_DEVICE_NUMBER = re.compile(r"[0-9]+:[0-9]+")
#: seconds between two looks at a lock that the worker of another call holds: the first pause and the longest
_PAUSE, _LONGEST_PAUSE = 0.01, 0.1
#: seconds of one wait at most, and how much longer than it should a wait may take and still count as a whole
_STEP, _SLACK = 0.25, 0.25
#: seconds in which a mount that works answers a worker that runs again after it was stopped
_GRACE = 1.0


@dataclass(frozen=True)
class _Line:
    """One line of mountinfo."""

    number: str
    parent: str
    device: str
    root: str
    path: str
    type: str
    source: str


def mounted_devices(mountinfo: str) -> Tuple[str, ...]:
    """What is mounted from under /dev/, as Gluster names the device under a brick; *mountinfo* as below."""
    lines = map(_parse, mountinfo.split("\n"))
    sources = [line.source for line in lines if line is not None and line.source.startswith("/dev/")]
    return tuple(sorted(set(sources)))


def under(mountinfo: str, paths: Iterable[str]) -> Dict[str, Tuple[str, str, str]]:
    """By path: mount point, type and source of the filesystem that holds it; *mountinfo* as below.

    No filesystem receives a request, so symlinks in a path are not followed.
    """
    lines = [line for line in map(_parse, mountinfo.split("\n")) if line is not None]
    by_path = {line.path: line for line in lines}  # the last mount on a path hides the others
    found = {}
    for path in paths:
        place = path
        while place not in by_path and place not in ("", "/"):
            place = os.path.dirname(place)
        if place in by_path:
            line = by_path[place]
            found[path] = (line.path, line.type, line.source)
    return found


def fstab_mount_points(text: str) -> Tuple[str, ...]:
    """The mount points in *text*, that of /etc/fstab; see fstab(5)."""
    lines = [line.split() for line in text.split("\n") if not line.lstrip().startswith("#")]
    points = [_decode(fields[1]) for fields in lines if len(fields) > 2]
    return tuple(point.rstrip("/") for point in points if point.startswith("/") and point != "/")


def fuse_mounts(mountinfo: str) -> Tuple[Mount, ...]:
    """The mounts of volumes in *mountinfo*, the text of /proc/self/mountinfo, without figures.

    Decode the file as UTF-8 with surrogateescape.  Its format is in proc(5): escaped are
    space, tab, newline and backslash, and optional fields end with a lone "-".

    A mount that another one hides, on the same path or above it, is left out: a query of
    its path would reach the other.  So is one whose source names no volume (a mount from a volfile, of a
    snapshot): it belongs to no volume of the pool.
    """
    return tuple(mount for _, mount in _fuse_mounts(mountinfo))


def fuse_mount(mountinfo: str, mount_id: str) -> Optional[Mount]:
    """The mount with the kernel's number *mount_id* (the first field of *mountinfo*), by the rules of `fuse_mounts`."""
    return next((mount for number, mount in _fuse_mounts(mountinfo) if number == mount_id), None)


def is_mount_point(mountinfo: str, path: str) -> bool:
    """Whether anything is mounted at *path*, an absolute path without symlinks.  No filesystem receives a request."""
    return any(line is not None and line.path == path for line in map(_parse, mountinfo.split("\n")))


def _fuse_mounts(mountinfo: str) -> Iterator[Tuple[str, Mount]]:
    """The number of each mount, and the mount."""
    lines = [line for line in map(_parse, mountinfo.split("\n")) if line is not None]
    parents = {line.number: line.parent for line in lines}
    for position, line in enumerate(lines):
        source = _SOURCE.fullmatch(line.source)
        if line.type != _TYPE or source is None or _hidden(position, lines, parents):
            continue
        directory = (source["directory"] or "") + line.root
        yield (
            line.number,
            Mount(
                volume=source["volume"],
                path=line.path,
                servers=tuple(server.strip("[]") for server in source["servers"].split(",")),
                subdirectory=directory.strip("/"),
                device_number=line.device,
            ),
        )


def _parse(line: str) -> Optional[_Line]:
    # At spaces only: a path may hold any other white space as it is.
    fields = line.split(" ")
    try:
        end = fields.index("-", 6)
        number, parent, device, root, path = fields[:5]
        kind, source = fields[end + 1 : end + 3]
    except ValueError:
        return None
    return _Line(number, parent, device, _decode(root), _decode(path), kind, _decode(source))


def _decode(field: str) -> str:
    return _ESCAPE.sub(lambda escape: chr(int(escape[1], 8)), field)


def _hidden(position: int, lines: Sequence[_Line], parents: Dict[str, str]) -> bool:
    """Whether one looks at another mount when one looks at the path of this one.

    A mount on the way to the path is either one that this was mounted on, directly or not, or
    came later and covers it.
    """
    mount = lines[position]
    below = {mount.number}
    number = mount.number
    while number in parents and parents[number] not in below:
        number = parents[number]
        below.add(number)
    for other_position, other in enumerate(lines):
        if other.number in below:
            continue
        if other.path == mount.path:
            if other_position > position or other.parent == mount.number:
                return True
        elif mount.path.startswith(other.path.rstrip("/") + "/"):
            return True
    return False


def statvfs(
    mounts: Sequence[Mount],
    timeout: float,
    lock_directory: str = LOCK_DIRECTORY,
    test_writes: bool = False,
) -> Tuple[Mount, ...]:
    """The same *mounts*, each with its figures or, in ``failure``, with why there are none.

    All are queried at once, and *timeout* is in seconds and bounds all of them together.  Without a lock
    nothing is queried: *lock_directory* is made where it is missing, and has to be writable.
    *test_writes*: a small file is also written to each mount, and removed.

    A mount has failed to answer only if a worker had *timeout* seconds to get the answer.  Time in which this
    process was stopped does not count, and neither does a change of the clock.
    """
    answered: Dict[int, Mount] = {}
    workers: Dict[int, Child] = {}
    waiting = list(range(len(mounts)))
    waited, limit = 0.0, timeout
    pause = _PAUSE
    with selectors.DefaultSelector() as selector:
        try:
            while True:
                for index in list(waiting):
                    mount = mounts[index]
                    try:
                        worker = _start(mount, lock_directory, test_writes)
                        if worker is None:
                            _check_age(mount, timeout, waited, lock_directory)
                            continue
                    except OSError as error:
                        answered[index] = replace(mount, failure=f"{NOT_TRIED}: {error.strerror or error}")
                    except _Hangs as hangs:
                        answered[index] = replace(mount, failure=str(hangs))
                    else:
                        workers[index] = worker
                        # A worker that had to wait for the lock needs time of its own.
                        limit = max(limit, waited + min(_GRACE, timeout))
                        selector.register(worker.ended, selectors.EVENT_READ, index)
                    waiting.remove(index)
                if not (workers or waiting):
                    break
                # At the limit, too: a worker may have ended while this process was stopped.
                step = max(0.0, min(limit - waited, pause if waiting else _STEP))
                pause = min(2 * pause, _LONGEST_PAUSE)
                began = time.monotonic()
                ended = selector.select(step)
                for key, _ in ended:
                    selector.unregister(key.fd)
                    answered[key.data] = _result(mounts[key.data], workers.pop(key.data))
                if not ended and waited >= limit:
                    break
                waited += min(time.monotonic() - began, step + _SLACK)
            if test_writes:
                # The figures come first, and a write that hangs after them is worth to be known.
                for index, worker in workers.items():
                    output = read(worker.stdout, 4096) or b""
                    found = _with_figures(mounts[index], output) if _OUTPUT.fullmatch(output) else None
                    if found is not None:
                        why = f"no answer within {timeout:g} s"
                        answered[index] = replace(found, writable=False, write_failure=why)
        finally:
            for worker in workers.values():
                worker.end(end_timeout=0.01)
    silent = f"no answer from statvfs within {timeout:g} s"
    return tuple(answered.get(index, replace(mount, failure=silent)) for index, mount in enumerate(mounts))


class _Hangs(Exception):
    """A worker that another call started has waited for the mount longer than the timeout."""


def _start(mount: Mount, lock_directory: str, test_writes: bool = False) -> Optional[Child]:
    """Start the worker for *mount*; None while the worker of another call runs.

    Raises OSError when there can be no lock or no worker.
    """
    path = _lock_path(mount, lock_directory)
    os.makedirs(lock_directory, mode=0o755, exist_ok=True)
    lock = worker_lock.acquire(path)
    if lock is None:
        return None
    try:
        argv = ["stat", "--file-system", _FORMAT, "--", mount.path]
        if test_writes:
            argv = [sys.executable, "-I", "-S", write_test.__file__, mount.path, *argv]
        worker = Child(argv, keep=[lock])
        worker_lock.record(lock, worker.pid)
        return worker
    finally:
        os.close(lock)


def _check_age(mount: Mount, timeout: float, waited: float, lock_directory: str) -> None:
    """Raises _Hangs if the worker of another call has had more than *timeout* seconds.

    It may have been stopped for that time, as this process may have been.  So this process has to have *waited* for
    it, too, long enough for a mount that works to answer.
    """
    age = worker_lock.worker_age(_lock_path(mount, lock_directory))
    if age is not None and age > timeout and waited >= min(_GRACE, timeout):
        raise _Hangs(f"statvfs hangs: no answer for {age:.0f} s")


def _lock_path(mount: Mount, lock_directory: str) -> str:
    """Raises OSError where the mount has no device number."""
    if mount.device_number is None or not _DEVICE_NUMBER.fullmatch(mount.device_number):
        raise OSError("the number of its filesystem is not known")
    return os.path.join(lock_directory, f"statvfs-{mount.device_number}")


def _result(mount: Mount, worker: Child) -> Mount:
    """*mount* with what its *worker*, which has ended, found out."""
    output, error = read(worker.stdout, 4096) or b"", read(worker.stderr, 4096) or b""
    worker.end()
    found = _with_figures(mount, output)
    if found is None:
        # "stat: cannot read file system information for '/mnt/a': Transport endpoint is not connected"
        reason = error.decode("utf-8", "replace").strip().rpartition(": ")[2]
        return replace(mount, failure=f"statvfs failed: {reason or 'stat gave no figures'}")
    return found


def _with_figures(mount: Mount, output: bytes) -> Optional[Mount]:
    """*mount* with what its worker wrote to standard output; None: no figures."""
    figures = _OUTPUT.fullmatch(output)
    if figures is None:
        return None
    if figures[7] != _FUSE:
        # Unmounted meanwhile: these are the figures of whatever is under the mount point.
        return replace(mount, failure="not mounted any more")
    test = figures[8]
    frsize, blocks, bfree, bavail, files, ffree = (int(figure) for figure in figures.groups()[:6])
    return replace(
        mount,
        f_frsize=frsize,
        f_blocks=blocks,
        f_bfree=bfree,
        f_bavail=bavail,
        f_files=files,
        f_ffree=ffree,
        failure=None,
        writable=None if test in (b"", _READ_ONLY) else test == _WRITTEN,
        write_failure=test[len(_NOT_WRITTEN) :].decode("utf-8", "replace")
        if test.startswith(_NOT_WRITTEN)
        else None,
    )
