"""`gluster volume status`: what takes the pool's lock, what to do while another command holds it, and what follows.

Another command may hold the lock.  Then the query is run again, a little later, a few times.  After that the last good
answer of the cycle before is kept, with its age.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from typing import AbstractSet, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster import parse, query, stats_dump
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.peer_probe import GLUSTERD_PORT
from ganeti_gluster_mon.gluster.query import Query
from ganeti_gluster_mon.gluster.rebalance import Rebalance
from ganeti_gluster_mon.gluster.session import GlusterSession

STATUS_QUERIES = (query.VOLUME_STATUS_DETAIL, query.VOLUME_STATUS)
#: how often `volume status` is run when another command holds the lock
LOCK_TRIES = 5
#: volumes that `volume status all` leaves out and whose reason is queried one by one
MOST_LEFT_OUT = 5


@dataclass(frozen=True)
class StatusAnswer:
    """An answer to `volume status`, parsed."""

    answer: Answer
    statuses: Tuple[parse.VolumeStatus, ...] = ()
    #: for a volume or altogether, it failed because another command held the lock
    locked: bool = False


def query_status(
    gluster: GlusterSession,
    deadline: float,
    volumes: Sequence[parse.VolumeInfo],
    previous: Optional[Capture],
) -> Tuple[StatusAnswer, ...]:
    """`volume status`, run again while another command holds the lock, then the last good answer."""
    started = {volume.name for volume in volumes if volume.state == "started"}
    results: Dict[Query, StatusAnswer] = {}
    wanted: Sequence[Query] = STATUS_QUERIES
    for attempt in range(LOCK_TRIES):
        if attempt:
            pause = random.uniform(0.1, 0.4) * attempt  # noqa: S311 - jitter, not a secret
            if time.monotonic() + pause >= deadline:
                break
            time.sleep(pause)
        answers = gluster.run_queries(wanted, deadline)
        results.update((answer.query, parse_status(answer, started)) for answer in answers)
        wanted = [each for each, status in results.items() if status.locked]
        if not wanted:
            break
    for each in wanted:
        answer = previous.answer(each) if previous else None
        if previous and answer and not answer.failure:
            kept = parse_status(replace(answer, taken_at=answer.taken_at or previous.recorded_at), started)
            if kept.statuses and not kept.locked:
                results[each] = kept
    return tuple(results.values())


def parse_status(answer: Answer, started: AbstractSet[str]) -> StatusAnswer:
    """*answer*, parsed; the volumes in *started* should all be in it.

    Gluster leaves a single volume whose lock is held out of the answer, without an error.
    """
    try:
        statuses = parse.volume_status(answer.output).facts
    except parse.Refused as err:
        busy = err.op_errno == 30802 or (err.op_errno == 30800 and "ocking failed" in str(err))
        return StatusAnswer(answer, locked=busy)
    except parse.NoAnswer:
        # `volume status all` prints nothing at all when the very first lock fails
        return StatusAnswer(answer, locked=answer.failure is None and not answer.output.strip())
    named = {status.volume for status in statuses}
    return StatusAnswer(answer, statuses, locked=answer.failure is None and not named >= started)


def last_statuses(previous: Optional[Capture]) -> List[parse.VolumeStatus]:
    """What `volume status` answered when it was run last."""
    statuses: List[parse.VolumeStatus] = []
    for each in STATUS_QUERIES:
        answer = previous.answer(each) if previous else None
        if answer is not None:
            statuses += parse_status(answer, frozenset()).statuses
    return statuses


def without_status(away: Sequence[str]) -> List[Answer]:
    """The answers where `volume status` is not run, because the peers *away* do not answer."""
    why = f"not queried, since it would hang: peer {', '.join(away)} does not answer on port {GLUSTERD_PORT}"
    return [Answer(each, b"", failure=why) for each in STATUS_QUERIES]


def volume_queries(
    volumes: Sequence[parse.VolumeInfo], statuses: Sequence[parse.VolumeStatus]
) -> List[Query]:
    """The queries of single volumes that have something to report: most volumes have no quota and no task."""
    queries = [
        query.quota_list(volume.name)
        for volume in volumes
        if volume.state == "started" and volume.options.get("features.quota") == "on"
    ]
    for status in statuses:
        if status.tasks:
            queries += task_queries(status.volume, status.tasks[-1])
    return list(dict.fromkeys(queries))


def task_queries(volume: str, task: Rebalance) -> List[Query]:
    """The query of how far *task* has come on each host."""
    if task.type == "rebalance":
        return [query.rebalance_status(volume)]
    return [query.remove_brick_status(volume, task.bricks)] if task.bricks else []


def profile_queries(
    volumes: Sequence[parse.VolumeInfo], bricks_answering: Mapping[Tuple[str, str], Optional[bool]]
) -> List[Query]:
    """The profiles of volumes whose profiling an administrator has started, and whose bricks do not write it to files.

    Gluster queries each brick for it while it holds the volume's lock: a volume with a brick that does not answer is
    not queried.
    """
    return [
        query.profile(volume.name)
        for volume in volumes
        if volume.state == "started"
        and volume.options.get("diagnostics.count-fop-hits") == "on"
        and volume.options.get("diagnostics.latency-measurement") == "on"
        and not stats_dump.dump_interval(volume.options)
        and all(bricks_answering.get((brick.host, brick.path)) for brick in volume.bricks)
    ]


def without_profiles(capture: Capture) -> Capture:
    """*capture* as the one before the next: no cycle uses an old profile, and those of a thousand bricks take 7 MB."""
    return replace(
        capture,
        answers=tuple(answer for answer in capture.answers if not query.is_profile_query(answer.query)),
    )


def snapshot_queries(volumes: Sequence[parse.VolumeInfo]) -> List[Query]:
    """The query of the snapshots, where `volume info` counts one."""
    return [query.SNAPSHOT_INFO] if any(volume.snapshots for volume in volumes) else []


def ended_tasks(statuses: Iterable[parse.VolumeStatus], previous: Optional[Capture]) -> Dict[Query, Answer]:
    """The answers in *previous* about tasks that had ended: they do not change any more."""
    kept: Dict[Query, Answer] = {}
    for status in statuses:
        if not status.tasks:
            continue
        task = status.tasks[-1]
        for each in task_queries(status.volume, task):
            answer = None if previous is None else previous.answer(each)
            if answer is None or answer.failure is not None:
                continue
            parse_task = parse.rebalance_status if task.type == "rebalance" else parse.remove_brick_status
            try:
                before = parse_task(answer.output).facts
            except parse.NoAnswer:
                continue
            if before.id == task.id and before.status == task.status and "progress" not in task.status:
                kept[each] = replace(answer, taken_at=None)
    return kept


def left_out_queries(volumes: Sequence[parse.VolumeInfo], answers: Iterable[Answer]) -> List[Query]:
    """The queries of the volumes that an answer about all leaves out: Gluster refuses them with the reason."""
    started = [volume.name for volume in volumes if volume.state == "started"]
    left_out: List[str] = []
    for answer in answers:
        if answer.query in STATUS_QUERIES and answer.failure is None and answer.output:
            statuses = parse_status(answer, frozenset()).statuses
            if statuses:
                named = {status.volume for status in statuses}
                left_out += [name for name in started if name not in named]
    return [query.volume_status(name) for name in dict.fromkeys(left_out)][:MOST_LEFT_OUT]
