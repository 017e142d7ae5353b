"""Where to listen, as administrators write it.  Apart from the server, since the command line checks it first."""

from __future__ import annotations

import re
from typing import Tuple


def parse_listen(listen: str) -> Tuple[str, int]:
    """``ADDR:PORT``, ``[ADDR]:PORT`` for IPv6, ``:PORT`` for all addresses.  Raises ValueError."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:\s]*)):([0-9]{1,5})", listen)
    if match is None or int(match[3]) > 65535:
        raise ValueError(f"{listen!r} is not ADDR:PORT, [ADDR]:PORT or :PORT")
    return match[1] or match[2], int(match[3])
