"""What every ExtStorage script of the provider is: it reads the environment, acts, and tells one line if it cannot.

The work is done by a child, for a Gluster that hangs may hold whoever asks it, beyond SIGKILL.  Ganeti waits for the
script without a limit of its own; the script has one.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import suppress
from typing import Callable, List, Optional, Tuple

from ganeti_gluster_mon.words import one_line

#: seconds for all that a script does; it goes on after them only as long as data is being written to the disk
DEADLINE = 150.0
#: bytes of what the child has to say
_MOST = 65536
_USAGE = "usage: {} (no arguments: what to do is in the environment; see ganeti-extstorage-interface(7))"


def main(action: str, arguments: Optional[List[str]] = None) -> int:
    """Do what the script *action* is there for; its exit status: 0 done, 1 not done, 2 called wrongly."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] in (["-h"], ["--help"]):
        print(_USAGE.format(action))
        return 0
    if words and action != "verify":  # which may be told what to verify; it verifies all
        print(_USAGE.format(action), file=sys.stderr)
        return 2
    caller = _caller()
    status, said, complaint = bounded(lambda: _act(action, caller), DEADLINE, lambda: _written(action))
    if status is None:
        complaint = (
            f"gluster {action}: volume {_volume(action)}: no end after {DEADLINE:.0f} s: does it hang? "
            "`gluster volume status`\n"
        )
    elif status < 0:
        complaint = f"gluster {action}: it was killed by signal {-status}\n"
        # What it was mounted for is gone.
        bounded(_tidy(action), DEADLINE)
    sys.stderr.write(complaint)
    if status == 0:
        sys.stdout.write(said)
    return 1 if status is None or status < 0 else status


def _act(action: str, caller: Optional[int]) -> int:
    from ganeti_gluster_mon.backend import provider, request
    from ganeti_gluster_mon.backend.filedevice import DiskError

    try:
        asked = request.read(action, os.environ)
        lines = provider.ACTIONS[action](asked, caller)
    except DiskError as err:
        print(f"gluster {action}: {one_line(str(err))}", file=sys.stderr)
        return 2 if isinstance(err, request.RequestError) else 1
    for line in lines:
        print(line)
    return 0


def _volume(action: str) -> str:
    """The name of the volume that the script is about, for a message."""
    from ganeti_gluster_mon.backend import request
    from ganeti_gluster_mon.backend.filedevice import DiskError

    try:
        return request.read(action, os.environ).volume
    except DiskError:
        return "unknown"


def _tidy(action: str) -> Callable[[], int]:
    def tidy() -> int:
        from ganeti_gluster_mon.backend import lease, provider, request

        lease.unmount_if_idle(provider.volume_of(request.read(action, os.environ)))
        return 0

    return tidy


def _written(action: str) -> int:
    """The progress of what may take long, which is writing out data that is cached of the disk: sectors so far."""
    from ganeti_gluster_mon.backend import flush, provider, request
    from ganeti_gluster_mon.backend.filedevice import DiskError

    try:
        asked = request.read(action, os.environ)
        point = provider.volume_of(asked).mount_point
    except DiskError:
        return 0
    return flush.sectors_written(flush.devices_named(f"{point}/{asked.path}"))


def _caller() -> Optional[int]:
    """A pidfd of who started this script; None if it is none that can be waited for."""
    parent = os.getppid()
    if parent <= 1:  # outside of this container, or gone, and init in its place
        return None
    with suppress(OSError):
        return os.pidfd_open(parent)
    return None


def bounded(
    act: Callable[[], int], seconds: float, progress: Callable[[], int] = lambda: 0
) -> Tuple[Optional[int], str, str]:
    """What *act* gives, done by a child, and what it says on its standard output and error.

    A negative status is the signal it was killed by; None is that it did not end in *seconds*.  It has that time
    again as long as *progress* gives another number each time.
    """
    (said, to_say), (complaint, to_complain) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for descriptor in (said, complaint):
                os.close(descriptor)
            os.dup2(to_say, 1)
            os.dup2(to_complain, 2)
            for descriptor in (to_say, to_complain):
                os.close(descriptor)
            status = act()
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException as err:
            os.write(
                2,
                f"gluster: {type(err).__name__}: {one_line(str(err))}\n".encode("ascii", "backslashreplace"),
            )
        finally:
            os._exit(status)
    for descriptor in (to_say, to_complain):
        os.close(descriptor)
    process = os.pidfd_open(child)
    try:
        before = 0
        while not select.select([process], [], [], seconds)[0]:
            now = progress()
            if now != before:
                before = now
                continue
            signal.pidfd_send_signal(
                process, signal.SIGKILL
            )  # it ends with that, or when Gluster lets go of it
            return None, "", ""
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return status, _read(said), _read(complaint)
    finally:
        for descriptor in (said, complaint, process):
            os.close(descriptor)


def _read(pipe: int) -> str:
    os.set_blocking(pipe, False)
    with suppress(BlockingIOError):
        return os.read(pipe, _MOST).decode("utf-8", "replace")
    return ""
