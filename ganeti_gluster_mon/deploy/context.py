"""What a task gets, the cluster and how to reach its nodes, and what it returns, a proposal."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Callable, Tuple

from ganeti_gluster_mon.deploy.change_lock import ChangeLock, LockedHost, LockHost, Owner
from ganeti_gluster_mon.deploy.start_guard import GuardedHost
from ganeti_gluster_mon.deploy.step import Step
from ganeti_gluster_mon.ganeti.ssconf import Cluster


@dataclass(frozen=True)
class Proposal:
    """The steps of a task, and the text that a person reads before and after."""

    steps: Tuple[Step, ...]
    #: printed before anything is changed
    notes: Tuple[str, ...] = ()
    #: what would be lost: a person has to confirm it; "": no confirmation is needed
    question: str = ""
    #: what is reached in the end, and the next command, in one line
    result: str = ""
    #: recommendations; printed after all steps
    advice: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """The cluster, how to reach its nodes, and the name of this node."""

    cluster: Cluster
    host: LockHost
    own: str

    def lock(self) -> ChangeLock:
        """The lock against other commands that change the pool; it is taken on every node that is online."""
        nodes = [node.name for node in self.cluster.nodes if not node.offline]
        return ChangeLock(self.host, nodes, Owner.current(self.own))

    def host_for_changes(self, lock: ChangeLock) -> GuardedHost:
        """What steps run their commands on while *lock* is held."""
        return GuardedHost(LockedHost(self.host, lock), self.cluster)


Task = Callable[[Context, argparse.Namespace], Proposal]
