"""AUTO_REPAIR: the leader's poller starts bricks and self-heal daemons whose process died.

What is to be repaired is decided in repair_decision.py; forced_start.py looks at each brick of the volume and runs the
command.  Here are the limits: at most `MOST_TRIES` an hour, nothing while a node is in maintenance, and nothing while
another command changes the pool.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
from dataclasses import dataclass
from typing import Callable, Dict, FrozenSet, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon import mutes
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.daemon.log import log_event
from ganeti_gluster_mon.daemon.poller.forced_start import must_be_safe, start_by_force
from ganeti_gluster_mon.daemon.poller.repair_decision import StoppedProcess, VolumeRepair, decide
from ganeti_gluster_mon.daemon.poller.tries_file import TriesFile
from ganeti_gluster_mon.deploy.apply import Host
from ganeti_gluster_mon.deploy.change_lock import ChangeLock, LockedHost, LockHost, Owner
from ganeti_gluster_mon.deploy.step import PreconditionFailed
from ganeti_gluster_mon.ganeti import ssconf
from ganeti_gluster_mon.ganeti.ssconf import Cluster
from ganeti_gluster_mon.ganeti.ssh import Nodes
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import Limits, evaluate
from ganeti_gluster_mon.maintenance.maintenance_record import TAG
from ganeti_gluster_mon.repair_tries import (
    FAILED,
    PAUSE,
    SHOWN,
    START_BRICK,
    SUCCEEDED,
    AutoRepairs,
    RepairTry,
)
from ganeti_gluster_mon.text import one_line

#: seconds that the poller waits for the end of a repair before it goes on with the next cycle
_WAIT = 120.0
#: seconds from one notification of the watchdog to the next
_NOTIFY = 5.0
#: the commands go through ssh on this node as well: the poller's unit keeps it from reading the volume id of a brick,
#: and from the lock.  No node has this name.
_NO_NODE = "(none)"
#: a number in a reason, which changes from cycle to cycle
_NUMBER = re.compile(r"\d+")


def ssh_nodes(cluster: Cluster) -> LockHost:
    """The nodes of *cluster*, this one included, by ssh."""
    return Nodes(cluster, _NO_NODE)


@dataclass(frozen=True)
class RepairSettings:
    """What is repaired automatically, and with what."""

    #: of `repair_tries.ACTIONS`
    enabled: FrozenSet[str]
    state_directory: str
    limits: Limits
    read_cluster: Callable[[], Cluster] = ssconf.read
    make_host: Callable[[Cluster], LockHost] = ssh_nodes


class AutoRepair:
    """The automatic repairs of this node."""

    def __init__(self, settings: RepairSettings, alive: Callable[[], None]) -> None:
        """*alive* is called every few seconds, for the watchdog."""
        self._settings = settings
        self._alive = alive
        self._file = TriesFile(settings.state_directory)
        self._tries = self._file.read(time.time())
        self._counts: Mapping[Tuple[str, str, str], int] = {}
        self._stopped: FrozenSet[StoppedProcess] = frozenset()
        #: by volume, what was logged last about why it is left alone
        self._logged: Dict[str, str] = {}
        #: by volume, the time (CLOCK_MONOTONIC) before which nodes are not queried again
        self._next_look: Dict[str, float] = {}
        self._running: Optional[threading.Thread] = None

    def report(self) -> AutoRepairs:
        """What was repaired, for reports."""
        return AutoRepairs(self._tries.tries[: -SHOWN - 1 : -1], self._counts)

    def forget(self) -> None:
        """The last cycle was not complete, or this node does not lead: the next one is the first of two."""
        self._stopped = frozenset()

    def after_cycle(self, capture: Capture) -> bool:
        """Repair what does not run by *capture* and by the cycle before; returns whether a command was run."""
        if self._running is not None and self._running.is_alive():
            return False
        now = time.time()
        pool = build_pool(capture)
        health = evaluate(pool, self._settings.limits, round(now * 1e9))
        muted = mutes.read(self._settings.state_directory)
        decided = decide(pool, health, self._settings.enabled, self._stopped, self._tries, muted, now)
        self._stopped = decided.stopped
        for volume in set(self._logged) - {one.volume for one in decided.stopped}:
            del self._logged[volume]
        for volume, why in decided.refused.items():
            self._log_left_alone(volume, why)
        due = [one for one in decided.repairs if time.monotonic() >= self._next_look.get(one.volume, 0.0)]
        if not due:
            return False
        known = self._tries
        self._running = threading.Thread(
            target=self._repair_all, args=(due,), name="auto-repair", daemon=True
        )
        self._running.start()
        # a node may take long to be reached: the watchdog is notified meanwhile
        deadline = time.monotonic() + _WAIT
        while self._running.is_alive() and time.monotonic() < deadline:
            self._running.join(_NOTIFY)
            self._alive()
        self.forget()
        return self._tries is not known

    def _repair_all(self, due: Sequence[VolumeRepair]) -> None:
        for one in due:
            try:
                self._repair(one)
            except CommandError as err:
                self._log_left_alone(one.volume, str(err))

    def _repair(self, one: VolumeRepair) -> None:
        """Start a volume by force, if that is safe.  Raises CommandError where it is left alone."""
        cluster = self._cluster()
        name = socket.gethostname()
        own = cluster.node(name)
        if own is None:
            raise PreconditionFailed(f"{name} is no node of the cluster")
        # what is known without other nodes may be looked at in each cycle
        self._next_look[one.volume] = time.monotonic() + PAUSE
        host = self._settings.make_host(cluster)
        owner = Owner.current(own.name, ("ganeti-gluster-mon", "auto-repair", one.volume))
        with ChangeLock(host, [node.name for node in cluster.nodes if not node.offline], owner) as lock:
            cluster = self._cluster()  # a maintenance may have begun before the lock was taken
            locked = LockedHost(host, lock)
            if must_be_safe(cluster, locked, own.name, one.volume, START_BRICK in self._settings.enabled):
                self._try(one, locked, own.name)

    def _cluster(self) -> Cluster:
        """The cluster.  Raises CommandError where it is not known, or where a node is in maintenance."""
        cluster = self._settings.read_cluster()
        if any(tag.startswith(TAG) for tag in cluster.tags):
            raise PreconditionFailed("a node is in maintenance: gnt-gluster maintenance status")
        return cluster

    def _try(self, one: VolumeRepair, host: Host, own: str) -> None:
        """Run the command, and record it.  Raises PreconditionFailed where it cannot be recorded, and is not run."""
        begun = self._tries.begun(RepairTry(one.volume, one.action, one.why, time.time()))
        try:
            # before the command, so that a daemon that is killed meanwhile cannot try more often
            self._file.write(begun)
        except OSError as err:
            raise PreconditionFailed(
                f"cannot record the try in {self._settings.state_directory}: {err.strerror or err}"
            ) from err
        self._tries, result, reason = begun, FAILED, ""
        try:
            reply = start_by_force(host, own, one.volume)
            result, reason = (FAILED, reply.reason) if reply.status else (SUCCEEDED, "")
        except CommandError as err:
            reason = str(err)
        self._tries = begun.ended(result)
        key = (one.volume, one.action, result)
        self._counts = {**self._counts, key: self._counts.get(key, 0) + 1}
        fields = {"volume": one.volume, "action": one.action, "why": one.why, "result": result}
        level = logging.INFO if result == SUCCEEDED else logging.ERROR
        log_event(
            level, "automatic repair", {**fields, **({"reason": one_line(reason, 300)} if reason else {})}
        )
        try:
            self._file.write(self._tries)
        except OSError as err:
            log_event(logging.ERROR, "cannot record the result of an automatic repair", {"why": err})

    def _log_left_alone(self, volume: str, why: str) -> None:
        """Log why *volume* is not repaired, once for each reason."""
        why = one_line(why, 300)
        kind = _NUMBER.sub("N", why)
        if self._logged.get(volume) != kind:
            log_event(logging.WARNING, "no automatic repair", {"volume": volume, "why": why})
        self._logged[volume] = kind
