"""The heal backlog: which volumes have one, and its queries side by side while something is away."""

from __future__ import annotations

from contextlib import ExitStack
from typing import List, Sequence, Tuple

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.capture import Answer
from ganeti_gluster_mon.gluster.query import Query, heal_summary
from ganeti_gluster_mon.gluster.session import GlusterSession

#: processes that run heal queries at once, while something is away
HEALS_AT_ONCE = 8


def heal_queries(volumes: Sequence[parse.VolumeInfo]) -> Tuple[Query, ...]:
    """The query of the heal backlog of each started volume that keeps copies or fragments."""
    return tuple(heal_summary(volume.name) for volume in volumes if _has_copies(volume))


def run_side_by_side(
    queries: Sequence[Query], deadline: float, gluster: str, max_output: int
) -> List[Answer]:
    """The answers to *queries*, several at once: while something is away, each answer takes 10 s."""
    from concurrent.futures import ThreadPoolExecutor

    ways = max(1, min(len(queries), HEALS_AT_ONCE))
    # At the end of this process the sessions end first, and then the threads that wait for them.
    with ThreadPoolExecutor(ways) as threads, ExitStack() as sessions:
        running = []
        for way in range(ways):
            session = sessions.enter_context(GlusterSession(gluster, max_output))
            running.append(threads.submit(session.run_queries, queries[way::ways], deadline))
        return [answer for each in running for answer in each.result()]


def _has_copies(volume: parse.VolumeInfo) -> bool:
    return volume.state == "started" and (volume.replica_count > 1 or volume.disperse_count > 0)
