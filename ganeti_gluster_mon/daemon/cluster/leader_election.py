"""Which node asks the locking questions for all.  Pure: what was heard goes in, a node's uuid comes out.

Each node decides for itself, by one rule that brings all who hear each other to the same node:
of those that can lead, the one of lowest uuid does.  Nobody votes, nothing is written anywhere.
A pool that is split has a leader on each side, since each side hears its own nodes only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Optional


@dataclass(frozen=True)
class Voice:
    """What was last heard of a node of the pool, by itself."""

    #: its uuid in the pool
    uuid: str
    #: whether it could lead: its own glusterd answers, and lately
    able: bool
    #: whether it leads: its latest answers are those of a leader
    leads: bool
    #: seconds for which it has been able and has not led, though it is the one that should
    waits: float = 0.0


def leader(own: Voice, others: Iterable[Voice], patience: float) -> Optional[str]:
    """The uuid of the node to follow; *own* uuid where it is for this node to lead; None: nobody can.

    A leader goes on until one of lower uuid has its first answers, so that there is no time without.
    Who is to take over is given *patience* seconds to begin; then the next one does.
    """
    for voice in sorted(others, key=lambda voice: voice.uuid):
        if not voice.able:
            continue
        if own.able and voice.uuid > own.uuid:
            break
        if voice.leads:
            return voice.uuid
        if own.able and not own.leads and voice.waits < patience:
            return voice.uuid
    return own.uuid if own.able else None
