"""The answers of one capture, parsed, with notes of what is not known.  Pure."""

from __future__ import annotations

from typing import (
    AbstractSet,
    Callable,
    List,
    Optional,
    Set,
    Tuple,
    TypeVar,
)

from ganeti_gluster_mon.gluster import parse, query
from ganeti_gluster_mon.gluster.capture import Answer, Capture
from ganeti_gluster_mon.gluster.model import (
    Unknown,
)
from ganeti_gluster_mon.gluster.snapshots import VolumeSnapshot

T = TypeVar("T")

#: by query of the status: what its answer has that the other has not
STATUS_SUBJECTS = {
    query.VOLUME_STATUS_DETAIL: "the bricks' space",
    query.VOLUME_STATUS: "the state of bricks and daemons",
}


class AnswerReader:
    """Parses the answers of one capture, and notes what is not known, and why."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self.answers = {answer.query: answer for answer in capture.answers}
        self.unknowns: List[Unknown] = []
        #: the uuids of all members of the pool; None: not all are known
        self.all_peers: Optional[AbstractSet[str]] = None
        #: the queries of the status whose answers could be parsed
        self.statuses_read: Set[query.Query] = set()
        #: the snapshots of all volumes; None: not known
        self.snapshots: Optional[Tuple[VolumeSnapshot, ...]] = None
        #: whether `get-state` was answered after `volume status`
        self.own_is_newer = self._get_state_is_newer()

    def note(self, what: str, why: str, volume: Optional[str] = None) -> None:
        """Note that *what* is not known, and *why*."""
        self.unknowns.append(Unknown(what, why, volume))

    def read(
        self,
        wanted: query.Query,
        reader: Callable[[bytes], parse.Parsed[T]],
        what: str,
        must: bool = False,
        volume: Optional[str] = None,
    ) -> Optional[T]:
        """What *reader* makes of the answer to *wanted*; None with a note of why where it makes nothing.

        With *must* it is also noted when the query was not run, or Gluster refused it.
        """
        answer = self.answers.get(wanted)
        if answer is None:
            if must:
                self.note(what, f"`{' '.join(wanted)}` was not run", volume)
            return None
        try:
            parsed = reader(answer.output)
        except parse.Refused as err:
            if must or answer.failure:
                self.note(what, answer.failure or str(err), volume)
            return None
        except parse.NoAnswer as err:
            self.note(what, answer.failure or f"`{' '.join(wanted)}`: {err}", volume)
            return None
        if answer.failure:
            self.note(what, answer.failure, volume)
        for fault in parsed.faults:
            self.note(what, f"`{' '.join(wanted)}`: {fault}", volume)
        return parsed.facts

    def taken_at(self, answer: Answer) -> int:
        """When *answer* was taken, ns since the epoch."""
        return self.capture.recorded_at if answer.taken_at is None else answer.taken_at

    def answered(self, wanted: query.Query) -> bool:
        """Whether *wanted* has a whole answer."""
        answer = self.answers.get(wanted)
        return answer is not None and answer.failure is None and bool(answer.output)

    def heal_info_is_older(self, volume: str) -> bool:
        """Whether `heal info` of *volume* was answered before `volume status`."""
        heal = self.answers.get(query.heal_summary(volume))
        reports = [self.answers[wanted] for wanted in STATUS_SUBJECTS if self.answered(wanted)]
        return heal is not None and any(self.taken_at(heal) < self.taken_at(each) for each in reports)

    def heal_taken_at(self, volume: str) -> int:
        """When the answer about the heal backlog of *volume* was taken, ns since the epoch."""
        answer = self.answers.get(query.heal_summary(volume))
        taken_at = None if answer is None else answer.taken_at
        return self.capture.recorded_at if taken_at is None else taken_at

    def _get_state_is_newer(self) -> bool:
        """Whether `get-state` was answered after `volume status`."""
        state = self.answers.get(query.GET_STATE)
        statuses = [self.answers[wanted] for wanted in STATUS_SUBJECTS if self.answered(wanted)]
        if state is None or not statuses:
            return False
        return self.taken_at(state) > max(map(self.taken_at, statuses))
