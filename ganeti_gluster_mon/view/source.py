"""Where the picture comes from: a capture, what the daemon knows, or Gluster itself.

The daemon's picture costs nothing and locks nobody out.  On a node that follows, the pool is as the node that leads
saw it, with this node's own mounts and bricks laid over it, just as this node's daemon shows it.  Where there is no
daemon, or it has had no answers for a while, Gluster is asked.
"""

from __future__ import annotations

import argparse
import time
from typing import Optional

from ganeti_gluster_mon.failure import CannotDo
from ganeti_gluster_mon.ganeti import ssconf
from ganeti_gluster_mon.ganeti.configuration import Reader
from ganeti_gluster_mon.gluster import capture, command, cycle
from ganeti_gluster_mon.gluster.pool import understand
from ganeti_gluster_mon.health import Limits, evaluate
from ganeti_gluster_mon.serve.handover import Handover
from ganeti_gluster_mon.serve.picture import Followed, Picture, View, picture
from ganeti_gluster_mon.view.sight import Sight
from ganeti_gluster_mon.view.waiting import Waiting

LIMITS = Limits()


def see(arguments: argparse.Namespace) -> Sight:
    """The pool, by the options that commands.add_source added.

    Raises CannotDo where Gluster has to be asked and cannot be, CaptureError where a capture cannot be read.
    """
    if arguments.replay is not None:
        recorded = capture.read(arguments.replay)
        pool, now = understand(recorded), recorded.recorded_at
        return Sight(pool, evaluate(pool, LIMITS, now), now, source=f"the capture {arguments.replay}")
    cluster = cluster_here()
    view = None if arguments.ask else known_to_the_daemon(arguments.run_dir)
    if view is not None:
        seen = picture(view, LIMITS, time.time_ns())
        source = f"the daemon, {view.age():.0f} s ago"
    else:
        seen, source = asked(), "Gluster"
    waiting = Waiting(cluster, seen.pool)
    return Sight(seen.pool, seen.health, seen.now, cluster, waiting, source)


def cluster_here() -> Optional[ssconf.Cluster]:
    """The cluster this node is in; None where it is in none."""
    try:
        return ssconf.read()
    except ssconf.NoCluster:
        return None


def known_to_the_daemon(run_directory: str) -> Optional[View]:
    """What the daemon on this node knows of the pool; None where none runs, or it knows nothing that is not too old."""
    handover = Handover(run_directory)
    if not handover.is_asking():
        return None
    try:
        own = handover.current()
    except capture.CaptureError:
        return None
    if own.cycle.leads:
        view = View(own, leader=True)
    else:
        told = handover.followed()
        if told is None:
            return None
        theirs, moment, uuid = told
        view = View(own, Followed(theirs, moment), uuid, leader=False)
    return view if view.age() <= LIMITS.stale_after else None


def asked() -> Picture:
    """The pool as Gluster tells of it now.  Raises CannotDo."""
    try:
        pool = understand(cycle.ask(cycle.Settings(processes=False, disks=Reader().disks)))
    except command.CannotAsk as err:
        raise CannotDo(str(err)) from err
    now = time.time_ns()
    return Picture(pool, evaluate(pool, LIMITS, now), now)
