"""The heal backlog: which volumes have one, and its queries side by side while something is away."""

from __future__ import annotations

import itertools
import threading
from contextlib import ExitStack
from typing import Iterator, Sequence, Tuple

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.capture import Answer
from ganeti_gluster_mon.gluster.query import Query
from ganeti_gluster_mon.gluster.session import GlusterSession

#: processes that run heal queries at once, while something is away
HEALS_AT_ONCE = 8
#: the same while all is there and more than MANY volumes are to be queried: one process would take too long for all
MANY_AT_ONCE, MANY = 2, 200


def with_copies(volumes: Sequence[parse.VolumeInfo]) -> Tuple[parse.VolumeInfo, ...]:
    """The volumes that have a heal backlog: started ones that keep copies or fragments."""
    return tuple(
        volume
        for volume in volumes
        if volume.state == "started" and (volume.replica_count > 1 or volume.disperse_count > 0)
    )


def processes(queries: int, all_there: bool) -> int:
    """By how many processes that many *queries* are run at once; *all_there*: each peer and each brick answers."""
    if all_there:
        return MANY_AT_ONCE if queries > MANY else 1
    return max(1, min(queries, HEALS_AT_ONCE))


def run_side_by_side(
    queries: Sequence[Query], deadline: float, last_begin: float, gluster: str, max_output: int, ways: int
) -> Tuple[Answer, ...]:
    """The answers to *queries*, by *ways* processes at once: while something is away, each answer takes 10 s.

    After *last_begin* no query is begun any more, and has no answer.
    """
    from concurrent.futures import ThreadPoolExecutor

    waiting = _Shared(queries)
    # At the end of this process the sessions end first, and then the threads that wait for them.
    with ThreadPoolExecutor(ways) as threads, ExitStack() as sessions:
        running = []
        for _ in range(ways):
            session = sessions.enter_context(GlusterSession(gluster, max_output))
            running.append(threads.submit(session.run_queries, waiting, deadline, last_begin))
        return tuple(itertools.chain.from_iterable(each.result() for each in running))


class _Shared(Iterator[Query]):
    """Queries that several threads take, each query by one of them."""

    def __init__(self, queries: Sequence[Query]) -> None:
        self._lock = threading.Lock()
        self._queries = iter(queries)

    def __next__(self) -> Query:
        with self._lock:
            return next(self._queries)
