"""The bricks of this node, and the disks on them: without a query, in microseconds.

From glusterd's own files: ``glusterd.info`` has this node's uuid, and ``vols/VOLUME/bricks`` a file of
lines ``name=value`` for each brick.
"""

from __future__ import annotations

import os
import stat
from typing import Dict, List

from ganeti_gluster_mon.backend.directory import open_directory
from ganeti_gluster_mon.backend.file_device import DiskError, FileDeviceHelper
from ganeti_gluster_mon.gluster.placement import is_here

GLUSTERD = "/var/lib/glusterd"
#: the permissions that mark a file that only points to the subvolume which has the data
_LINK_MODE = 0o1000
#: bytes of one of glusterd's files
_MOST = 65536


def local_bricks(server: str, volume: str, state: str = GLUSTERD) -> List[str]:
    """The directories of this node's bricks of *volume*; none where *server* may be of another pool than this node."""
    try:
        own = _values(os.path.join(state, "glusterd.info")).get("UUID")
        directory = os.path.join(state, "vols", volume, "bricks")
        bricks = [_values(os.path.join(directory, name)) for name in os.listdir(directory)]
    except OSError:
        return []
    if not (is_here(server) or server in {brick.get("hostname", "").lower() for brick in bricks}):
        return []
    return [brick["path"] for brick in bricks if own and brick.get("uuid") == own and "path" in brick]


def holds(brick: str, path: str) -> bool:
    """Whether the brick in the directory *brick* has the data of the volume's file *path*, or a part of it."""
    try:
        with open_directory(brick) as root:
            status = FileDeviceHelper(root, path).Status()
    except DiskError:
        return False
    return status is not None and stat.S_IMODE(status.st_mode) != _LINK_MODE


def _values(path: str) -> Dict[str, str]:
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = (line.partition("=") for line in file.read(_MOST).splitlines())
        return {name: value for name, equals, value in lines if equals}
