"""In which order volumes are queried for their heal backlog, and what is kept of those that are not queried.  Pure.

`heal info` takes 25 ms or more for each volume, so a cycle queries as many as its budget allows.  Every other place
is that of the volume whose count is the oldest.  The places between are those of volumes whose count has probably
changed: one of their bricks began or ceased to answer, they have no count yet, or entries were pending.  So each has
its turn, and what has changed does not wait for it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.query import Query, heal_summary

#: why a query has no answer that has not been run yet, for its turn has not come
TURN_TO_COME = "not queried yet: other volumes come first"
_PENDING = re.compile(rb"<numberOfEntries(?:InHealPending|InSplitBrain)>0*[1-9]")

BricksAnswering = Mapping[Tuple[str, str], bool]


def ordered(
    volumes: Iterable[parse.VolumeInfo], bricks_answering: BricksAnswering, previous: Optional[Capture]
) -> Tuple[Query, ...]:
    """The heal queries of *volumes*, the most urgent first."""
    before = _answers_of(previous)
    by_age: List[Tuple[int, Query]] = []
    by_suspicion: List[Tuple[int, int, Query]] = []
    for volume in volumes:
        query = heal_summary(volume.name)
        answer = before.get(query)
        taken_at = 0
        if previous is not None and answer is not None and answer.failure != TURN_TO_COME:
            taken_at = previous.recorded_at if answer.taken_at is None else answer.taken_at
        by_age.append((taken_at, query))
        rank = _rank(volume, bricks_answering, previous, answer)
        if rank is not None:
            by_suspicion.append((rank, taken_at, query))
    oldest = [query for _, query in sorted(by_age, key=lambda each: each[0])]
    suspected = [query for _, _, query in sorted(by_suspicion, key=lambda each: each[:2])]
    return tuple(_alternating(suspected, oldest))


def _rank(
    volume: parse.VolumeInfo,
    bricks_answering: BricksAnswering,
    previous: Optional[Capture],
    answer: Optional[Answer],
) -> Optional[int]:
    """How urgent the count of *volume* is, 0 first; None: only its age counts."""
    if previous is None:
        return None
    bricks = [(brick.host, brick.path) for brick in volume.bricks]
    if any(bricks_answering.get(brick) != previous.bricks_answering.get(brick) for brick in bricks):
        return 0
    if answer is None or answer.failure is not None:
        return 1
    return 2 if _PENDING.search(answer.output) else None


def _alternating(first: Sequence[Query], second: Sequence[Query]) -> Iterable[Query]:
    """Each query once, in turns from both."""
    found: Dict[Query, None] = {}
    for place in range(max(len(first), len(second))):
        for queries in (first, second):
            if place < len(queries):
                found.setdefault(queries[place])
    return found


def with_kept(
    answers: Sequence[Answer], queries: Sequence[Query], previous: Optional[Capture]
) -> Tuple[Answer, ...]:
    """*answers*, and those in *previous* to the *queries* whose turn has not come, with their age."""
    new = {answer.query for answer in answers}
    left = [each for each in queries if each not in new]
    return (*answers, *kept_answers(left, previous, TURN_TO_COME))


def kept_answers(queries: Iterable[Query], previous: Optional[Capture], why: str) -> Tuple[Answer, ...]:
    """The answers of *previous* to *queries*, with their time; *why* is the reason where there is none."""
    before = _answers_of(previous)
    kept: List[Answer] = []
    for query in queries:
        answer = before.get(query)
        if previous is None or answer is None:
            kept.append(Answer(query, b"", failure=why))
        else:
            kept.append(replace(answer, taken_at=answer.taken_at or previous.recorded_at))
    return tuple(kept)


def _answers_of(previous: Optional[Capture]) -> Dict[Query, Answer]:
    return {} if previous is None else {answer.query: answer for answer in previous.answers}
