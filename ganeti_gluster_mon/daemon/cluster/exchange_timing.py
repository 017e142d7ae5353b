"""How often the nodes exchange requests, and how long they wait."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExchangeTiming:
    """The times of the exchange, in seconds.  They follow from the interval of the cycles."""

    #: from one election to the next
    election_interval: float
    #: for the reply of a node
    reply_timeout: float
    #: for which the leader may hold its reply while it has nothing new
    hold_timeout: float
    #: for a node that should lead, until its first capture as leader
    takeover_timeout: float

    @classmethod
    def of(cls, interval: float) -> ExchangeTiming:
        """Times that let another node lead within two intervals after a failure of the leader."""
        return cls(
            election_interval=max(1.0, min(5.0, interval / 4)),
            reply_timeout=max(0.5, min(2.0, interval / 4)),
            hold_timeout=max(1.0, min(10.0, interval / 3)),
            takeover_timeout=max(5.0, interval / 2),
        )
