"""A client of a volume: which bricks hold a file, and how much it takes; in a process of its own (gfapi.py).

``python3 -m ganeti_gluster_mon.gluster.pathinfo_client VOLUME PATH…`` prints one line of JSON for each file.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import struct
import sys
from typing import Any, Dict, Optional, Sequence

from ganeti_gluster_mon.gluster import gfapi

#: "(<REPLICATE:gv0-replicate-0> <POSIX(/b):node1:/b/file> …)"
_PATHINFO = b"trusted.glusterfs.pathinfo"
#: bytes; of a disperse set of 30 bricks it is 3 kB
_LONGEST = 64 << 10
#: where struct stat has st_blocks, by the kernel's name of the machine
_BLOCKS_AT = {"x86_64": 64, "aarch64": 64}
_SECTOR = 512
#: seconds after which it ends, should no process be left to end it
_LONGEST_LIFE = 60


def main(argv: Sequence[str]) -> int:
    """Print what is found about the files.  Raises Unavailable."""
    volume, paths = argv[0], argv[1:]
    library, handle = gfapi.volume(volume, {"glfs_getxattr": ctypes.c_ssize_t})
    for path in paths:
        answer = _query(library, handle, path)
        if answer is not None:
            print(json.dumps(answer), flush=True)
    return 0


def _query(library: Any, handle: ctypes.c_void_p, path: str) -> Optional[Dict[str, Any]]:
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
    gfapi.run(lambda: main(sys.argv[1:]), _LONGEST_LIFE)
