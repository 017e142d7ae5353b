"""Processes of Gluster that a signal has stopped: they hang, and SIGCONT lets them go on where they were.

That loses nothing.  To end such a process instead may lose data: a mount drops what it has acknowledged and not yet
written (docs/gluster.md).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import List, Sequence, Tuple

from ganeti_gluster_mon.deploy.apply import Host, query_nodes
from ganeti_gluster_mon.deploy.remote import gluster_processes, program
from ganeti_gluster_mon.deploy.step import DONE, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.text import one_line, some

_MOST_NAMES = 4
#: the kernel's letter; a process that a debugger holds has "t"
_STOPPED = "T"


@dataclass(frozen=True)
class ContinueProcesses(Step):
    """A node on which no process of Gluster that serves *volumes* is stopped by a signal."""

    volumes: Tuple[str, ...]
    #: what was stopped when this was planned
    stopped: Tuple[str, ...]

    @property
    def description(self) -> str:
        return f"what a signal has stopped goes on: {some(self.stopped, _MOST_NAMES)}"

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (processes_query(self.node, self.volumes),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        pids = [str(pid) for pid, state, _ in processes(self.node, answers[0]) if state == _STOPPED]
        return (Command(self.node, ("kill", "-CONT", *pids)),) if pids else DONE


def continue_steps(host: Host, nodes: Sequence[str], volumes: Sequence[str]) -> List[Step]:
    """A step for each of *nodes* with a stopped process of *volumes*.  A node that cannot be queried has none."""
    queries = {node: processes_query(node, tuple(volumes)) for node in nodes}
    answers = query_nodes(host, queries.values())
    steps: List[Step] = []
    for node, query in queries.items():
        try:
            found = [what for _, state, what in processes(node, answers[query]) if state == _STOPPED]
        except PreconditionFailed:
            continue  # what else is planned on that node needs an answer from it, too
        if found:
            steps.append(ContinueProcesses(node, tuple(volumes), tuple(found)))
    return steps


def processes_query(node: str, volumes: Sequence[str]) -> NodeQuery:
    """The query whose answer `processes` takes."""
    return NodeQuery(node, program(gluster_processes, *volumes))


def processes(node: str, reply: CommandResult) -> Tuple[Tuple[int, str, str], ...]:
    """Process ids, states, and what each process is.  Raises PreconditionFailed where they are not known."""
    try:
        return tuple(
            (int(pid), str(state), one_line(str(what), 120)) for pid, state, what in json.loads(reply.stdout)
        )
    except (ValueError, TypeError) as err:
        raise PreconditionFailed(
            f"{node}: it is not known which processes of Gluster run: {reply.reason}"
        ) from err
