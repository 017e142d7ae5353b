"""The last rebalance of a volume, as a task that is to begin another has to know it."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from ganeti_gluster_mon.deploy.apply import query_nodes, wait_for_lock
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.daemon_steps import LOCALHOST
from ganeti_gluster_mon.deploy.gluster_cli import gluster_argv, output
from ganeti_gluster_mon.deploy.prerequisites import GLUSTERD_DIRECTORY
from ganeti_gluster_mon.deploy.step import NodeQuery, PreconditionFailed
from ganeti_gluster_mon.deploy.stopped_steps import processes, processes_query
from ganeti_gluster_mon.deploy.task_steps import RebalanceState, rebalance
from ganeti_gluster_mon.deploy.wait import print_line
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.query import rebalance_status
from ganeti_gluster_mon.gluster.validation import Refused, Unreadable
from ganeti_gluster_mon.text import one_line

#: messages of `rebalance status` where there was no rebalance (xlators/mgmt/glusterd/src/glusterd-rebalance.c)
_NEVER = re.compile(r"Rebalance not started for volume|is not a distribute volume")
#: and where it does not answer about the last one, which cannot be in progress then
_NOT_STARTED = re.compile(r"needs to be started to perform rebalance")
_ID = re.compile(r"^rebalance-id=([0-9a-f-]{36})$", re.MULTILINE)


class PreviousRebalance(NamedTuple):
    """The rebalance that was last, and is not the one that a task waits for."""

    #: None: there was none, or the last one runs and is waited for
    id: Optional[str]
    #: whether glusterd calls it in progress, though its processes have ended
    died: bool


def previous_rebalance(
    context: Context, coordinator: str, volume: str, bricks_change: bool = False
) -> PreviousRebalance:
    """The rebalance of *volume* that was last, by glusterd of *coordinator*.

    One that runs is waited for instead of beginning another, but not where *bricks_change* meanwhile: it does not know
    the new bricks.

    glusterd calls a rebalance in progress for ever where it notices that the process is gone while the kernel still
    ends it (docs/gluster.md).  Where a node cannot be queried, the rebalance is not known to have died.

    Raises PreconditionFailed where the last rebalance is not known: it would be taken for the next one.
    """
    reply = rebalance_reply(context, coordinator, volume)
    state = rebalance(reply)
    if state is None:
        return PreviousRebalance(_id_without_status(context, coordinator, volume, reply), False)
    if _has_died(context, coordinator, volume, state):
        return PreviousRebalance(state.id, True)
    runs = state.status == "in progress" and not bricks_change
    return PreviousRebalance(None if runs else state.id, False)


def rebalance_reply(context: Context, coordinator: str, volume: str) -> CommandResult:
    """The answer to `rebalance status`, for which a lock of Gluster is waited for."""
    question = NodeQuery(coordinator, gluster_argv(rebalance_status(volume)))
    (reply,) = wait_for_lock(lambda: (query_nodes(context.host, [question])[question],), print_line)
    return reply


def _id_without_status(
    context: Context, coordinator: str, volume: str, reply: CommandResult
) -> Optional[str]:
    """The id of the last rebalance, which `rebalance status` refuses to report in *reply*; None: there was none."""
    why = _refusal(reply)
    if _NEVER.search(why):
        return None
    if _NOT_STARTED.search(why):
        # once the volume is started, `rebalance status` reports it again
        file = NodeQuery(coordinator, ("cat", "--", f"{GLUSTERD_DIRECTORY}/vols/{volume}/node_state.info"))
        content = query_nodes(context.host, [file])[file]
        found = _ID.search(content.stdout)
        if content.status == 0 and found is not None:
            return found[1] if found[1].strip("0-") else None
        why = content.reason if content.status else f"{file.argv[-1]} has no rebalance-id"
    raise PreconditionFailed(
        f"the last rebalance of {volume} is not known: {coordinator}: {why}: once gluster volume rebalance {volume} "
        "status answers there, run this command again"
    )


def _refusal(reply: CommandResult) -> str:
    """Why *reply* is no status, in one line: Gluster's own words where it has some."""
    try:
        parse.rebalance_status(output(reply))
    except (Refused, Unreadable, PreconditionFailed) as err:
        return one_line(str(err), 300)
    return reply.reason


def _has_died(context: Context, coordinator: str, volume: str, state: RebalanceState) -> bool:
    """Whether no host on which glusterd calls a rebalance in progress has a process of it."""
    if state.id is None or not state.busy:
        return False
    nodes = [context.cluster.node_of_host(coordinator if host == LOCALHOST else host) for host in state.busy]
    queries = [processes_query(node.name, (volume,)) for node in nodes if node is not None]
    if len(queries) < len(state.busy):
        return False
    answers = query_nodes(context.host, queries)
    try:
        found = [what for query in queries for _, _, what in processes(query.node, answers[query])]
    except PreconditionFailed:
        return False
    return f"daemon rebalance/{volume}" not in found
