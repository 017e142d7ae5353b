"""Unmounts a volume when the process it was mounted for has ended: ``python3 -m ….reaper PID PLACE``.

Ganeti's node daemon answers each call in a process of its own, which ends without ceremony.  What runs on in
its name, the dd of an import, may open its disk only after that; so nothing is hurried, and busy is no error.
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

#: seconds after the end of the process in which what it started may open its disk
GRACE = 5.0
#: seconds from one try to the next while it is in use, and in all
_PAUSE, _LONGEST = 2.0, 12 * 3600.0


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
    time.sleep(GRACE)
    until = time.monotonic() + _LONGEST
    while not volume.tidy() and not volume.is_held() and time.monotonic() < until:
        time.sleep(_PAUSE)


if __name__ == "__main__":
    main(*sys.argv[1:])
