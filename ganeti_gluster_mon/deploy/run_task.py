"""Runs a task: the task proposes steps, a person confirms them, and they are applied."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from typing import Optional

from ganeti_gluster_mon.deploy import layout as layouts
from ganeti_gluster_mon.deploy.apply import PlanRefused, PlanStopped, apply, dry_run_text, precheck
from ganeti_gluster_mon.deploy.change_lock import ChangeLock
from ganeti_gluster_mon.deploy.command_arguments import UsageError
from ganeti_gluster_mon.deploy.confirmation import confirm
from ganeti_gluster_mon.deploy.context import Context, Proposal, Task
from ganeti_gluster_mon.deploy.wait import print_line
from ganeti_gluster_mon.ganeti import ssconf
from ganeti_gluster_mon.ganeti.ssh import Nodes
from ganeti_gluster_mon.maintenance.maintenance_record import in_the_way


def run_task(
    task: Task,
    arguments: argparse.Namespace,
    context: Optional[Context] = None,
    of_maintenance: bool = False,
) -> int:
    """Run *task* with *arguments*; returns the exit status.

    While a node is in maintenance only tasks *of_maintenance* are run: others start bricks.
    """
    command = task.__name__.replace("_", " " if of_maintenance else "-")
    reread = False
    try:
        if context is None:
            if os.geteuid():
                raise PlanRefused(
                    f"{command} runs commands on the nodes, which only root can do: run it as root"
                )
            cluster = ssconf.read()
            nodes = Nodes(cluster)
            context = Context(cluster, nodes, nodes.own)
            reread = True
        if not of_maintenance:
            _refuse_in_maintenance(context)
        if arguments.dry_run:
            proposal = task(context, arguments)
            for note in proposal.notes:
                print_line(note)
            sys.stdout.write(dry_run_text(proposal.steps, precheck(context.host, proposal.steps)))
            return 0
        with context.lock() as lock:
            if reread:  # a command that had the lock may have begun a maintenance, or ended it
                context = replace(context, cluster=ssconf.read())
                if not of_maintenance:
                    _refuse_in_maintenance(context)
            return _change(context, lock, task(context, arguments), arguments)
    except (UsageError, layouts.NoLayout) as err:
        print(f"gnt-gluster {command}: {err}", file=sys.stderr)
        return 2
    except PlanRefused as err:
        for line in str(err).splitlines():
            print(f"gnt-gluster: {line}", file=sys.stderr)
        print_line("nothing was done")
        return 1
    except KeyboardInterrupt:
        raise PlanStopped("interrupted before anything was done") from None


def _refuse_in_maintenance(context: Context) -> None:
    """Raise PlanRefused while a node is in maintenance."""
    reason = in_the_way(context.cluster.tags)
    if reason:
        raise PlanRefused(reason)


def _change(context: Context, lock: ChangeLock, proposal: Proposal, arguments: argparse.Namespace) -> int:
    """Have the proposal confirmed, and apply its steps; returns the exit status."""
    if proposal.question:
        precheck(context.host, proposal.steps)  # before a person has to confirm it
        if not confirm(proposal.question, proposal.notes, arguments.force):
            print_line("nothing was done")
            return 1
    else:
        for note in proposal.notes:
            print_line(note)
    changed = apply(context.host_for_changes(lock), proposal.steps, print_line, arguments.verbose)
    for line in proposal.advice:
        print_line(line)
    print_line("; ".join(filter(None, ("" if changed else "nothing to do", proposal.result))) or "done")
    return 0
