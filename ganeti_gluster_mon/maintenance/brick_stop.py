"""The steps that stop all bricks of a node, so that clients notice at once.

A brick that gets SIGTERM closes its connections: clients go on with the other bricks of its set within a second.
A node that vanishes with its bricks is waited for: for network.ping-timeout, 42 s, in which guests stand still.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import List, Sequence, Tuple

from ganeti_gluster_mon.deploy import gluster_cli
from ganeti_gluster_mon.deploy.heal_steps import heal_command
from ganeti_gluster_mon.deploy.remote import brick_processes, program
from ganeti_gluster_mon.deploy.step import DONE, WAIT, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster import query
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.gluster.query import Query
from ganeti_gluster_mon.health.stop_check import StopCheck, check_stop
from ganeti_gluster_mon.text import one_line, some

_TIMEOUT = 60.0


@dataclass(frozen=True)
class MayStopBricks(Step):
    """A node whose bricks may be stopped now; the step changes nothing but that it begins rounds of healing.

    The migration of instances may have taken hours.  So Gluster is queried again right before bricks are stopped.
    Where nothing but healing is missing, the step waits for it: what a guest writes at this moment may count as an
    entry that is pending.
    """

    #: a node of the pool that stays
    coordinator: str
    #: the names in the pool of this node, and of other nodes in maintenance
    hosts: Tuple[str, ...]
    #: started volumes that keep copies or fragments
    volumes: Tuple[str, ...]

    @property
    def description(self) -> str:
        return "bricks may be stopped"

    @property
    def effect_timeout(self) -> float:
        """Seconds without a change of the number of entries that are pending."""
        return 120.0

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (
            NodeQuery(self.node, program(brick_processes)),
            *(
                NodeQuery(self.coordinator, gluster_cli.gluster_argv(each), _TIMEOUT)
                for each in self._queries()
            ),
        )

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        if not processes(answers[0], self.node):
            return DONE
        found = self._check(answers)
        if found.besides_healing:
            reasons = one_line("; ".join(found.besides_healing), 500)
            raise PreconditionFailed(f"{self.node}: its bricks must not be stopped now: {reasons}")
        return WAIT if found.unhealed else DONE

    def progress(self, answers: Sequence[CommandResult]) -> str:
        return one_line("; ".join(self._check(answers).unhealed), 500)

    def kick(self) -> Tuple[Command, ...]:
        """A round of healing of each volume; without it Gluster begins one every ten minutes."""
        return tuple(heal_command(self.coordinator, volume) for volume in self.volumes)

    def _check(self, answers: Sequence[CommandResult]) -> StopCheck:
        return check_stop(_pool(self.coordinator, self._queries(), answers[1:]), frozenset(self.hosts))

    def _queries(self) -> Tuple[Query, ...]:
        return (
            query.VOLUME_INFO,
            query.POOL_LIST,
            query.VOLUME_STATUS,
            *(query.heal_summary(volume) for volume in self.volumes),
        )


@dataclass(frozen=True)
class StopBricks(Step):
    """A node without brick processes."""

    @property
    def description(self) -> str:
        return "bricks stopped"

    @property
    def effect_timeout(self) -> float:
        return 60.0

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.node, program(brick_processes)),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        running = processes(answers[0], self.node)
        if not running:
            return DONE
        return (Command(self.node, ("kill", "-TERM", *(str(pid) for pid, _, _ in running))),)

    def progress(self, answers: Sequence[CommandResult]) -> str:
        running = [
            f"{path} (process {pid}, state {state})" for pid, state, path in processes(answers[0], self.node)
        ]
        return f"still running: {one_line(some(running, 4))}" if running else ""


def processes(reply: CommandResult, node: str) -> Tuple[Tuple[int, str, str], ...]:
    """The brick processes: pid, state and path.  Raises PreconditionFailed where they are not known."""
    try:
        found: List[Tuple[int, str, str]] = [
            (int(pid), str(state), str(path)) for pid, state, path in json.loads(reply.stdout)
        ]
    except (ValueError, TypeError) as err:
        raise PreconditionFailed(f"{node}: it is not known which bricks run there: {reply.reason}") from err
    return tuple(found)


def _pool(coordinator: str, queries: Sequence[Query], answers: Sequence[CommandResult]) -> Pool:
    """The pool by the answers of gluster on *coordinator*; what was not answered is not known."""
    found = [
        Answer(each, reply.stdout.encode("utf-8", "surrogateescape"), reply.status, reply.stderr)
        for each, reply in zip(queries, answers)
    ]
    return build_pool(Capture(time.time_ns(), tuple(found), node=coordinator))
