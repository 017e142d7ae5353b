"""The FUSE mounts of this node, and how much space statvfs says they have.

statvfs on a mount whose bricks have gone blocks for 42 s or for ever, in the kernel, where
nothing can interrupt it: not a deadline, not a signal, and a thread stuck there keeps its
whole process from ending.  So it is done by a process of its own (coreutils' `stat`), one a
mount.  A worker that does not answer in time is killed and left behind; it dies when the
mount lets go of it.  Until then it holds a lock, and whoever comes next sees that and starts
no second one: however often we are called, a hung mount costs one stuck worker.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster.model import Mount

#: the filesystem type of a mounted volume
FILESYSTEM = "fuse.glusterfs"
#: where workers hold their locks
LOCKS = "/run/ganeti-gluster-mon"

#: statvfs(3)'s f_frsize, f_blocks, f_bfree, f_bavail, f_files, f_ffree
_FIELDS = "%S %b %f %a %c %d"
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}

#: workers that did not end when they were killed; they are reaped when they do
_stuck: List["subprocess.Popen[bytes]"] = []


def fuse_mounts(mountinfo: str) -> Tuple[Mount, ...]:
    """The mounted Gluster volumes in *mountinfo*, the text of /proc/self/mountinfo (proc(5)).

    Of mounts over one another at the same place only the last is to be seen, and counts.  A
    source that names no volume (a mount by volume file) is left out: nothing of ours is on it.
    """
    seen: Dict[str, Optional[Mount]] = {}
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        fields, behind = before.split(" "), after.split(" ")
        if not separator or len(fields) < 6 or len(behind) < 2:
            continue
        path = _unescaped(fields[4])
        seen.pop(path, None)
        if behind[0] == FILESYSTEM:
            seen[path] = _mount(_unescaped(behind[1]), path)
    return tuple(mount for mount in seen.values() if mount is not None)


def _mount(source: str, path: str) -> Optional[Mount]:
    """A mount by its source, "server:/volume/directory"; servers "a,b", IPv6 with or without brackets."""
    servers, separator, rest = source.rpartition(":")
    if "/" in servers:  # "server:volume/a:b": the colon belongs to the directory
        servers, separator, rest = source.partition(":")
    volume, _, subdirectory = rest.lstrip("/").partition("/")
    if not separator or not volume:
        return None
    return Mount(
        volume=volume,
        path=path,
        servers=tuple(server.strip("[]") for server in servers.split(",") if server),
        subdirectory=f"/{subdirectory}" if subdirectory else "",
    )


def _unescaped(text: str) -> str:
    r"""The kernel writes space, tab, newline and backslash as \040, \011, \012 and \134."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)


def statvfs(mounts: Sequence[Mount], timeout: float) -> Tuple[Mount, ...]:
    """*mounts* with their figures, or with the reason why there are none after *timeout* seconds."""
    deadline = time.monotonic() + timeout
    _reap()
    workers = [_Worker(mount) for mount in mounts]
    with selectors.DefaultSelector() as selector:
        for worker in workers:
            worker.start()
            if worker.process is not None:
                assert worker.process.stdout is not None
                selector.register(worker.process.stdout, selectors.EVENT_READ, worker)
        while selector.get_map():
            left = deadline - time.monotonic()
            ready = selector.select(max(0.0, left))
            if not ready and left <= 0:
                break
            for key, _ in ready:
                if not key.data.hear():
                    selector.unregister(key.fileobj)
    return tuple(worker.told(timeout) for worker in workers)


@dataclass
class _Worker:
    """One `stat` of one mount."""

    mount: Mount
    process: Optional["subprocess.Popen[bytes]"] = None
    failure: Optional[str] = None
    output: bytes = b""
    heard_all: bool = False

    def start(self) -> None:
        try:
            lock = _lock(self.mount.path)
        except BlockingIOError:
            self.failure = "statvfs has been stuck since an earlier cycle"
            return
        except OSError as err:
            self.failure = f"no lock for statvfs: {err.strerror or err}"
            return
        path = os.fsencode(self.mount.path)
        try:
            # The worker inherits the lock; the kernel frees it the moment the worker is gone.
            self.process = subprocess.Popen(
                [b"stat", b"--file-system", b"--format=" + _FIELDS.encode(), b"--", path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=_ENVIRONMENT,
                pass_fds=(lock,),
                start_new_session=True,
            )
        except OSError as err:
            self.failure = f"stat cannot be started: {err.strerror or err}"
        finally:
            os.close(lock)

    def hear(self) -> bool:
        """Read what there is; False at its end."""
        assert self.process is not None and self.process.stdout is not None
        more = os.read(self.process.stdout.fileno(), 4096)
        self.output += more
        self.heard_all = not more
        return bool(more)

    def told(self, timeout: float) -> Mount:
        """The mount with what was heard; a worker that is still at it is killed and left behind."""
        if self.process is None:
            return replace(self.mount, failure=self.failure)
        assert self.process.stdout is not None
        self.process.stdout.close()
        if not self.heard_all:
            self.process.send_signal(signal.SIGKILL)
            _stuck.append(self.process)
            return replace(self.mount, failure=f"statvfs did not answer within {timeout:g} s")
        self.process.wait()
        figures = self.output.split()
        if self.process.returncode or len(figures) != 6 or not all(figure.isdigit() for figure in figures):
            reason = self.output.decode("utf-8", "replace").strip().rpartition(": ")[2]
            return replace(self.mount, failure=f"statvfs failed: {reason[:100] or 'no figures'}")
        names = ("f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree")
        return replace(self.mount, **dict(zip(names, map(int, figures))))


def _lock(path: str) -> int:
    """A descriptor that holds the lock of the mount at *path*; BlockingIOError while a worker has it."""
    os.makedirs(LOCKS, mode=0o755, exist_ok=True)
    name = "statvfs-" + re.sub(r"[^A-Za-z0-9.-]", lambda match: f"_{ord(match.group()):x}_", path)[-200:]
    descriptor = os.open(os.path.join(LOCKS, name), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as err:
        os.close(descriptor)
        if err.errno in (errno.EACCES, errno.EAGAIN):
            raise BlockingIOError(err.errno, err.strerror) from err
        raise
    return descriptor


def _reap() -> None:
    """Take note of stuck workers that have died since."""
    _stuck[:] = [worker for worker in _stuck if worker.poll() is None]
