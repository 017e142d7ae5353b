"""Files that each record one thing of one disk, in a directory of this node: KIND and the digest of the disk's path.

A file holds the path of the disk in its volume.  Several processes may write the same record at once.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import Dict

from ganeti_gluster_mon.backend.disk_error import DiskError

_TEMPORARY = ".new"


def file_of(directory: str, kind: str, disk: str) -> str:
    """The path of the record of *kind* for *disk*."""
    return os.path.join(directory, kind + hashlib.sha256(os.fsencode(disk)).hexdigest())


def write(directory: str, kind: str, disk: str) -> None:
    """Write the record of *kind* for *disk*.  Raises DiskError."""
    path = file_of(directory, kind, disk)
    temporary = f"{path}.{os.getpid()}{_TEMPORARY}"
    try:
        with open(temporary, "wb") as file:
            file.write(os.fsencode(disk))
        # A directory lists the name when the file is whole.
        os.replace(temporary, path)
    except OSError as err:
        raise DiskError(f"{disk}: cannot write {path}: {err.strerror}") from err


def disks(directory: str, kind: str) -> Dict[str, str]:
    """The recorded disks, by the path of the file that records each.  Raises OSError if there is no directory."""
    found = {}
    for name in os.listdir(directory):
        if name.startswith(kind) and not name.endswith(_TEMPORARY):
            path = os.path.join(directory, name)
            # It may be removed at the same moment.
            with suppress(FileNotFoundError), open(path, "rb") as file:
                found[path] = os.fsdecode(file.read())
    return found
