"""Lists the files in folders of a volume, as a client of it, in a process of its own (see gfapi.py).

``python3 -m ganeti_gluster_mon.gluster.volume_files_client VOLUME FOLDER…`` prints a line of JSON for each file:
``{"folder": "ganeti", "name": "a.0", "size": 4194304, "allocated": 0, "modified": 1795483447}`` (bytes, seconds since
the epoch), and after the last one of a folder ``{"folder": "ganeti", "complete": true}``.  A folder that does not
exist is complete and has no files.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import stat
import struct
import sys
from typing import Any, Dict, Optional, Sequence

from ganeti_gluster_mon.gluster import gfapi

#: offsets in struct stat of st_mode, st_size, st_blocks and st_mtime, by the kernel's name of the machine
_OFFSETS = {"x86_64": (24, 48, 64, 88), "aarch64": (16, 48, 64, 88)}
_SECTOR = 512
#: offset of d_name in struct dirent, with 64-bit d_ino and d_off
_NAME_AT = 19
#: files of a folder that are listed; a folder with more is not complete
MOST = 20000
#: seconds after which it ends, should no process be left to end it
_LONGEST_LIFE = 120


def main(volume: str, folders: Sequence[str]) -> int:
    """Print the files; 1, with a line on standard error, where that cannot be done.  Raises Unavailable."""
    offsets = _OFFSETS.get(platform.machine())
    if offsets is None:
        print(f"struct stat of this machine ({platform.machine()}) is not known", file=sys.stderr)
        return 1
    library, handle = gfapi.volume(volume, {"glfs_opendir": ctypes.c_void_p, "glfs_readdir": ctypes.c_void_p})
    for folder in folders:
        why = _list(library, handle, folder, offsets)
        if why:
            print(f"{folder}: {why}", file=sys.stderr)
            return 1
    return 0


def _list(library: Any, handle: ctypes.c_void_p, folder: str, offsets: Sequence[int]) -> str:
    """Print the files of *folder*; why that cannot be done, "" where it was."""
    directory = ctypes.c_void_p(library.glfs_opendir(handle, os.fsencode(folder)))
    if not directory:
        number = ctypes.get_errno()
        if number != errno.ENOENT:
            return os.strerror(number)
        print(json.dumps({"folder": folder, "complete": True}), flush=True)
        return ""
    for _ in range(MOST):
        ctypes.set_errno(0)
        entry = library.glfs_readdir(directory)
        if not entry:
            if ctypes.get_errno():
                return os.strerror(ctypes.get_errno())
            print(json.dumps({"folder": folder, "complete": True}), flush=True)
            return ""
        name = ctypes.string_at(entry + _NAME_AT)
        file = _look(library, handle, os.fsencode(folder) + b"/" + name, offsets)
        if file is not None:
            print(json.dumps({"folder": folder, "name": os.fsdecode(name), **file}), flush=True)
    return f"it has more than {MOST} files"


def _look(
    library: Any, handle: ctypes.c_void_p, path: bytes, offsets: Sequence[int]
) -> Optional[Dict[str, int]]:
    """Size, allocated bytes and time of the last change of the file *path*; None where it is no plain file."""
    status = ctypes.create_string_buffer(512)
    if library.glfs_lstat(handle, path, status):
        return None  # it was removed meanwhile
    mode_at, size_at, blocks_at, modified_at = offsets
    (mode,) = struct.unpack_from("=I", status.raw, mode_at)
    if not stat.S_ISREG(mode):
        return None
    values = [struct.unpack_from("=q", status.raw, at)[0] for at in (size_at, blocks_at, modified_at)]
    return {"size": values[0], "allocated": values[1] * _SECTOR, "modified": values[2]}


if __name__ == "__main__":
    gfapi.run(lambda: main(sys.argv[1], sys.argv[2:]), _LONGEST_LIFE)
