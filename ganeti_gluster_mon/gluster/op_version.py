"""The op-version of the pool: which features its nodes may use with each other, and with clients."""

from __future__ import annotations

import re
from typing import Optional

#: glusterd stores it here; reading it takes no lock
GLUSTERD_INFO = "/var/lib/glusterd/glusterd.info"
_LINE = re.compile(r"^operating-version=([0-9]{1,9})$", re.MULTILINE)
_MOST = 4096


def op_version(path: str = GLUSTERD_INFO) -> Optional[int]:
    """The op-version of the pool, as this node's glusterd has stored it; None: not known."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            match = _LINE.search(file.read(_MOST))
    except OSError:
        return None
    return None if match is None else int(match.group(1))


def may_be_higher(current: Optional[int], version: Optional[str]) -> bool:
    """Whether Gluster *version* supports a higher op-version than *current*: since version 4, 100000 for 10.0."""
    major = (version or "").partition(".")[0]
    if current is None or not major.isdecimal() or len(major) > 4 or int(major) < 4:
        return False
    return current < int(major) * 10000
