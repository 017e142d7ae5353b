"""Where to listen: ``ADDR:PORT``, as in the Prometheus world, and ``@ganeti:PORT``.

The last stands for the addresses that Ganeti knows this node by, primary and secondary, and loopback: the other
nodes and administrators can connect, the guests on the bridges of this host cannot.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Collection, List, Tuple

from tornado.netutil import bind_sockets

from ganeti_gluster_mon.ganeti import ssconf

#: in the place of an address
GANETI = "@ganeti"
_LOOPBACK = ("127.0.0.1", "::1")
#: an address is not this machine's, not yet perhaps; or there is no IPv6
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class ListenError(Exception):
    """It cannot be listened there; the message is one line."""


def bind(where: str, backlog: int, bound: Collection[Tuple[str, int]] = ()) -> List[socket.socket]:
    """Sockets that listen on *where*, one for each address it stands for.  Raises ListenError.

    Of ``@ganeti:PORT``, the addresses that are *bound* already are left out.
    """
    host, port = parse(where)
    if host == GANETI:
        return _bind_own(port, backlog, bound)
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
    if host.startswith("@") and host != GANETI:
        colon = ""
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ListenError(f"{where!r} is no ADDR:PORT; an IPv6 address is written [::1]:1816, all are :1816")
    return host, int(port)


def changes(where: str) -> bool:
    """Whether what *where* stands for may be more tomorrow: a machine becomes a node, an address comes up late."""
    return parse(where)[0] == GANETI


def own(directory: str = ssconf.DIRECTORY) -> List[str]:
    """Loopback, and the addresses of this node by Ganeti's files in *directory*; none more where it is no node."""
    addresses = list(_LOOPBACK)
    try:
        node = ssconf.read(directory).node(os.uname().nodename)
    except ssconf.NoCluster:
        node = None
    if node is not None:
        addresses += [node.primary_ip, node.secondary_ip]
    return list(dict.fromkeys(addresses))


def _bind_own(port: int, backlog: int, bound: Collection[Tuple[str, int]]) -> List[socket.socket]:
    sockets: List[socket.socket] = []
    for address in own():
        if (address, port) in bound:
            continue
        try:
            sockets += bind_sockets(port, address, backlog=backlog)
        except (OSError, UnicodeError) as error:
            if getattr(error, "errno", None) in _NOT_HERE:
                continue
            for each in sockets:
                each.close()
            why = getattr(error, "strerror", error)
            raise ListenError(f"cannot listen on {address} port {port}: {why}") from error
    return sockets
