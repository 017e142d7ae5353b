"""Joins the bricks of a node that is added to the cluster, and takes a removed node out of the pool.

Ganeti runs these hooks on every node; only the master acts.  Ganeti shows the output of a post-hook only when its exit
status is not 0, in a line that calls that a failure; the node is added all the same.  So a hook that has something to
report exits with a status other than 0.
"""

from __future__ import annotations

import os
import sys
from typing import Callable, List, Mapping

from ganeti_gluster_mon import etc_default
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.deploy import survey
from ganeti_gluster_mon.deploy.apply import PlanRefused, apply
from ganeti_gluster_mon.deploy.change_lock import LockedHost
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.joining import became, described
from ganeti_gluster_mon.deploy.pool_steps import LeavePool, bricks_on, has_bricks
from ganeti_gluster_mon.deploy.pool_tasks import join_node
from ganeti_gluster_mon.ganeti import ssconf
from ganeti_gluster_mon.ganeti.ssh import Nodes
from ganeti_gluster_mon.maintenance.maintenance_record import in_the_way
from ganeti_gluster_mon.text import one_line

Environment = Mapping[str, str]

_NOTHING_FAILED = "(nothing failed: this is how Ganeti shows what a hook did)"


def added(environment: Environment) -> int:
    """After ``gnt-node add``: the storage of the node that was added becomes bricks."""
    return _on_master(environment, _join)


def removed(environment: Environment) -> int:
    """Before ``gnt-node remove``: a node with bricks is not removed, another leaves the pool, too."""
    return _on_master(environment, _leave)


def fail_in_hook(line: str) -> int:
    """Have Ganeti show *line*: it does when the status is not 0; on one line, or it would write \\n."""
    print(one_line(line))
    return 1


def _on_master(environment: Environment, task: Callable[[Context, str], int]) -> int:
    node, master = environment.get("GANETI_NODE_NAME"), environment.get("GANETI_MASTER")
    if not node or not master:
        return fail_in_hook(
            "gluster: this is a hook of Ganeti's, which gave it no node; by hand: gnt-gluster"
        )
    try:
        cluster = ssconf.read()
        nodes = Nodes(cluster)
        return task(Context(cluster, nodes, nodes.own), node) if nodes.own == master else 0
    except CommandError as err:
        return fail_in_hook(f"gluster: {err}")


def _join(context: Context, node: str) -> int:
    parsed = described(context.cluster.tags, etc_default.text())
    if parsed is None:
        return 0
    try:
        done: List[str] = []
        with context.lock() as lock:
            reason = in_the_way(context.cluster.tags)
            if reason:
                raise PlanRefused(reason)
            wish, grown = join_node(context, node, parsed)
            apply(context.host_for_changes(lock), wish, done.append)
    except CommandError as err:
        return fail_in_hook(
            f"gluster: {node} is a node, and its storage did not join: {'; '.join(str(err).splitlines())}. "
            f"When that is put right: gnt-gluster add-node --join {node}"
        )
    return fail_in_hook(f"{_NOTHING_FAILED} gluster: {became(node, parsed.volume, grown)}")


def _leave(context: Context, node: str) -> int:
    with context.lock() as lock:
        return _leave_locked(context, LockedHost(context.host, lock), node)


def _leave_locked(context: Context, host: LockedHost, node: str) -> int:
    names = [one.name for one in context.cluster.nodes if one.name != node and not one.offline]
    surveyed = survey.survey_nodes(context.host, names, {}, ())
    pools = [one for one in surveyed if one.fault is None and node in [peer.hostname for peer in one.peers]]
    if not pools:
        return 0
    coordinator = pools[0]
    held = bricks_on(coordinator.volumes, node, None)
    if held:
        return fail_in_hook(f"gluster: {has_bricks(node, held, coordinator.volumes)}")
    steps = (LeavePool(node, coordinator.name),)
    apply(host, steps, lambda line: None)
    return 0


def main(hook: Callable[[Environment], int]) -> int:
    """Run *hook* as Ganeti does, whose output is one stream."""
    sys.stderr = sys.stdout
    return hook(os.environ)
