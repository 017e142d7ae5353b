"""The pool that the commands of gnt-gluster show: a capture, the daemon's snapshot, or a query of Gluster."""

from __future__ import annotations

import argparse
from typing import Optional

from ganeti_gluster_mon import snapshot
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.ganeti import ssconf
from ganeti_gluster_mon.ganeti.configuration import Reader
from ganeti_gluster_mon.gluster import cycle
from ganeti_gluster_mon.health import Limits
from ganeti_gluster_mon.snapshot import Snapshot
from ganeti_gluster_mon.view.pool_view import PoolView
from ganeti_gluster_mon.view.waiting_bricks import Waiting

LIMITS = Limits()


def load(arguments: argparse.Namespace) -> PoolView:
    """The pool, by the options that commands.add_source added.

    Raises CommandError where Gluster has to be queried and cannot be, CaptureError where a capture cannot be read.
    """
    if arguments.replay is not None:
        recorded = snapshot.from_capture(arguments.replay, LIMITS)
        return PoolView(recorded.pool, recorded.health, recorded.now, source=recorded.source)
    cluster = cluster_here()
    current = None if arguments.query else snapshot.from_daemon(arguments.run_dir, LIMITS)
    if current is None:
        current = query_pool()
        if current.error:
            raise CommandError(current.error)
    return PoolView(
        current.pool, current.health, current.now, cluster, Waiting(cluster, current.pool), current.source
    )


def cluster_here() -> Optional[ssconf.Cluster]:
    """The cluster this node is in; None where it is in none."""
    try:
        return ssconf.read()
    except ssconf.NoCluster:
        return None


def query_pool() -> Snapshot:
    """The pool by a query of Gluster; `error` is the reason where it cannot be queried."""
    return snapshot.from_gluster(cycle.Settings(processes=False, disks=Reader().disks), LIMITS)
