"""One command of `gluster` in a process of its own: for what a session (session.py) does not offer."""

from __future__ import annotations

import selectors
import time
from typing import Mapping, Optional, Sequence

from ganeti_gluster_mon.gluster.child import ENVIRONMENT, Child, read

_MOST_BYTES = 16 << 20
_AT_ONCE = 1 << 16
#: with the command geo-replication, which `gluster` has only where it can run gsyncd
WITH_GSYNCD = {name: value for name, value in ENVIRONMENT.items() if name != "PYTHON"}


class OwnProcess:
    """A command that runs from now on, until its output is taken or it is ended."""

    def __init__(self, argv: Sequence[str], environment: Optional[Mapping[str, str]] = None) -> None:
        """Start *argv* with *environment*; None: that of all queries.  What cannot be started prints nothing."""
        self._child: Optional[Child] = None
        try:
            self._child = Child(argv, environment=environment)
        except OSError:
            return

    def output(self, until: float) -> bytes:
        """What it prints; empty where it does not end by *until* (of the monotonic clock).  Ends it."""
        if self._child is None:
            return b""
        output = bytearray()
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._child.stdout, selectors.EVENT_READ)
                while selector.select(max(0.0, until - time.monotonic())):
                    more = read(self._child.stdout, _AT_ONCE)
                    if more == b"":
                        return bytes(output)
                    output += more or b""
                    if len(output) > _MOST_BYTES:
                        break
            return b""
        finally:
            self.end()

    def kill(self) -> None:
        """Kill it, so that `output` waits no longer; from any thread."""
        if self._child is not None:
            self._child.kill()

    def end(self) -> None:
        """End it; to be called once more does no harm."""
        if self._child is not None:
            self._child.end()


def output_of(argv: Sequence[str], until: float) -> bytes:
    """What *argv* prints; empty where it does not end by *until* (of the monotonic clock), or cannot be started."""
    return OwnProcess(argv).output(until) if time.monotonic() < until else b""
