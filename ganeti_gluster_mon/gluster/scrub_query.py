"""`volume bitrot V scrub status`, of volumes with bitrot, by a process of its own: with --xml it prints nothing.

It takes a lock and queries each node.  So it is run once in SCRUB_INTERVAL for each volume, and has a short timeout.
"""

from __future__ import annotations

import time
from typing import Dict, Iterable, List, Optional, Tuple

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.own_process import output_of
from ganeti_gluster_mon.gluster.scrub import ScrubStatus, scrub_statuses

#: seconds for which a status is kept, and after which one that could not be had again is forgotten
SCRUB_INTERVAL, FORGET_AFTER = 300.0, 1800.0
#: seconds for all volumes
SCRUB_TIMEOUT = 3.0


def query_scrubs(
    gluster: str, volumes: Iterable[parse.VolumeInfo], node: str, deadline: float, previous: Optional[Capture]
) -> Tuple[ScrubStatus, ...]:
    """The scrubbers of *volumes* that have bitrot; those of *previous* while they are new."""
    until = min(deadline, time.monotonic() + SCRUB_TIMEOUT)
    before = _by_volume(previous)
    found: List[ScrubStatus] = []
    for volume in volumes:
        if volume.state != "started" or volume.options.get("features.bitrot") != "on":
            continue
        now = time.time_ns()
        known = [each for each in before.get(volume.name, ()) if now - each.queried_at < FORGET_AFTER * 1e9]
        if not known or now - known[0].queried_at >= SCRUB_INTERVAL * 1e9:
            argv = [gluster, "--mode=script", "volume", "bitrot", volume.name, "scrub", "status"]
            text = output_of(argv, until).decode("utf-8", "replace")
            known = list(scrub_statuses(text, volume.name, node, now) or known)
        found += known
    return tuple(found)


def _by_volume(previous: Optional[Capture]) -> Dict[str, List[ScrubStatus]]:
    found: Dict[str, List[ScrubStatus]] = {}
    for each in () if previous is None else previous.scrubs:
        found.setdefault(each.volume, []).append(each)
    return found
