"""Makes the leader query Gluster now, because something happened on this node.

The leader's own glusterd may not know of it for a while.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Callable, Optional, Sequence, Tuple

from ganeti_gluster_mon.daemon.cluster.peer_client import PeerClient, PeerError

#: requests for one event, until the leader has accepted one
_ATTEMPTS = 3


@dataclass(frozen=True)
class NudgeTarget:
    """The present leader."""

    host: str
    uuid: str
    key: bytes
    #: of its latest reply
    sequence: str


class Nudger:
    """Sends one request at a time: what happens while one is under way is in the next one."""

    def __init__(
        self, peers: PeerClient, reply_timeout: float, target: Callable[[], Optional[NudgeTarget]]
    ) -> None:
        """*reply_timeout*: seconds for the reply of the leader.  *target*: the present leader; None: there is none."""
        self._peers = peers
        self._reply_timeout = reply_timeout
        self._target = target
        self._task: Optional[asyncio.Task[None]] = None
        self._again = False
        self._bricks: Tuple[str, ...] = ()

    def nudge(self, bricks: Sequence[str]) -> None:
        """Start the request, or send another one after that which is under way; *bricks* do not answer."""
        self._bricks = tuple(bricks)
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._send())
        else:
            self._again = True

    def cancel(self) -> None:
        """Cancel the request that is under way."""
        if self._task is not None:
            self._task.cancel()

    async def _send(self) -> None:
        first = self._target()
        if first is None:
            return
        sequence = first.sequence
        for _ in range(_ATTEMPTS):
            self._again = False
            target = self._target()
            if target is None or target.uuid != first.uuid:
                return
            try:
                reply = await self._peers.request(
                    target.host,
                    target.uuid,
                    first.key,
                    self._reply_timeout,
                    after=sequence,
                    nudge=True,
                    bricks=self._bricks,
                )
            except PeerError:
                return  # the next election finds another leader, which queries Gluster by itself
            if reply.nudged and not self._again:
                return
            sequence = reply.sequence  # the leader has a newer capture, which may be from before the event
