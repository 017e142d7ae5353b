"""Waiting for the effect of a step, for moments or for hours."""

from __future__ import annotations

import sys
import time
from typing import Callable, Optional

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.deploy.step import Step

PrintLine = Callable[[str], None]

#: seconds between two queries: at first, and after minutes
_PAUSE, _LONGEST_PAUSE = 0.5, 5.0
#: the next pause, as a part of the time waited so far
_SHARE = 0.05
#: seconds without a change until the step is kicked: at first, and after hours
_KICK_AFTER, _LONGEST_KICK_AFTER = 3.0, 600.0
#: seconds in which what blocks a step may end: a process that is started, a node that is connected again
_BLOCKED_TIMEOUT = 120.0
#: seconds between two reports of progress, and between two reports that there is none
_REPORT_PAUSE, _IDLE_REPORT_PAUSE = 5.0, 60.0


class Wait:
    """The wait for a step: when its progress is reported, when it is kicked, and when the wait ends without success.

    The longer it takes, the rarer the queries: each may hold a lock of Gluster that an administrator needs.
    """

    def __init__(self, step: Step, print_line: PrintLine) -> None:
        """The wait starts now; progress is reported to *print_line*."""
        self._step, self._print_line = step, print_line
        self._began = self._changed = self._kicked = time.monotonic()
        #: the time of the last report; None: there was none
        self._reported_at: Optional[float] = None
        self._progress = self._reported = ""
        self._kick_after = _KICK_AFTER
        #: since when the step has been blocked without a pause; None: it is not
        self._blocked_since: Optional[float] = None

    def report(self, progress: str, done: bool) -> None:
        """Take the *progress* of the step, "" for none.  Raises CommandError when it has not changed for too long."""
        now = time.monotonic()
        if progress not in ("", self._progress):
            self._progress, self._changed = progress, now
            self._kicked, self._kick_after = now, _KICK_AFTER
        silence = None if self._reported_at is None else now - self._reported_at
        if self._progress != self._reported and (done or silence is None or silence >= _REPORT_PAUSE):
            self._print_line(f"    {self._progress}")
            self._reported, self._reported_at = self._progress, now
        elif silence is not None and silence >= _IDLE_REPORT_PAUSE and not done:
            self._print_line(f"    {self._progress}, for {(now - self._changed) / 60:.0f} min now")
            self._reported_at = now
        if not done and now - self._changed >= self._step.effect_timeout:
            step, progress = self._step, f" ({self._progress})" if self._progress else ""
            raise CommandError(
                f"{step.node}: {step.description}: not done after {step.effect_timeout:g} s{progress}"
            )

    def report_blocked(self, reason: str) -> None:
        """Take the *reason* why the step is blocked, "" for none.  Raises CommandError when it is so for too long."""
        if not reason:
            self._blocked_since = None
            return
        now = time.monotonic()
        if self._blocked_since is None:
            self._blocked_since = now
        if now - self._blocked_since >= _BLOCKED_TIMEOUT:
            raise CommandError(f"{self._step.node}: {self._step.description}: {reason}")

    def kick_due(self) -> bool:
        """Whether to kick the step: after some seconds without a change, and then less and less often."""
        now = time.monotonic()
        if now - self._kicked < self._kick_after:
            return False
        self._kicked, self._kick_after = now, min(2 * self._kick_after, _LONGEST_KICK_AFTER)
        return True

    def pause(self) -> None:
        """Sleep until the next query."""
        waited = time.monotonic() - self._began
        time.sleep(min(max(_PAUSE, _SHARE * waited), _LONGEST_PAUSE))


def print_line(line: str) -> None:
    """Print progress on standard error."""
    print(line, file=sys.stderr, flush=True)
