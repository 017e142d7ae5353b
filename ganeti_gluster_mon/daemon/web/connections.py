"""The open connections of clients, by address, and which of them is closed when there are too many.

Each address gets a fair share: when there are too many, the address with the most connections loses one.  The first
to close is the one that has been blocked longest: the client has sent a request and does not read the response.  Then
the one that has been idle longest, unless it is new; then the one whose response has been under way longest; then a
new one.  A connection whose response is not ready, as that of a peer that waits for a new capture, stays open.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Dict, Iterator, Optional

from tornado.http1connection import HTTP1ServerConnection

#: seconds after which a response that is not read counts as blocked; a fast client needs milliseconds
BLOCKED_AFTER = 0.2
#: seconds for which an idle connection is new: its first request may be on its way
NEW_FOR = 1.0


class _Share:
    """The connections of one address."""

    def __init__(self) -> None:
        #: those that wait for a request, and since when in seconds, the longest idle first
        self.idle: OrderedDict[HTTP1ServerConnection, float] = OrderedDict()
        #: those with a request that is not answered to its end, and since when in seconds, the longest first
        self.busy: OrderedDict[HTTP1ServerConnection, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self.idle) + len(self.busy)

    def victim(self, now: float) -> Optional[HTTP1ServerConnection]:
        """The connection to close for another one; None if no response is ready."""
        unread = next((item for item in self.busy.items() if item[0].stream.writing()), None)
        if unread is not None and now - unread[1] >= BLOCKED_AFTER:
            return unread[0]
        idle = next(iter(self.idle.items()), None)
        if idle is not None and now - idle[1] >= NEW_FOR:
            return idle[0]
        first = unread or idle
        return None if first is None else first[0]


class Connections:
    """All open connections."""

    def __init__(self) -> None:
        self._shares: Dict[str, _Share] = {}
        self._addresses: Dict[HTTP1ServerConnection, str] = {}

    def __len__(self) -> int:
        return len(self._addresses)

    def idle(self) -> Iterator[HTTP1ServerConnection]:
        """Those that wait for a request."""
        for share in list(self._shares.values()):
            yield from list(share.idle)

    def busy(self) -> Iterator[HTTP1ServerConnection]:
        """Those with a request that is not answered to its end."""
        for share in list(self._shares.values()):
            yield from list(share.busy)

    def any_busy(self) -> bool:
        """Whether a request is being answered."""
        return any(share.busy for share in self._shares.values())

    def add_idle(self, connection: HTTP1ServerConnection, address: str, now: float) -> None:
        """*connection* of *address* waits for a request, its first or its next, from *now* on, in seconds."""
        self.remove(connection)
        self._addresses[connection] = address
        self._shares.setdefault(address, _Share()).idle[connection] = now

    def set_busy(self, connection: HTTP1ServerConnection, now: float) -> None:
        """The request of an idle *connection* has come at *now*, in seconds; nothing for one that was removed."""
        address = self._addresses.get(connection)
        if address is not None:
            share = self._shares[address]
            if share.idle.pop(connection, None) is not None:
                share.busy[connection] = now

    def remove(self, connection: HTTP1ServerConnection) -> None:
        """*connection* is closed; nothing for one that is not known."""
        address = self._addresses.pop(connection, None)
        if address is not None:
            share = self._shares[address]
            share.idle.pop(connection, None)
            share.busy.pop(connection, None)
            if not len(share):
                del self._shares[address]

    def busy_since(self, moment: float) -> Iterator[HTTP1ServerConnection]:
        """Those whose request came at *moment* or before it."""
        for share in list(self._shares.values()):
            for connection, since in list(share.busy.items()):
                if since > moment:
                    break
                yield connection

    def victim(self, now: float) -> Optional[HTTP1ServerConnection]:
        """The connection to close for another one at *now*; None where none may be closed."""
        for share in sorted(self._shares.values(), key=len, reverse=True):
            found = share.victim(now)
            if found is not None:
                return found
        return None
