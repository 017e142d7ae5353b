"""Which node asks the locking questions for all.  Pure: what was heard goes in, a node's uuid comes out.

Each node decides for itself, by one rule that brings all who hear each other to the same node:
of those that can lead, the one of lowest uuid does.  Nobody votes, nothing is written anywhere.
A pool that is split has a leader on each side, since each side hears its own nodes only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Optional


@dataclass(frozen=True)
class Candidate:
    """What was last heard of a node of the pool, by itself."""

    #: its uuid in the pool
    uuid: str
    #: whether it could lead: its own glusterd answers, and lately
    eligible: bool
    #: whether it leads: its latest answers are those of a leader
    leads: bool
    #: seconds for which it has been eligible and has not led, though it is the one that should
    waiting_seconds: float = 0.0


def elect_leader(own: Candidate, others: Iterable[Candidate], takeover_timeout: float) -> Optional[str]:
    """The uuid of the node to follow; *own* uuid where it is for this node to lead; None: nobody can.

    A leader goes on until one of lower uuid has its first answers, so that there is no time without.
    Who is to take over is given *takeover_timeout* seconds to begin; then the next one does.
    """
    for candidate in sorted(others, key=lambda candidate: candidate.uuid):
        if not candidate.eligible:
            continue
        if own.eligible and candidate.uuid > own.uuid:
            break
        if candidate.leads:
            return candidate.uuid
        if own.eligible and not own.leads and candidate.waiting_seconds < takeover_timeout:
            return candidate.uuid
    return own.uuid if own.eligible else None
