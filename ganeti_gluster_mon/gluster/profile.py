"""What profiling has counted on a brick since it was started there; a part of the model.  None means *not known*."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple


@dataclass(frozen=True)
class FileOperation:
    """One kind of file operation on a brick."""

    #: Gluster's own word: "WRITE", "LOOKUP", …
    name: str
    #: how many there were
    hits: int
    #: nanoseconds (Gluster 8 and newer) or microseconds that all of them took together; None: not known
    latency: Optional[float] = None


@dataclass(frozen=True)
class BlockCount:
    """Reads and writes of at least *size* and less than twice *size* bytes."""

    #: a power of two
    size: int
    reads: int
    writes: int


@dataclass(frozen=True)
class BrickProfile:
    """The file operations on one brick, since the brick or its profiling was started."""

    host: str
    path: str
    operations: Tuple[FileOperation, ...]
    #: bytes that were read and written; None: not known
    read: Optional[int] = None
    written: Optional[int] = None
    #: by size, the smallest first; None: not known
    blocks: Optional[Tuple[BlockCount, ...]] = None
