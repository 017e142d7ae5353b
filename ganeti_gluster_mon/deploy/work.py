"""What the commands that change something do: a task plans it, somebody is asked, it is applied."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from typing import Callable, Optional, Tuple

from ganeti_gluster_mon.deploy import layout as layouts
from ganeti_gluster_mon.deploy.apply import Refused, Stopped, apply, foresee, shown
from ganeti_gluster_mon.deploy.consent import sure
from ganeti_gluster_mon.deploy.lock import ChangeLock, LockedHost, LockHost, Owner
from ganeti_gluster_mon.deploy.request import Usage
from ganeti_gluster_mon.deploy.step import Step
from ganeti_gluster_mon.ganeti import ssconf
from ganeti_gluster_mon.ganeti.ssconf import Cluster
from ganeti_gluster_mon.ganeti.ssh import Nodes


@dataclass(frozen=True)
class Asked:
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
class World:
    """The cluster, and how to reach its nodes."""

    cluster: Cluster
    host: LockHost
    own: str

    def lock(self) -> ChangeLock:
        """The lock that keeps other commands from changing the pool, to be taken on every node that is online."""
        nodes = [node.name for node in self.cluster.nodes if not node.offline]
        return ChangeLock(self.host, nodes, Owner.current(self.own))


Task = Callable[[World, argparse.Namespace], Asked]


def carry_out(task: Task, arguments: argparse.Namespace, world: Optional[World] = None) -> int:
    """Plan what *task* makes of the *arguments*, and do it; returns the exit status."""
    command = task.__name__.replace("_", "-")
    try:
        if world is None:
            if os.geteuid():
                raise Refused(f"{command} runs commands on the nodes, which only root can do: run it as root")
            cluster = ssconf.read()
            nodes = Nodes(cluster)
            world = World(cluster, nodes, nodes.own)
        if arguments.dry_run:
            wish = task(world, arguments)
            for note in wish.notes:
                say(note)
            sys.stdout.write(shown(wish.steps, foresee(world.host, wish.steps)))
            return 0
        with world.lock() as lock:
            return _change(world, lock, task(world, arguments), arguments)
    except (Usage, layouts.NoLayout) as err:
        print(f"gnt-gluster {command}: {err}", file=sys.stderr)
        return 2
    except Refused as err:
        for line in str(err).splitlines():
            print(f"gnt-gluster: {line}", file=sys.stderr)
        say("nothing was done")
        return 1
    except KeyboardInterrupt:
        raise Stopped("interrupted before anything was done") from None


def _change(world: World, lock: ChangeLock, wish: Asked, arguments: argparse.Namespace) -> int:
    """Ask what has to be asked, and apply the steps; returns the exit status."""
    if wish.question:
        foresee(world.host, wish.steps)  # nobody is asked about what cannot be done anyway
        if not sure(wish.question, wish.notes, arguments.force):
            say("nothing was done")
            return 1
    else:
        for note in wish.notes:
            say(note)
    changed = apply(LockedHost(world.host, lock), wish.steps, say, arguments.verbose)
    for line in wish.advice:
        say(line)
    say("; ".join(filter(None, ("" if changed else "nothing to do", wish.result))) or "done")
    return 0


def say(line: str) -> None:
    """Tell how far it is, on standard error."""
    print(line, file=sys.stderr, flush=True)
