"""The input of the lists: the pool, its health, and the nodes that Ganeti knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ganeti_gluster_mon.ganeti.ssconf import Cluster
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.health import Health
from ganeti_gluster_mon.view.waiting_bricks import Waiting


@dataclass(frozen=True)
class PoolView:
    """A pool and its health at a moment, with the cluster."""

    pool: Pool
    health: Health
    #: ns since the epoch: the health was evaluated at this moment
    now: int
    #: None: this is no node of a Ganeti cluster, or it does not matter (a replay)
    cluster: Optional[Cluster] = None
    #: bricks that wait until there are enough for a whole set; None: not known
    waiting: Optional[Waiting] = None
    #: where it is from, in words: "the daemon, 3 s ago"
    source: str = ""
