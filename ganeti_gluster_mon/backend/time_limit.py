"""A function in a child process, with a time limit: a Gluster that hangs may hold its caller, even against SIGKILL."""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import suppress
from typing import Callable, Optional, Tuple

from ganeti_gluster_mon.text import one_line

#: bytes of the output of the child process
_MAX_OUTPUT = 65536


def run_limited(
    act: Callable[[], int], seconds: float, progress: Callable[[], int] = lambda: 0
) -> Tuple[Optional[int], str, str]:
    """The exit status of *act*, which a child process runs, and what it printed on its standard output and error.

    A negative status is the signal that killed the child.  None: it did not end within *seconds*.  It gets the same
    time again as long as *progress* returns another number each time.
    """
    (output, to_output), (errors, to_errors) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for descriptor in (output, errors):
                os.close(descriptor)
            os.dup2(to_output, 1)
            os.dup2(to_errors, 2)
            for descriptor in (to_output, to_errors):
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
    for descriptor in (to_output, to_errors):
        os.close(descriptor)
    process = os.pidfd_open(child)
    try:
        before = 0
        while not select.select([process], [], [], seconds)[0]:
            now = progress()
            if now != before:
                before = now
                continue
            # It ends now, or when Gluster releases it.
            signal.pidfd_send_signal(process, signal.SIGKILL)
            return None, "", ""
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return status, _read(output), _read(errors)
    finally:
        for descriptor in (output, errors, process):
            os.close(descriptor)


def _read(pipe: int) -> str:
    os.set_blocking(pipe, False)
    with suppress(BlockingIOError):
        return os.read(pipe, _MAX_OUTPUT).decode("utf-8", "replace")
    return ""
