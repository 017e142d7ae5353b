"""Volumes mounted by FUSE on this node, and what statvfs says of them.

statvfs on such a mount blocks for as long as a brick hangs (42 s by default) or for ever, if
the mount's own process does, and cannot be interrupted, not even by SIGKILL.  A thread stuck in it
would keep this program from ending.  So another program calls it: ``stat``.  It is killed when
its time is up, and left to the kernel, which lets it end as soon as the mount answers.

While it has not ended it holds a lock, on a file named after the mounted filesystem, whose
descriptor it inherited.  Whoever comes next, in this process or in another, finds the lock taken
and starts no second one.  So one mount never costs more than one stuck process, and as the
kernel drops the lock with that process, nothing is left to be tidied up.
"""

from __future__ import annotations

import fcntl
import os
import re
import selectors
import time
from dataclasses import dataclass, replace
from typing import Dict, Iterator, Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster.child import Child, read
from ganeti_gluster_mon.gluster.model import Mount

LOCK_DIRECTORY = "/run/ganeti-gluster-mon"

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
_OUTPUT = re.compile(rb"(\d+) (\d+) (\d+) (\d+) (\d+) (\d+) ([0-9a-f]+)\n")
_DEVICE_NUMBER = re.compile(r"[0-9]+:[0-9]+")
#: seconds between two looks at a lock that somebody else's worker holds, which the kernel does not announce
_PAUSE = 0.01


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


def fuse_mounts(mountinfo: str) -> Tuple[Mount, ...]:
    """The mounts of volumes in *mountinfo*, the text of /proc/self/mountinfo, without figures.

    Decode the file as UTF-8 with surrogateescape.  Its format is in proc(5): escaped are
    space, tab, newline and backslash, and optional fields end with a lone "-".

    A mount that another one hides, on the same path or above it, is left out: asking about
    its path would ask the other.  So is one whose source names no volume (a mount from a volfile, of a
    snapshot): there is no volume it could tell something about.
    """
    return tuple(mount for _, mount in _fuse_mounts(mountinfo))


def fuse_mount(mountinfo: str, mount_id: str) -> Optional[Mount]:
    """The mount with the kernel's number *mount_id* (the first field of *mountinfo*), by the rules of `fuse_mounts`."""
    return next((mount for number, mount in _fuse_mounts(mountinfo) if number == mount_id), None)


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
    mounts: Sequence[Mount], timeout: float, lock_directory: str = LOCK_DIRECTORY
) -> Tuple[Mount, ...]:
    """The same *mounts*, each with its figures or, in ``failure``, with why there are none.

    All are asked at once, and *timeout* seconds are for all of them together.  Without a lock
    nothing is asked: *lock_directory* is made where it is missing, and has to be writable.
    """
    deadline = time.monotonic() + timeout
    answered: Dict[int, Mount] = {}
    workers: Dict[int, Child] = {}
    waiting = list(range(len(mounts)))
    with selectors.DefaultSelector() as selector:
        try:
            while True:
                for index in list(waiting):
                    mount = mounts[index]
                    try:
                        worker = _start(mount, timeout, lock_directory)
                    except OSError as error:
                        answered[index] = replace(mount, failure=f"statvfs not tried: {error}")
                    except _Hangs as hangs:
                        answered[index] = replace(mount, failure=str(hangs))
                    else:
                        if worker is None:
                            continue
                        workers[index] = worker
                        selector.register(worker.ended, selectors.EVENT_READ, index)
                    waiting.remove(index)
                left = deadline - time.monotonic()
                if not (workers or waiting) or left <= 0:
                    break
                for key, _ in selector.select(min(left, _PAUSE) if waiting else left):
                    selector.unregister(key.fd)
                    answered[key.data] = _result(mounts[key.data], workers.pop(key.data))
        finally:
            for worker in workers.values():
                worker.end(patience=0.01)
    silent = f"no answer from statvfs within {timeout:g} s"
    return tuple(answered.get(index, replace(mount, failure=silent)) for index, mount in enumerate(mounts))


class _Hangs(Exception):
    """A worker of an earlier call still waits for the mount."""


def _start(mount: Mount, timeout: float, lock_directory: str) -> Optional[Child]:
    """Start the worker for *mount*; None while another's, not late yet, is at it.

    Raises _Hangs when another's is late, OSError when there can be no lock or no worker.
    """
    if mount.device_number is None or not _DEVICE_NUMBER.fullmatch(mount.device_number):
        raise OSError("the number of its filesystem is not known")
    os.makedirs(lock_directory, mode=0o755, exist_ok=True)
    path = os.path.join(lock_directory, f"statvfs-{mount.device_number}")
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            age = time.time() - os.fstat(lock).st_mtime
            if age > timeout:
                raise _Hangs(f"statvfs hangs: no answer for {age:.0f} s") from None
            return None
        os.utime(lock)  # when this worker began, for whoever finds the lock taken
        return Child(["stat", "--file-system", _FORMAT, "--", mount.path], keep=[lock])
    finally:
        os.close(lock)


def _result(mount: Mount, worker: Child) -> Mount:
    """*mount* with what its *worker*, which has ended, found out."""
    output, error = read(worker.stdout, 4096) or b"", read(worker.stderr, 4096) or b""
    worker.end()
    figures = _OUTPUT.fullmatch(output)
    if figures is None:
        # "stat: cannot read file system information for '/mnt/a': Transport endpoint is not connected"
        reason = error.decode("utf-8", "replace").strip().rpartition(": ")[2]
        return replace(mount, failure=f"statvfs failed: {reason or 'stat gave no figures'}")
    if figures[7] != _FUSE:
        # Unmounted meanwhile: these are the figures of whatever is under the mount point.
        return replace(mount, failure="not mounted any more")
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
    )
