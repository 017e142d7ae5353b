"""Unmounts a volume when the process that used it has ended: ``python3 -m ….reaper PID TARGET``.

Ganeti's node daemon answers each call in a process of its own, which may be killed.  An export or import of a disk that
it starts goes on after it, and may open the disk only then, so it is waited for.

It waits for events: the end of a process, or the release of a lock.  It ends at once when nothing is left that it may
unmount.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Iterable, List, Tuple

import ganeti_gluster_mon
from ganeti_gluster_mon.backend.volume import GlusterVolume, UnmountResult, VolumeError

#: Ganeti's program that copies a disk from or to another node or file, however it is started
_COPIER = b"import-export"
#: seconds between two tries to unmount a volume that is busy: the first pause and the longest
_PAUSE, _LONGEST_PAUSE = 0.1, 60.0
#: seconds for a volume that stays busy: its next use unmounts it
_BUSY_TIMEOUT = 3600.0
_PROC = "/proc"


@dataclass(frozen=True)
class MountTarget:
    """The words that make the same GlusterVolume in another process."""

    server_addr: str
    port: int
    volume: str
    backup_servers: Tuple[str, ...]
    directory: str
    uses: str


def mount_target(volume: GlusterVolume) -> MountTarget:
    """The words that *volume* was made of."""
    return MountTarget(
        volume.server_addr, volume.port, volume.volume, volume.backup_servers, volume.directory, volume.uses
    )


def unmount_after_this_process(volume: GlusterVolume) -> None:
    """Start a process that unmounts *volume* after this process has ended, unless it is in use then.

    Raises VolumeError where no process can be started.
    """
    library = os.path.dirname(os.path.dirname(os.path.abspath(ganeti_gluster_mon.__file__)))
    argv = [sys.executable, "-m", __name__, str(os.getpid()), json.dumps(asdict(mount_target(volume)))]
    try:
        # Its own session: it has to outlive us.  It is our child until we end, and then init's.
        subprocess.Popen(
            argv,
            cwd=library,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as err:
        raise VolumeError(f"volume {volume.volume}: cannot start {argv[0]}: {err.strerror}") from err


def main(pid: str, words: str) -> None:
    """Wait for the end of the process *pid* and of Ganeti's copies of disks; unmount the volume when it is unused."""
    volume = GlusterVolume(**json.loads(words))
    _wait_for_all([int(pid)])
    pause, busy = _PAUSE, 0.0
    while busy < _BUSY_TIMEOUT:
        copying = copiers()
        if copying:
            # Which volume one of them uses cannot be known before it opens the disk.
            _wait_for_all(copying)
            continue
        result = volume.unmount_if_unused()
        if result in (UnmountResult.DONE, UnmountResult.HELD):
            return
        if result is UnmountResult.IN_USE:
            volume.wait_until_unused()
        else:
            _wait_for_any(_users([mount.path for mount in volume.mounts()]), pause)
        # The kernel does not announce that a file is closed, so it is tried again: ever more rarely.
        time.sleep(min(pause, 1.0))
        busy += pause
        pause = min(2 * pause, _LONGEST_PAUSE)


def copiers(proc: str = _PROC) -> List[int]:
    """The processes of this node that copy a disk for Ganeti."""
    found = []
    for name in filter(str.isdigit, os.listdir(proc)):
        with suppress(OSError):  # it ended meanwhile
            with open(os.path.join(proc, name, "cmdline"), "rb") as file:
                words = file.read(4096).split(b"\0")[:2]
            if any(os.path.basename(word) == _COPIER for word in words):
                found.append(int(name))
    return found


def _users(paths: Iterable[str]) -> List[int]:
    """The processes of this node that have a file, or their working directory, below one of *paths*.

    Only names are read: a request to the filesystem could hang.
    """
    prefixes = tuple(paths)
    found = []
    for name in filter(str.isdigit, os.listdir(_PROC)):
        directory = os.path.join(_PROC, name)
        with suppress(OSError):  # it ended meanwhile
            links = [
                f"{directory}/cwd",
                *(f"{directory}/fd/{each}" for each in os.listdir(f"{directory}/fd")),
            ]
            if int(name) != os.getpid() and any(_leads_into(link, prefixes) for link in links):
                found.append(int(name))
    return found


def _leads_into(link: str, prefixes: Tuple[str, ...]) -> bool:
    with suppress(OSError):
        target = os.readlink(link)
        return any(target == prefix or target.startswith(f"{prefix}/") for prefix in prefixes)
    return False


def _wait_for_all(pids: Iterable[int]) -> None:
    """Wait until each of the processes has ended."""
    for pid in pids:
        _wait_for_any([pid])


def _wait_for_any(pids: Iterable[int], timeout: float = -1) -> None:
    """Wait until one of the processes has ended, for at most *timeout* seconds; without any, for *timeout* seconds."""
    poll, opened = select.poll(), []
    try:
        for pid in pids:
            with suppress(ProcessLookupError):
                opened.append(os.pidfd_open(pid))
                poll.register(opened[-1], select.POLLIN)
        if opened or timeout > 0:
            poll.poll(None if timeout < 0 else timeout * 1000)
    finally:
        for descriptor in opened:
            os.close(descriptor)


if __name__ == "__main__":
    main(*sys.argv[1:])
