"""Waiting for a step of a plan, for moments or for hours."""

from __future__ import annotations

import time
from typing import Callable, Optional

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.deploy.step import Step

Say = Callable[[str], None]

#: seconds between two looks at what Gluster does not announce: at first, and after minutes
_PAUSE, _LONGEST_PAUSE = 0.5, 5.0
#: the part of the time waited so far that the next pause takes
_SHARE = 0.05
#: seconds without a change, after which what is waited for is helped on: at first, and after hours
_URGED, _URGED_SELDOM = 3.0, 600.0
#: seconds between two lines about what changes, and about what does not
_TOLD, _STILL = 5.0, 60.0


class Wait:
    """Waiting for a step: what of it is told, when it is helped on, and when it is given up.

    What takes hours is looked at and told of less often: each look may hold a lock that an administrator needs.
    """

    def __init__(self, step: Step, say: Say) -> None:
        """It begins now; *say* is told how far it is."""
        self._step, self._say = step, say
        self._began = self._changed = self._urged = time.monotonic()
        #: when something was told; None: nothing yet
        self._spoke: Optional[float] = None
        self._progress = self._told = ""
        self._urge_after = _URGED

    def seen(self, progress: str, done: bool) -> None:
        """How far it is, "" where that is not told.  Raises CommandError when it has not come on for too long."""
        now = time.monotonic()
        if progress not in ("", self._progress):
            self._progress, self._changed = progress, now
            self._urged, self._urge_after = now, _URGED
        quiet = None if self._spoke is None else now - self._spoke
        if self._progress != self._told and (done or quiet is None or quiet >= _TOLD):
            self._say(f"    {self._progress}")
            self._told, self._spoke = self._progress, now
        elif quiet is not None and quiet >= _STILL and not done:
            self._say(f"    {self._progress}, for {(now - self._changed) / 60:.0f} min now")
            self._spoke = now
        if not done and now - self._changed >= self._step.effect_timeout:
            told = f" ({self._progress})" if self._progress else ""
            raise CommandError(
                f"{self._step.node}: {self._step.words}: not so after {self._step.effect_timeout:g} s{told}"
            )

    def kick_due(self) -> bool:
        """Whether it is time to help it on: after some seconds without a change, and then less and less often."""
        now = time.monotonic()
        if now - self._urged < self._urge_after:
            return False
        self._urged, self._urge_after = now, min(2 * self._urge_after, _URGED_SELDOM)
        return True

    def pause(self) -> None:
        """Until it is looked at again."""
        waited = time.monotonic() - self._began
        time.sleep(min(max(_PAUSE, _SHARE * waited), _LONGEST_PAUSE))
