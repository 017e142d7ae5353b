"""Where to listen: ``ADDR:PORT``, as in the Prometheus world."""

from __future__ import annotations

import socket
from typing import List, Tuple

from tornado.netutil import bind_sockets


class ListenError(Exception):
    """It cannot be listened there; the message is one line."""


def bind(where: str, backlog: int) -> List[socket.socket]:
    """Sockets that listen on *where*, one for each address it stands for.  Raises ListenError."""
    host, port = parse(where)
    try:
        return bind_sockets(port, host or None, backlog=backlog)
    except (OSError, UnicodeError) as error:
        raise ListenError(f"cannot listen on {where}: {getattr(error, 'strerror', error)}") from error


def parse(where: str) -> Tuple[str, int]:
    """``ADDR:PORT`` as address and port; an IPv6 address stands in brackets, an empty one means all.

    Raises ListenError.
    """
    host, colon, port = where.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host or "[" in host:
        colon = ""
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ListenError(f"{where!r} is no ADDR:PORT; an IPv6 address is written [::1]:1816, all are :1816")
    return host, int(port)
