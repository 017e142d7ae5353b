"""Unmounts a volume when the process it was mounted for has ended: ``python3 -m ….reaper PID PLACE``.

Ganeti's node daemon answers each call in a process of its own, which ends without ceremony.  What it starts in its
name to go on, an export or import of a disk, may open the disk only after that, so it is waited for.
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
from typing import Tuple

from ganeti_gluster_mon.backend.volume import GlusterVolume, VolumeError

#: Ganeti's program that copies a disk from or to another node or file, however it is started
_COPIER = b"import-export"
#: seconds from one try to the next while it is in use, and in all
_PAUSE, _LONGEST = 1.0, 12 * 3600.0


@dataclass(frozen=True)
class Place:
    """The words that make the same GlusterVolume in another process."""

    server_addr: str
    port: int
    volume: str
    backup_servers: Tuple[str, ...]
    directory: str
    uses: str


def place_of(volume: GlusterVolume) -> Place:
    """The words that *volume* was made of."""
    return Place(
        volume.server_addr, volume.port, volume.volume, volume.backup_servers, volume.directory, volume.uses
    )


def unmount_after_this_process(volume: GlusterVolume) -> None:
    """Have the mount of *volume* tidied up some time after this process has ended.

    Raises VolumeError where nobody can be started to do it.
    """
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    argv = [sys.executable, "-m", __name__, str(os.getpid()), json.dumps(asdict(place_of(volume)))]
    try:
        # Its own session: it has to outlive us.  It is our child until we end, and then init's.
        subprocess.Popen(
            argv,
            cwd=package,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as err:
        raise VolumeError(f"volume {volume.volume}: cannot start {argv[0]}: {err.strerror}") from err


def main(pid: str, words: str) -> None:
    """Wait for the end of the process *pid*, then for the mount to be free."""
    place = json.loads(words)
    volume = GlusterVolume(**place)
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(int(pid))
        select.select([descriptor], [], [], _LONGEST)
        os.close(descriptor)
    until = time.monotonic() + _LONGEST
    while time.monotonic() < until:
        if not copying() and (volume.tidy() or volume.is_held()):
            return
        time.sleep(_PAUSE)


def copying(proc: str = "/proc") -> bool:
    """Whether Ganeti is copying a disk on this node; any one: which it is cannot be told before it opens it."""
    for name in os.listdir(proc):
        if not name.isdigit():
            continue
        with suppress(OSError):  # it ended while we looked
            with open(os.path.join(proc, name, "cmdline"), "rb") as file:
                words = file.read(4096).split(b"\0")[:2]
            if any(os.path.basename(word) == _COPIER for word in words):
                return True
    return False


if __name__ == "__main__":
    main(*sys.argv[1:])
