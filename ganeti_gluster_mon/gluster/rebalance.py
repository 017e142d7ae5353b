"""What is known of a rebalance or remove-brick; a part of the model.  None means *not known*."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Tuple


@dataclass(frozen=True)
class Rebalance:
    """A task that moves data between bricks, from `volume status`'s tasks."""

    #: "rebalance" or "remove-brick", Gluster's own words in lower case
    type: str
    #: "not started", "in progress", "completed", "failed", "stopped", "fix-layout in progress", …
    status: str
    id: Optional[str] = None
    #: of a remove-brick: the bricks ("host:path") that it empties
    bricks: Tuple[str, ...] = ()
    #: files that could not be moved, over all hosts; None: not known
    failures: Optional[int] = None
    #: the same host by host
    nodes: Tuple[RebalanceNode, ...] = ()
    #: since when (seconds since the epoch) it is in progress and its run time has not grown: its process has ended;
    #: None also where that takes earlier cycles to know
    stalled_since: Optional[float] = field(default=None, compare=False)

    @property
    def run_time(self) -> Optional[float]:
        """Seconds over all hosts on which it is in progress, which grow while it runs; None: not known, or on none."""
        times = [node.run_time for node in self.nodes if node.status.endswith("in progress")]
        known = [time for time in times if time is not None]
        return sum(known) if known and len(known) == len(times) else None


@dataclass(frozen=True)
class RebalanceNode:
    """The part of a rebalance that runs on one host."""

    host: str
    #: as `Rebalance.status`
    status: str
    #: files that could not be moved; None: not known
    failures: Optional[int] = None
    #: files and bytes that were moved; None: not known
    files: Optional[int] = None
    size: Optional[int] = None
    #: files that were looked at, and those of them that were left where they are; None: not known
    lookups: Optional[int] = None
    skipped: Optional[int] = None
    #: seconds that it has run; None: not known
    run_time: Optional[float] = None
