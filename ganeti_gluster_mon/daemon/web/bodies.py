"""The bodies of responses, plain and compressed; long ones are kept compressed, and parts are compressed once.

The compressed form is that of gzip (RFC 1952), made in parts that are flushed, so that they can be joined in any order.
"""

from __future__ import annotations

import functools
import gzip
import struct
import zlib
from dataclasses import dataclass
from typing import Iterable, List, Optional, Sequence, Union

JSON = "application/json"
HTML = "text/html; charset=utf-8"

#: bytes; a shorter response fits into one packet without compression
_WORTH_GZIP = 1024
#: bytes; a longer one is kept compressed only
_MOST_PLAIN = 1 << 20
#: metrics of a thousand bricks, 818 kB: by 1 to 55 kB in 2 ms, by 6 to 44 kB in 5 ms
_GZIP_LEVEL = 1
#: RFC 1952: DEFLATE, no name, no time (the same snapshot gives the same bytes), the fastest level, no operating system
_GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\4\xff"
#: bytes; a shorter part is compressed in each body, together with what is around it
_WORTH_SHARING = 1 << 14


@dataclass(frozen=True)
class Body:
    """The body of a response, plain and compressed."""

    content_type: str
    plain: bytes
    #: None where compression saves nothing
    gzipped: Optional[bytes] = None


@dataclass(frozen=True)
class PackedBody:
    """The body of a long response, kept compressed: that of a thousand bricks takes 15 MB otherwise."""

    content_type: str
    gzipped: bytes

    @functools.cached_property
    def plain(self) -> bytes:
        """Unpacked when the first client requests it, since few do; all clients share it."""
        return gzip.decompress(self.gzipped)


#: the body of a response
AnyBody = Union[Body, PackedBody]


@dataclass(frozen=True)
class SharedPart:
    """A part of several bodies; a long one is compressed once for all of them."""

    plain: bytes
    #: blocks of DEFLATE (RFC 1951) that refer to nothing before them and end at a byte; None: too short
    packed: Optional[bytes]

    @classmethod
    def of(cls, plain: bytes) -> SharedPart:
        """*plain*, compressed where that is worth it."""
        if len(plain) < _WORTH_SHARING:
            return cls(plain, None)
        packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        return cls(plain, packer.compress(plain) + packer.flush(zlib.Z_FULL_FLUSH))


class BodyWriter:
    """Makes a body from parts.  Of a long one the parts are not kept."""

    def __init__(self, content_type: str) -> None:
        self._content_type = content_type
        self._packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._packed: List[bytes] = [_GZIP_HEADER]
        self._parts: List[bytes] = []
        self._size = self._checksum = 0

    def write(self, part: bytes) -> None:
        """Add *part*."""
        self._packed.append(self._packer.compress(part))
        self._count(part)

    def write_shared(self, part: SharedPart) -> None:
        """Add *part*, which other bodies have, too."""
        if part.packed is None:
            self.write(part.plain)
            return
        # After a full flush no block refers to one before it, so that others may come in between.
        self._packed += (self._packer.flush(zlib.Z_FULL_FLUSH), part.packed)
        self._count(part.plain)

    def _count(self, part: bytes) -> None:
        self._size += len(part)
        self._checksum = zlib.crc32(part, self._checksum)
        if self._size <= _MOST_PLAIN:
            self._parts.append(part)
        else:
            self._parts.clear()

    def body(self) -> AnyBody:
        """All parts; nothing can be added after it."""
        end = struct.pack("<2L", self._checksum, self._size % (1 << 32))
        packed = b"".join([*self._packed, self._packer.flush(), end])
        if self._size > _MOST_PLAIN:
            return PackedBody(self._content_type, packed)
        plain = b"".join(self._parts)
        return Body(self._content_type, plain, packed if self._size >= _WORTH_GZIP else None)


def body(content_type: str, plain: bytes) -> AnyBody:
    """*plain*, with a compressed copy if it is long enough, or that alone if it is too long."""
    return body_of(content_type, [SharedPart(plain, None)])


def body_of(content_type: str, parts: Sequence[SharedPart]) -> AnyBody:
    """Likewise of *parts*, one after the other."""
    if sum(len(part.plain) for part in parts) < _WORTH_GZIP:
        return Body(content_type, b"".join(part.plain for part in parts))
    writer = BodyWriter(content_type)
    for part in parts:
        writer.write_shared(part)
    return writer.body()


def array(reports: Iterable[bytes]) -> bytes:
    """A JSON array of *reports*, their bytes unchanged."""
    return b"[" + b",".join(reports) + b"]"


def array_parts(reports: Sequence[SharedPart]) -> List[SharedPart]:
    """The parts of `array`."""
    comma = SharedPart(b",", None)
    between = [part for report_ in reports for part in (comma, report_)]
    return [SharedPart(b"[", None), *between[1:], SharedPart(b"]", None)]
