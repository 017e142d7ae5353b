"""What a task gets, the cluster and how to reach its nodes, and what it returns, a proposal."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Callable, Tuple

from ganeti_gluster_mon.deploy.change_lock import ChangeLock, LockHost, Owner
from ganeti_gluster_mon.deploy.step import Step
from ganeti_gluster_mon.ganeti.ssconf import Cluster


@dataclass(frozen=True)
class Proposal:
    """What is going to be done, and what has to be said, and asked, before."""

    steps: Tuple[Step, ...]
    #: told before anything is done
    notes: Tuple[str, ...] = ()
    #: what would be lost; without it nothing is asked
    question: str = ""
    #: what has been reached in the end, and the next step, in one line
    result: str = ""
    #: what is recommended besides; told after all was done
    advice: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """The cluster, and how to reach its nodes."""

    cluster: Cluster
    host: LockHost
    own: str

    def lock(self) -> ChangeLock:
        """The lock that keeps other commands from changing the pool, to be taken on every node that is online."""
        nodes = [node.name for node in self.cluster.nodes if not node.offline]
        return ChangeLock(self.host, nodes, Owner.current(self.own))


Task = Callable[[Context, argparse.Namespace], Proposal]
