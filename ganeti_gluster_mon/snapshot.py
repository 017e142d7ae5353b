"""A pool, its health, and when: the input of every command, from one of three sources.

`from_daemon` reads what the daemon on this node knows.  It takes no lock and queries nothing.  On a node that follows,
the pool is as the leader reports it, with this node's own mounts, processes and probes, as in this node's daemon.
`from_gluster` queries Gluster.  `from_capture` reads a recorded capture, as of the moment it was recorded.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from typing import Mapping, Optional

from ganeti_gluster_mon import history, mutes
from ganeti_gluster_mon.daemon.picture import Followed, Picture, View, picture
from ganeti_gluster_mon.daemon.spool import Spool
from ganeti_gluster_mon.daemon.web.annotations import annotated
from ganeti_gluster_mon.gluster import capture, cycle, session
from ganeti_gluster_mon.gluster.model import Pool, Unknown
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import Health, Limits, evaluate


@dataclass(frozen=True)
class Snapshot:
    """A pool and its health at a moment."""

    pool: Pool
    health: Health
    #: ns since the epoch: the health was evaluated at this moment
    now: int
    limits: Limits
    #: in words: "the daemon, 3 s ago"
    source: str
    #: seconds that the query took; None for a capture
    seconds: Optional[float] = None
    #: queries that failed, by reason: "glusterd-down" and the like
    failures: Mapping[str, int] = field(default_factory=dict)
    #: why Gluster cannot be queried, in one line; "" where it can
    error: str = ""


def from_capture(directory: str, limits: Limits) -> Snapshot:
    """The pool as it was when the capture in *directory* was recorded.  Raises CaptureError."""
    recorded = capture.read(directory)
    pool, now = build_pool(recorded), recorded.recorded_at
    return Snapshot(pool, evaluate(pool, limits, now), now, limits, f"the capture {directory}")


def from_daemon(
    run_directory: str, limits: Limits, state_directory: str = mutes.DIRECTORY
) -> Optional[Snapshot]:
    """The pool as the daemon on this node knows it; None where none runs, or where what it knows is stale."""
    view = daemon_view(run_directory)
    if view is None:
        return None
    limits = replace(limits, stale_after=view.own.cycle.stale_after)
    seen = _annotated(picture(view, limits, time.time_ns()), state_directory)
    return Snapshot(
        seen.pool,
        seen.health,
        seen.now,
        limits,
        f"the daemon, {view.age():.0f} s ago",
        view.own.cycle.seconds,
        view.own.cycle.failures,
    )


def from_gluster(
    settings: cycle.Settings, limits: Limits, state_directory: str = mutes.DIRECTORY
) -> Snapshot:
    """The pool by a query of Gluster, now; where Gluster cannot be queried, nothing is known, for a reason."""
    began = time.time_ns()
    error, failures = "", {}
    try:
        pool = build_pool(cycle.query_gluster(settings))
    except session.GlusterUnavailable as err:
        error, failures = str(err), {err.kind: 1}
        pool = Pool(taken_at=began, node=cycle.node_name(), unknowns=(Unknown("the pool", error),))
    now = time.time_ns()
    seen = _annotated(Picture(pool, evaluate(pool, limits, now), now), state_directory)
    return Snapshot(seen.pool, seen.health, now, limits, "Gluster", (now - began) / 1e9, failures, error)


def _annotated(seen: Picture, state_directory: str) -> Picture:
    """*seen* with what the daemon keeps in *state_directory*: since when problems exist, and what is muted."""
    known = history.read(os.path.join(state_directory, history.FILE))
    return annotated(seen, known, mutes.read(state_directory))


def daemon_view(run_directory: str) -> Optional[View]:
    """What the daemon on this node has: its own capture and the leader's; None where none runs, or all is stale."""
    spool = Spool(run_directory)
    if not spool.is_poller_running():
        return None
    try:
        own = spool.current()
    except capture.CaptureError:
        return None
    if own.cycle.leads:
        view = View(own, leader=True)
    else:
        told = spool.leader_capture()
        if told is None:
            return None
        theirs, moment, uuid = told
        view = View(own, Followed(theirs, moment), uuid, leader=False)
    return view if view.age() <= own.cycle.stale_after else None
