"""The version of the installed Gluster, by ``gluster --version``."""

from __future__ import annotations

import os
import re
import shutil
import time
from typing import Dict, Optional, Tuple

from ganeti_gluster_mon.gluster.child import ENVIRONMENT
from ganeti_gluster_mon.gluster.own_process import output_of

#: by path, inode and time of modification of the command
_known: Dict[Tuple[str, int, int], str] = {}


def gluster_version(gluster: str, timeout: float) -> Optional[str]:
    """Gluster's version ("10.3"); None where there is no answer within *timeout* seconds.

    *gluster* is the name or path of the command.  It answers once for each file that it has been.
    """
    path = shutil.which(gluster, path=ENVIRONMENT["PATH"])
    if path is None:
        return None
    file = os.stat(path)
    key = (path, file.st_ino, file.st_mtime_ns)
    if key not in _known:
        match = re.match(rb"glusterfs (\S+)", output_of([path, "--version"], time.monotonic() + timeout))
        if match is None:
            return None
        _known.clear()
        _known[key] = match.group(1).decode("ascii", "replace")
    return _known[key]
