"""A client of a volume, for a moment: which bricks hold a file, and how much it takes.  A process of its own.

``python3 -m ganeti_gluster_mon.gluster.client VOLUME PATH…`` prints a line of JSON for each file that there is.

It is libgfapi, the library that QEMU opens disks with, which knows what a FUSE mount would know, without one.  It
waits for bricks that are away, and 10 s to be closed properly; so it is in a process that is killed, or simply ends.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import signal
import struct
import sys
from typing import Any, Dict, List, Optional, Sequence

LIBRARY = "libgfapi.so.0"
#: where this node's glusterd gives out what a client has to know of a volume
SOCKET = b"/var/run/glusterd.socket"
#: "(<REPLICATE:gv0-replicate-0> <POSIX(/b):node1:/b/file> …)"
_PATHINFO = b"trusted.glusterfs.pathinfo"
#: bytes; of a disperse set of 30 bricks it is 3 kB
_LONGEST = 64 << 10
#: where struct stat has st_blocks, by the kernel's name of the machine
_BLOCKS_AT = {"x86_64": 64, "aarch64": 64}
_SECTOR = 512
#: seconds after which it ends, should nobody be left to end it
_LONGEST_LIFE = 60


def main(argv: Sequence[str]) -> int:
    """Tell of the files; 1, with a line on standard error, where the volume cannot be had."""
    volume, paths = argv[0], argv[1:]
    try:
        library = ctypes.CDLL(LIBRARY, use_errno=True)
    except OSError as err:
        print(err, file=sys.stderr)
        return 1
    for name in ("glfs_new", "glfs_getxattr", "glfs_stat"):
        getattr(library, name).restype = ctypes.c_void_p if name == "glfs_new" else ctypes.c_ssize_t
    handle = ctypes.c_void_p(library.glfs_new(volume.encode()))
    library.glfs_set_volfile_server(handle, b"unix", SOCKET, 0)
    library.glfs_set_logging(handle, b"/dev/null", 0)
    if library.glfs_init(handle):
        print(os.strerror(ctypes.get_errno()), file=sys.stderr)
        return 1
    for path in paths:
        told = _tell(library, handle, path)
        if told is not None:
            print(json.dumps(told), flush=True)
    return 0


def _tell(library: Any, handle: ctypes.c_void_p, path: str) -> Optional[Dict[str, Any]]:
    name = os.fsencode(path)
    info = ctypes.create_string_buffer(_LONGEST)
    length = library.glfs_getxattr(handle, name, _PATHINFO, info, ctypes.c_size_t(_LONGEST))
    if length < 0:
        return None
    return {
        "path": path,
        "pathinfo": info.raw[:length].rstrip(b"\0").decode("utf-8", "surrogateescape"),
        "allocated": _allocated(library, handle, name),
    }


def _allocated(library: Any, handle: ctypes.c_void_p, name: bytes) -> Optional[int]:
    """Bytes that the file takes, once; None where this machine's struct stat is not known."""
    at = _BLOCKS_AT.get(platform.machine())
    status = ctypes.create_string_buffer(512)
    if at is None or library.glfs_stat(handle, name, status):
        return None
    (blocks,) = struct.unpack_from("=q", status.raw, at)
    return int(blocks) * _SECTOR


if __name__ == "__main__":
    signal.alarm(_LONGEST_LIFE)
    words: List[str] = sys.argv[1:]
    code = main(words)
    sys.stdout.flush()
    # Not the way out that closes the library: that takes 10 s.
    os._exit(code)
