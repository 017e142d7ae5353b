"""The volfile of a volume: which bricks a client of it connects to, as a glusterd sends it.

glusterd sends it to every client that wants to mount a volume: RPC program 14398633 ("GlusterFS Handshake"), version 2,
procedure 2 (GETSPEC), in ONC RPC over TCP, RFC 5531, with the data in XDR, RFC 4506 (rpc/xdr/src/glusterfs3-xdr.x in
Gluster's sources: gf_getspec_req, gf_getspec_rsp).  It takes no lock.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Any, FrozenSet, Tuple

_PROGRAM, _VERSION, _GETSPEC = 14398633, 2, 2
_TRANSACTION = 0x67676D02
_LAST_FRAGMENT = 0x80000000
#: bytes; a volume of 1,000 bricks has 600 kB
_MOST = 16 << 20
#: a client of any version is served: glusterd refuses one that is too old for the volume's options
_OPERATION_VERSIONS = {"min-op-version": "1", "max-op-version": "999999"}

#: a brick: its host, in lower case, and its path there
Brick = Tuple[str, str]


class VolfileError(Exception):
    """There is no volfile; str() is the reason."""


def fetch(family: int, address: Any, volume: str, timeout: float) -> str:
    """The volfile of *volume* from the glusterd at *address*, a socket address of *family*.

    *timeout*: seconds for everything.  Raises VolfileError.
    """
    deadline = time.monotonic() + timeout
    try:
        with socket.socket(family, socket.SOCK_STREAM) as link:
            link.settimeout(timeout)
            link.connect(address)
            link.sendall(_request(volume))
            return _parse_reply(_receive(link, deadline))
    except (OSError, struct.error) as error:
        raise VolfileError(str(error)) from error


def client_bricks(volfile: str) -> FrozenSet[Brick]:
    """The bricks that a client with *volfile* connects to.  Empty if there are none."""
    bricks = set()
    options = {"type": ""}
    for line in volfile.splitlines():
        words = line.split(None, 2)
        if words[:1] == ["volume"]:
            options = {"type": ""}
        elif words[:1] == ["type"] and len(words) == 2:
            options["type"] = words[1]
        elif words[:1] == ["option"] and len(words) == 3:
            options[words[1]] = words[2].strip()
        elif words == ["end-volume"] and options["type"] == "protocol/client":
            host, path = options.get("remote-host", ""), options.get("remote-subvolume", "")
            if host and path:
                bricks.add((host.lower(), path))
    return frozenset(bricks)


def _request(volume: str) -> bytes:
    head = struct.pack(">10I", _TRANSACTION, 0, 2, _PROGRAM, _VERSION, _GETSPEC, 0, 0, 0, 0)
    body = head + struct.pack(">I", 0) + _opaque(volume.encode()) + _opaque(_dictionary())
    return struct.pack(">I", _LAST_FRAGMENT | len(body)) + body


def _dictionary() -> bytes:
    """The versions in Gluster's own form (dict_serialize in libglusterfs/src/dict.c)."""
    pairs = [(name.encode(), value.encode() + b"\0") for name, value in _OPERATION_VERSIONS.items()]
    text = struct.pack(">I", len(pairs))
    for name, value in pairs:
        text += struct.pack(">II", len(name), len(value)) + name + b"\0" + value
    return text


def _opaque(data: bytes) -> bytes:
    """Bytes of any length in XDR."""
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)


def _receive(link: socket.socket, deadline: float) -> bytes:
    """All fragments of one reply.  Raises OSError and VolfileError."""
    reply = b""
    while True:
        (mark,) = struct.unpack(">I", _exactly(link, 4, deadline))
        length = mark & ~_LAST_FRAGMENT
        if len(reply) + length > _MOST:
            raise VolfileError(f"a reply of more than {_MOST} bytes")
        reply += _exactly(link, length, deadline)
        if mark & _LAST_FRAGMENT:
            return reply


def _exactly(link: socket.socket, length: int, deadline: float) -> bytes:
    """The next *length* bytes.  Raises OSError and VolfileError."""
    parts = []
    while length:
        left = deadline - time.monotonic()
        if left <= 0:
            raise VolfileError("timed out")
        link.settimeout(left)
        part = link.recv(min(length, 1 << 16))
        if not part:
            raise VolfileError("the connection was closed")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _parse_reply(reply: bytes) -> str:
    """Raises VolfileError and struct.error."""
    transaction, kind, accepted, _, verifier = struct.unpack_from(">5I", reply)
    position = 20 + verifier + -verifier % 4
    (status,) = struct.unpack_from(">I", reply, position)
    if (transaction, kind, accepted, status) != (_TRANSACTION, 1, 0, 0):
        raise VolfileError("not an answer to this request")
    result, error, length = struct.unpack_from(">iiI", reply, position + 4)
    if result < 0:
        raise VolfileError(f"glusterd has no volfile for it (error {error})")
    text = reply[position + 16 : position + 16 + length]
    return text.decode("utf-8", "replace")
