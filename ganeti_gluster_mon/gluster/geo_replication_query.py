"""`volume geo-replication status detail`, of all volumes, by a process of its own: it needs gsyncd (child.py).

Without the name of a volume it takes no lock.  On each node gsyncd runs once for each brick that has a session, 0.1 s
or more.  So it is run once in GEO_INTERVAL, only where a volume has a session, not while a peer does not answer, and at
the same time as the other queries of the cycle.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

from ganeti_gluster_mon import safe_open
from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.geo_replication import GeoReplication
from ganeti_gluster_mon.gluster.own_process import WITH_GSYNCD, OwnProcess

#: seconds for which a status is kept, one with a worker that is faulty or begins, and after which one that could not be
#: had again is forgotten
GEO_INTERVAL, FAULTY_INTERVAL, GEO_FORGET_AFTER = 300.0, 60.0, 900.0
#: seconds for the query
GEO_TIMEOUT = 10.0
#: glusterd stores a volume's sessions in VOLUME/info here; reading it takes no lock
VOLUMES_DIRECTORY = "/var/lib/glusterd/vols"
_SESSION = re.compile(
    rb"^(?:secondary|slave)[0-9]+=[^:\n]*:(?:ssh://)?([^\n]+?::[^:\n]+?)(?::[0-9a-f-]{36})?$", re.MULTILINE
)
_MOST_BYTES = 1 << 20
_COMMAND = "volume geo-replication status detail"
_NO_ANSWER = f"no answer to `{_COMMAND}` in time"
_NOT_RUN = "not queried, since it would hang: a peer does not answer"

Sessions = Tuple[GeoReplication, ...]


class GeoReplicationQuery:
    """The query, which runs from now on where it has to."""

    def __init__(
        self,
        gluster: str,
        volumes: Iterable[parse.VolumeInfo],
        previous: Optional[Capture],
        may_run: bool = True,
        directory: str = VOLUMES_DIRECTORY,
    ) -> None:
        """Start the query for the sessions of *volumes* that are started, unless those of *previous* are new.

        Where *may_run* is False it is not started.
        """
        self._expected = [
            (volume.name, secondary)
            for volume in volumes
            if volume.state == "started"
            for secondary in sessions_of(volume.name, directory)
        ]
        before = _by_name(() if previous is None else previous.geo_replications)
        self._known = {name: before[name] for name in self._expected if name in before}
        self._process: Optional[OwnProcess] = None
        self._began, self._now = time.monotonic(), time.time_ns()
        self._wanted = any(
            name not in self._known or not _is_new(self._known[name], self._now) for name in self._expected
        )
        if self._wanted and may_run:
            argv = [gluster, "--mode=script", "--xml", *_COMMAND.split()]
            self._process = OwnProcess(argv, WITH_GSYNCD)

    def result(self, deadline: float) -> Sessions:
        """The sessions; those of the previous capture where they are new, or cannot be had again."""
        found: Mapping[Tuple[str, str], GeoReplication] = {}
        why = _NOT_RUN
        if self._process is not None:
            found, why = _parsed(self._process.output(min(deadline, self._began + GEO_TIMEOUT)), self._now)
        sessions: List[GeoReplication] = []
        for name in self._expected:
            known = self._known.get(name)
            if name in found:
                sessions.append(found[name])
            elif known is not None and (not self._wanted or _age(known, self._now) < GEO_FORGET_AFTER):
                sessions.append(known)
            else:
                sessions.append(GeoReplication(*name, self._now, failure=why))
        return tuple(sessions)

    def kill(self) -> None:
        """Have `result` wait no longer; from any thread."""
        if self._process is not None:
            self._process.kill()

    def end(self) -> None:
        """End the process, if it runs."""
        if self._process is not None:
            self._process.end()


def sessions_of(volume: str, directory: str = VOLUMES_DIRECTORY) -> Tuple[str, ...]:
    """Where *volume* is replicated to, as this node's glusterd has stored it: "HOST::VOLUME"."""
    try:
        stored = safe_open.read(f"{directory}/{volume}/info", _MOST_BYTES)
    except OSError:
        return ()
    return tuple(dict.fromkeys(each.decode("utf-8", "replace") for each in _SESSION.findall(stored)))


def _parsed(output: bytes, now: int) -> Tuple[Mapping[Tuple[str, str], GeoReplication], str]:
    """The sessions by volume and secondary, and why one that is not among them is not known."""
    if not output:
        return {}, _NO_ANSWER
    try:
        parsed = parse.geo_replication(output, now)
    except parse.NoAnswer as err:
        return {}, f"`{_COMMAND}`: {err}"
    found = parsed.facts
    if parsed.faults:
        # A fault may be about any of them.
        found = tuple(replace(each, failure=parsed.faults[0]) for each in found)
    return _by_name(found), f"`{_COMMAND}` leaves it out"


def _is_new(session: GeoReplication, now: int) -> bool:
    changing = any(worker.status in ("faulty", "initializing") for worker in session.workers)
    return _age(session, now) < (FAULTY_INTERVAL if changing else GEO_INTERVAL)


def _age(session: GeoReplication, now: int) -> float:
    """Seconds; what is not known, or is by a clock that was set back since, is to be queried again."""
    age = (now - session.queried_at) / 1e9
    return age if session.workers and age >= 0 else float("inf")


def _by_name(sessions: Iterable[GeoReplication]) -> Dict[Tuple[str, str], GeoReplication]:
    return {(each.volume, each.secondary): each for each in sessions}
