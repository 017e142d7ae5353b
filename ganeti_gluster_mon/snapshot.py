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
from ganeti_gluster_mon.daemon import spool_view
from ganeti_gluster_mon.daemon.spool_view import SpoolView
from ganeti_gluster_mon.gluster import capture, cycle, session
from ganeti_gluster_mon.gluster.model import Pool, Unknown
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import Health, Limits, evaluate, with_stuck
from ganeti_gluster_mon.health.annotate import annotate
from ganeti_gluster_mon.history import History
from ganeti_gluster_mon.mutes import Mutes
from ganeti_gluster_mon.paths import STATE_DIRECTORY


@dataclass(frozen=True)
class Snapshot:
    """A pool and its health at a moment."""

    pool: Pool
    health: Health
    #: ns since the epoch: the health was evaluated at this moment
    now: int
    limits: Limits = field(default_factory=Limits)
    #: in words: "the daemon, 3 s ago"
    source: str = ""
    #: seconds that the query took; None for a capture
    seconds: Optional[float] = None
    #: queries that failed, by reason: "glusterd-down" and the like
    failures: Mapping[str, int] = field(default_factory=dict)
    #: why Gluster cannot be queried, in one line; "" where it can
    error: str = ""

    def annotated(self, known: History, muted: Mutes) -> Snapshot:
        """This snapshot with the time since when each problem exists, the rates of healing, and the mutes."""
        now = self.now / 1e9
        pool = known.with_rates(self.pool)
        health = annotate(
            with_stuck(self.health, pool, now),
            known.since.get,
            lambda problem: muted.is_muted(problem.code, problem.volume, now, problem.subject),
        )
        return replace(self, pool=pool, health=health)


def from_capture(directory: str, limits: Limits) -> Snapshot:
    """The pool as it was when the capture in *directory* was recorded.  Raises CaptureError."""
    recorded = capture.read(directory)
    pool, now = build_pool(recorded), recorded.recorded_at
    return Snapshot(pool, evaluate(pool, limits, now), now, limits, f"the capture {directory}")


def from_daemon(
    run_directory: str, limits: Limits, state_directory: str = STATE_DIRECTORY
) -> Optional[Snapshot]:
    """The pool as the daemon on this node knows it; None where none runs, or where what it knows is stale."""
    view = spool_view.read(run_directory)
    if view is None:
        return None
    limits = replace(limits, stale_after=view.own.cycle.stale_after)
    return _annotated(from_view(view, limits, time.time_ns()), state_directory)


def from_view(view: SpoolView, limits: Limits, now: int) -> Snapshot:
    """The pool at *now* (ns since the epoch) by the captures of the daemon on this node."""
    pool, health = spool_view.pool_and_health(view, limits, now)
    source = f"the daemon, {view.age():.0f} s ago"
    return Snapshot(pool, health, now, limits, source, view.own.cycle.seconds, view.own.cycle.failures)


def from_gluster(
    settings: cycle.Settings, limits: Limits, state_directory: str = STATE_DIRECTORY
) -> Snapshot:
    """The pool by a query of Gluster, now.

    Where glusterd does not answer, only the mounts and processes of this node are known; where Gluster cannot be
    queried for another reason, nothing is.
    """
    began = time.time_ns()
    error, failures = "", {}
    try:
        pool = build_pool(cycle.query_gluster(settings))
    except (session.GlusterdDown, session.GlusterdHangs) as err:
        error, failures = str(err), {err.kind: 1}
        # this node's mounts and processes are known all the same
        pool = build_pool(cycle.without_gluster(settings, error))
        pool = replace(pool, unknowns=(Unknown("the pool", error),))
    except session.GlusterUnavailable as err:
        error, failures = str(err), {err.kind: 1}
        pool = Pool(taken_at=began, node=cycle.node_name(), unknowns=(Unknown("the pool", error),))
    now = time.time_ns()
    health, seconds = evaluate(pool, limits, now), (now - began) / 1e9
    found = Snapshot(pool, health, now, limits, "Gluster", seconds, failures, error)
    return _annotated(found, state_directory)


def _annotated(found: Snapshot, state_directory: str) -> Snapshot:
    """*found* with the history and the mutes that the daemon keeps in *state_directory*."""
    known = history.read(os.path.join(state_directory, history.FILE))
    return found.annotated(known, mutes.read(state_directory))
