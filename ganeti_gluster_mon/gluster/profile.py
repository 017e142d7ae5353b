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
    #: the least and the largest that one of them took, likewise
    least: Optional[float] = None
    largest: Optional[float] = None


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
    #: by size, the smallest first, those that there were none of left out; None: not known
    blocks: Optional[Tuple[BlockCount, ...]] = None
    #: when the brick wrote this to a file, ns since the epoch; None: Gluster answered a query for it
    dumped_at: Optional[int] = None


@dataclass(frozen=True)
class StatsDump:
    """The file of statistics that a brick of this node has written, where `diagnostics.stats-dump-interval` is set."""

    #: the brick's directory
    brick: str
    #: ns since the epoch
    written_at: int
    #: whether the next one is overdue, so that what it has is not used
    stale: bool = False
    #: seconds that the counts are of, when it was written
    uptime: int = 0
    operations: Tuple[FileOperation, ...] = ()
    read: Optional[int] = None
    written: Optional[int] = None
    blocks: Tuple[BlockCount, ...] = ()
