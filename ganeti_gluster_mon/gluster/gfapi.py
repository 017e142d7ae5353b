"""libgfapi, the library that QEMU opens disks with: it knows what a FUSE mount would know, without one.

It waits for bricks that are away, and 10 s to be closed properly.  So it is used in a process of its own, which is
killed, or simply ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Any, Callable, Mapping, Tuple

_LIBRARY = "libgfapi.so.0"
#: where this node's glusterd gives out what a client has to know of a volume
_SOCKET = b"/var/run/glusterd.socket"


class Unavailable(Exception):
    """The volume cannot be had; str() is one line: why."""


def volume(name: str, results: Mapping[str, Any]) -> Tuple[Any, ctypes.c_void_p]:
    """The library, and a handle of the volume *name*.  Raises Unavailable.

    *results*: the types of what functions return, those that return more than an int.
    """
    try:
        library = ctypes.CDLL(_LIBRARY, use_errno=True)
    except OSError as err:
        raise Unavailable(f"{err}; apt install libgfapi0") from err
    for function, result in {"glfs_new": ctypes.c_void_p, **results}.items():
        getattr(library, function).restype = result
    handle = ctypes.c_void_p(library.glfs_new(name.encode()))
    library.glfs_set_volfile_server(handle, b"unix", _SOCKET, 0)
    library.glfs_set_logging(handle, b"/dev/null", 0)
    if library.glfs_init(handle):
        raise Unavailable(os.strerror(ctypes.get_errno()))
    return library, handle


def run(act: Callable[[], int], longest: int) -> None:
    """End this process with the status that *act* gives: 1, with a line on standard error, where it cannot be done.

    It ends by itself after *longest* seconds, should no process be left to end it.
    """
    signal.alarm(longest)
    try:
        status = act()
    except Unavailable as err:
        print(err, file=sys.stderr)
        status = 1
    sys.stdout.flush()
    # Not the way out that closes the library: that takes 10 s.
    os._exit(status)
