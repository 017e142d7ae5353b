"""A call of a function in a child process, with a timeout.

A call to a filesystem that hangs cannot be interrupted, not even by SIGKILL.  In a child process it cannot delay the
parent, and the descriptors that it opens come back to the parent only if the call ends in time.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
from contextlib import suppress
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from ganeti_gluster_mon.backend.disk_error import DiskError

#: prctl(2)
_PR_SET_PDEATHSIG = 1
#: bytes and descriptors of one result, and characters of an error's text
_MOST, _MOST_DESCRIPTORS, _MOST_TEXT = 8192, 4, 500
#: seconds in which a killed child ends, unless the kernel keeps it
_KILLED = 1.0


class CallTimeoutError(Exception):
    """The call did not end within its timeout."""


class Result(NamedTuple):
    """What a call returns."""

    #: plain data, which JSON can hold
    value: object = None
    #: descriptors, which are the parent's afterwards
    descriptors: Sequence[int] = ()


def call(function: Callable[[], Result], timeout: float, close: Sequence[int] = ()) -> Result:
    """What *function* returns, called in a child process that has *timeout* seconds.

    *close*: descriptors that the child closes first, such as locks: it may outlive the deadline.
    Raises OSError for what *function* raises, and CallTimeoutError.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            _be_child(function, theirs, parent, (*close, ours.detach()))
        theirs.close()
        process = os.pidfd_open(child)
        try:
            # The result comes before the end of the child, which may have to wait until its descriptors are closed.
            if select.select([ours, process], [], [], timeout)[0]:
                found = _receive(ours)
                if found is not None:
                    return found
                raise OSError(0, f"the child process {child} ended without a result")
            raise CallTimeoutError(f"no end within {timeout:g} s")
        finally:
            _end(child, process)


def _be_child(function: Callable[[], Result], link: socket.socket, parent: int, close: Sequence[int]) -> None:
    """Call *function*, send the result, and end."""
    try:
        for descriptor in close:
            os.close(descriptor)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the line above
            return
        descriptors: List[int] = []
        answer: Dict[str, Any]
        try:
            result = function()
            answer, descriptors = {"value": result.value}, list(result.descriptors)
        except OSError as error:
            answer = {"errno": error.errno or 0, "error": (error.strerror or str(error))[:_MOST_TEXT]}
        except DiskError as error:
            answer = {"errno": 0, "error": str(error)[:_MOST_TEXT]}
        except BaseException as error:
            answer = {"errno": 0, "error": f"{type(error).__name__}: {error}"[:_MOST_TEXT]}
        socket.send_fds(link, [json.dumps(answer).encode()], descriptors)
    finally:
        os._exit(0)


def _receive(link: socket.socket) -> Optional[Result]:
    """The result in *link*; None if there is none.  Raises OSError if the function raised something."""
    data, descriptors, _, _ = socket.recv_fds(link, _MOST, _MOST_DESCRIPTORS, socket.MSG_DONTWAIT)
    if not data:
        return None
    answer = json.loads(data)
    if "error" in answer:
        raise OSError(answer["errno"], answer["error"])
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return Result(answer["value"], descriptors)


def _end(child: int, process: int) -> None:
    """End the child, and reap it if it ends; *process* is a pidfd of it."""
    try:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)
        if select.select([process], [], [], _KILLED)[0]:
            with suppress(ChildProcessError):
                os.waitpid(child, 0)
    finally:
        os.close(process)
