"""Exchanges mutes with the leader, so that a mute of one node holds on all."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

from ganeti_gluster_mon.daemon.cluster.exchange import Exchange
from ganeti_gluster_mon.mutes import Mute


class MuteExchange:
    """The mutes of this node and the leader's."""

    def __init__(self, exchange: Exchange) -> None:
        """*exchange* has the mutes that this node knows."""
        self._exchange = exchange
        #: for the next request to the leader, and those of the last one
        self._pending: Tuple[Mute, ...] = ()
        #: the digest of mutes that cannot be made equal to those of the leader
        self._unequal = ""

    @property
    def digest(self) -> Optional[str]:
        """The digest of this node's mutes; None if they cannot be made equal to the leader's."""
        digest = self._exchange.mutes.digest
        return None if digest == self._unequal else digest

    @property
    def pending(self) -> Tuple[Mute, ...]:
        """The mutes that the leader does not know, for the next request."""
        return self._pending

    async def accept(self, theirs: Optional[Sequence[Mute]]) -> None:
        """Take the mutes in a reply of the leader; None: it knows the same ones."""
        sent, self._pending = self._pending, ()
        if theirs is None:
            return
        await self._exchange.on_mutes(theirs)
        mine = self._exchange.mutes
        missing = mine.newer_than(theirs)
        if sent and missing == list(sent):
            self._unequal = mine.digest  # the leader does not take them: a wrong clock, or another version
            return
        self._pending = tuple(missing)
