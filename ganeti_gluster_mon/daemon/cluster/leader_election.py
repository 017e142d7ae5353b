"""Elects the node that runs the queries which take locks, for all nodes.  Pure.

Each node decides for itself.  One rule leads all nodes that reach each other to the same result: of the eligible nodes,
the one with the lowest uuid leads.  There are no votes, and nothing is stored.  A split pool has a leader on each side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Optional


@dataclass(frozen=True)
class Candidate:
    """A node of the pool, by its latest reply."""

    #: its uuid in the pool
    uuid: str
    #: whether it may lead: its own glusterd has answered, and lately
    eligible: bool
    #: whether it leads: its latest capture is that of a leader
    leads: bool
    #: seconds for which it has been eligible and has not led, though it should
    waiting_seconds: float = 0.0


def elect_leader(own: Candidate, others: Iterable[Candidate], takeover_timeout: float) -> Optional[str]:
    """The uuid of the node to follow; the uuid of *own* if this node leads; None: no node is eligible.

    A leader continues until a node with a lower uuid has its first capture as leader, so that there is always one.
    That node has *takeover_timeout* seconds for it; then the next node leads.
    """
    for candidate in sorted([own, *others], key=lambda candidate: candidate.uuid):
        if not candidate.eligible:
            continue
        if candidate is own or candidate.leads:
            return candidate.uuid
        if own.eligible and not own.leads and candidate.waiting_seconds < takeover_timeout:
            return candidate.uuid
    return None
