"""Geo-replication: where a volume is replicated to, and how far; a part of the model.  None means *not known*."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple


@dataclass(frozen=True)
class GeoReplicationWorker:
    """The process of a session that replicates one brick of the volume."""

    #: of the brick
    host: str
    path: str
    #: "active", "passive", "initializing", "faulty", "created", "paused" or "stopped".  One worker of a replica set is
    #: active; the others are passive
    status: Optional[str] = None
    #: Gluster's word in lower case: "hybrid crawl", "history crawl", "changelog crawl"; None also of one that is not
    #: active, as is all below
    crawl: Optional[str] = None
    #: up to when all changes are replicated, seconds since the epoch; it stays where it is while nothing changes
    last_synced_at: Optional[int] = None
    #: names, contents and attributes that wait
    entry: Optional[int] = None
    data: Optional[int] = None
    meta: Optional[int] = None
    #: entries that could not be replicated
    failures: Optional[int] = None
    #: of the checkpoint that an administrator has set: its time, and when all changes up to then were replicated
    checkpoint_at: Optional[int] = None
    checkpoint_completed_at: Optional[int] = None

    @property
    def label(self) -> str:
        """``host:path``, as Gluster writes a brick."""
        return f"{self.host}:{self.path}"

    @property
    def pending(self) -> Optional[int]:
        """Changes that wait; None as soon as one count is not known."""
        if self.entry is None or self.data is None or self.meta is None:
            return None
        return self.entry + self.data + self.meta


@dataclass(frozen=True)
class GeoReplication:
    """A session: a volume, and the volume that it is replicated to."""

    volume: str
    #: "HOST::VOLUME", or "USER@HOST::VOLUME", as in Gluster's commands
    secondary: str
    #: ns since the epoch
    queried_at: int
    #: one for each brick whose node reports
    workers: Tuple[GeoReplicationWorker, ...] = ()
    #: why not all is known, in an administrator's words; None where all is
    failure: Optional[str] = None
