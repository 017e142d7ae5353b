"""The URI of a disk, gluster://HOST/VOLUME/PATH, as the parameters of QEMU's block driver."""

from __future__ import annotations

import re
from typing import Any, Dict, Optional
from urllib.parse import parse_qs, unquote, urlsplit

#: the port of glusterd, where a URI has none
PORT = "24007"


def blockdev(uri: str) -> Optional[Dict[str, Any]]:
    """The parameters of QEMU's block driver gluster for *uri*; None where it is not of that scheme, or has no path."""
    try:
        parts = urlsplit(uri)
        # escaped colons of an IPv6 address are a part of the name here; its case does not matter
        host, port = unquote(parts.hostname or ""), str(parts.port or PORT)
    except ValueError:
        return None
    volume, _, path = unquote(parts.path).lstrip("/").partition("/")
    if not volume or not path:
        return None
    if parts.scheme in ("gluster", "gluster+tcp") and host:
        server = {"type": "inet", "host": host, "port": port}
    elif parts.scheme == "gluster+unix":
        sockets = parse_qs(parts.query).get("socket", [])
        if len(sockets) != 1:
            return None
        server = {"type": "unix", "path": sockets[0]}
    else:
        return None
    return {"driver": "gluster", "server": [server], "volume": volume, "path": path}


#: an option of QEMU's ends with a comma that is not doubled
_OPTION = re.compile(r"((?:[^,]|,,)+)(?:,|\Z)")


def is_in(option: str, uri: str) -> bool:
    """Whether *option*, the value of a ``-blockdev``, has the file of *uri*, from whatever server."""
    wanted = blockdev(uri)
    if wanted is None:
        return False
    pairs = (each.replace(",,", ",").partition("=") for each in _OPTION.findall(option))
    given = {key: value for key, _, value in pairs}
    return (given.get("file.driver"), given.get("file.volume"), given.get("file.path")) == (
        "gluster",
        wanted["volume"],
        wanted["path"],
    )
