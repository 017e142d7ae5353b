"""The servers that a volume's parameters name: checked, written in one way, and tried.

A server is a host name, an address, or the absolute path of glusterd's socket.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from contextlib import suppress

from ganeti_gluster_mon.backend.disk_error import VolumeError

#: glusterd's port
PORT = 24007
#: seconds for a connection to a server
_CONNECT_TIMEOUT = 3.0
#: each part has 1 to 63 characters (RFC 1035, 2.3.4): a longer or an empty one cannot be looked up
_HOST = re.compile(r"(?=.{1,253}\Z)(?![._-])(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}(?<![_-])\Z")
#: the kernel has 107 bytes for a socket's path; a colon would end it in the source of a mount
_SOCKET = re.compile(r"/[A-Za-z0-9._/-]{1,106}\Z")


def checked_host(host: str, volume: str) -> str:
    """*host* in the one way it is written: names in lower case, addresses in their shortest form, without brackets.

    Raises VolumeError, which names *volume*, for what cannot be a name, an address or the path of a socket.
    """
    if is_socket(host) and _SOCKET.match(host) and os.path.normpath(host) == host:
        return host
    bracketed = host.startswith("[") and host.endswith("]")
    # What follows a % is an interface, which Python lets be anything.
    if "%" not in host:
        with suppress(ValueError):
            return str(ipaddress.ip_address(host[1:-1] if bracketed else host))
    if not _HOST.match(host):
        raise VolumeError(f"volume {volume}: {host[:60]!r} can be neither a host nor a socket")
    return host.lower()


def checked_port(port: object, volume: str) -> int:
    """The number that *port* is.  Raises VolumeError, which names *volume*."""
    text = str(port)
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:6]) < 65536):
        raise VolumeError(f"volume {volume}: {text[:20]!r} is not a port")
    return int(text)


def is_socket(server: str) -> bool:
    """Whether *server* is the path of a socket."""
    return server.startswith("/")


def is_name(server: str) -> bool:
    """Whether *server* is a host name, which has to be resolved."""
    if is_socket(server):
        return False
    try:
        ipaddress.ip_address(server)
    except ValueError:
        return True
    return False


def with_port(server: str, port: int) -> str:
    """*server* for a message."""
    return server if is_socket(server) else f"{server}:{port}"


def try_connect(server: str, port: int) -> None:
    """Connect to *server* within 3 s.  Raises OSError if no process listens there."""
    if is_socket(server):
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(_CONNECT_TIMEOUT)
            link.connect(server)
    else:
        socket.create_connection((server, port), _CONNECT_TIMEOUT).close()
