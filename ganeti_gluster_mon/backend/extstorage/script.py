"""The main program of all ExtStorage scripts: it reads the environment, acts, and prints one line if it fails.

A child process does the work: a Gluster that hangs may hold its caller, even against SIGKILL.  Ganeti waits for the
script without a limit, so the script has a time limit.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Callable, List, Optional

from ganeti_gluster_mon.backend.time_limit import run_limited
from ganeti_gluster_mon.text import one_line

#: seconds for all that a script does; it goes on after them only as long as data is being written to the disk
DEADLINE = 150.0
_USAGE = "usage: {} (no arguments: what to do is in the environment; see ganeti-extstorage-interface(7))"


def main(action: str, arguments: Optional[List[str]] = None) -> int:
    """Do what the script *action* is there for; its exit status: 0 done, 1 not done, 2 called wrongly."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] in (["-h"], ["--help"]):
        print(_USAGE.format(action))
        return 0
    if words and action != "verify":  # Ganeti may name what to verify; all is verified
        print(_USAGE.format(action), file=sys.stderr)
        return 2
    caller = _caller()
    status, reply, complaint = run_limited(lambda: _act(action, caller), DEADLINE, lambda: _written(action))
    if status is None:
        complaint = (
            f"gluster {action}: volume {_volume(action)}: no end after {DEADLINE:.0f} s: does it hang? "
            "`gluster volume status`\n"
        )
    elif status < 0:
        complaint = f"gluster {action}: it was killed by signal {-status}\n"
        # What it was mounted for is gone.
        run_limited(_tidy(action), DEADLINE)
    sys.stderr.write(complaint)
    if status == 0:
        sys.stdout.write(reply)
    return 1 if status is None or status < 0 else status


def _act(action: str, caller: Optional[int]) -> int:
    from ganeti_gluster_mon.backend.extstorage import provider, request
    from ganeti_gluster_mon.backend.file_device import DiskError

    try:
        queried = request.read(action, os.environ)
        lines = provider.ACTIONS[action](queried, caller)
    except DiskError as err:
        print(f"gluster {action}: {one_line(str(err))}", file=sys.stderr)
        return 2 if isinstance(err, request.RequestError) else 1
    for line in lines:
        print(line)
    return 0


def _volume(action: str) -> str:
    """The name of the volume that the script is about, for a message."""
    from ganeti_gluster_mon.backend.extstorage import request
    from ganeti_gluster_mon.backend.file_device import DiskError

    try:
        return request.read(action, os.environ).volume
    except DiskError:
        return "unknown"


def _tidy(action: str) -> Callable[[], int]:
    def unmount_when_idle() -> int:
        from ganeti_gluster_mon.backend.extstorage import lease, provider, request

        lease.unmount_if_idle(provider.volume_of(request.read(action, os.environ)))
        return 0

    return unmount_when_idle


def _written(action: str) -> int:
    """The progress of what may take long, which is writing out data that is cached of the disk: sectors so far."""
    from ganeti_gluster_mon.backend import flush
    from ganeti_gluster_mon.backend.extstorage import provider, request
    from ganeti_gluster_mon.backend.file_device import DiskError

    try:
        queried = request.read(action, os.environ)
        point = provider.volume_of(queried).mount_point
    except DiskError:
        return 0
    return flush.sectors_written(flush.devices_named(f"{point}/{queried.path}"))


def _caller() -> Optional[int]:
    """A pidfd of who started this script; None if it is none that can be waited for."""
    parent = os.getppid()
    if parent <= 1:  # outside of this container, or gone, and init in its place
        return None
    with suppress(OSError):
        return os.pidfd_open(parent)
    return None
