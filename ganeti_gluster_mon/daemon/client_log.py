"""Log lines that clients can cause: at most one for each client and minute, so that no client can fill the disk."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from typing import Callable

#: seconds for which a client causes no second line
EVERY = 60.0
#: how tornado logs, with a traceback, that a request to a peer has failed which was cancelled before
_CANCELLED = "Exception after Future was cancelled"
#: clients that are remembered; when there are more, all of them together cause one line in `EVERY` seconds
_MOST_CLIENTS = 1024


class ClientLog:
    """Decides whether a line about a client is written."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """*clock* gives seconds."""
        self._clock = clock
        #: when the last line about a client was written, the oldest first
        self._written: OrderedDict[str, float] = OrderedDict()

    def allows(self, client: str) -> bool:
        """Whether a line about *client*, its address, may be written now; the caller writes it then."""
        now = self._clock()
        while self._written and now - next(iter(self._written.values())) >= EVERY:
            self._written.popitem(last=False)
        if len(self._written) >= _MOST_CLIENTS:
            client = ""
        if client in self._written:
            return False
        self._written[client] = now
        return True


class RateLimitFilter(logging.Filter):
    """For loggers of libraries, whose lines do not name the client: at most one line a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._log = ClientLog()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether *record* is written."""
        return record.msg != _CANCELLED and self._log.allows("")
