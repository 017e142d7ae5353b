"""Steps that mute the problems of a node while it is in maintenance, and end that."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.deploy.remote import node_mute, program
from ganeti_gluster_mon.deploy.step import DONE, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.maintenance.maintenance_record import moment
from ganeti_gluster_mon.paths import STATE_DIRECTORY
from ganeti_gluster_mon.text import some


@dataclass(frozen=True)
class MuteHosts(Step):
    """All problems of *hosts*, the names of one node, muted; *node* is where that is written.

    The daemons pass it on to the other nodes.  Where no daemon was ever started nothing is written.
    """

    hosts: Tuple[str, ...]
    #: seconds since the epoch; 0: they are not muted any more
    until: int

    @property
    def description(self) -> str:
        names = some(self.hosts, 3)
        if not self.until:
            return f"problems of {names} not muted any more"
        return f"problems of {names} muted until {moment(self.until)}"

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.node, program(node_mute, STATE_DIRECTORY, "-", *self.hosts)),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        found = _muted(answers[0], self.node)
        if found is None:
            return DONE
        done = not found if not self.until else all(found.get(host, 0) >= self.until for host in self.hosts)
        if done:
            return DONE
        return (Command(self.node, program(node_mute, STATE_DIRECTORY, str(self.until), *self.hosts)),)


def _muted(reply: CommandResult, node: str) -> Optional[Mapping[str, float]]:
    """Until when each host is muted; None where no daemon is installed.  Raises PreconditionFailed."""
    try:
        found = json.loads(reply.stdout)
        return (
            {str(host): float(until) for host, until in found["until"].items()}
            if found["installed"]
            else None
        )
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise PreconditionFailed(f"{node}: it is not known what is muted there: {reply.reason}") from err
