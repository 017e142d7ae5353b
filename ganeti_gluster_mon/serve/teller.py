"""The half that tells: it turns what the asker hands over into what is served, and serves it.

It runs as nobody in particular.  Each capture is read, judged and rendered once, in a thread
of its own, while the event loop goes on answering with what was there before.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Callable, Optional

import pyinotify

from ganeti_gluster_mon.gluster.aged import grown_old
from ganeti_gluster_mon.gluster.capture import Capture, CaptureError
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.gluster.pool import understand
from ganeti_gluster_mon.health import Health, Limits, judge
from ganeti_gluster_mon.serve.handler import Screen
from ganeti_gluster_mon.serve.handover import CURRENT, Handed, Handover
from ganeti_gluster_mon.serve.log import say
from ganeti_gluster_mon.serve.rendered import Rendered, render

#: seconds between two looks at the age of what is shown
_TICK = 1.0
#: rendering anew what grows old takes no more than this share of the time
_SHARE = 0.1


@dataclass(frozen=True)
class Picture:
    """A pool, judged."""

    pool: Pool
    health: Health
    #: ns since the epoch, when it was judged
    now: int


def picture(handed: Handed, limits: Limits, now: int) -> Picture:
    """What *handed* tells at *now* (ns since the epoch); as much as limits.stale_after lets it.

    The age is by the clock that nobody sets.  The times in the capture are moved to fit it, so
    that a clock that was stepped makes nothing older or younger.
    """
    age = handed.age()
    pool = understand(_taken_at(handed.capture, now - round(age * 1e9)))
    if age > limits.stale_after:
        last = judge(pool, limits, pool.taken_at).message
        pool = grown_old(pool, f"no answers for {age:.0f} s; the last were: {last}")
        # The reason says how old it is; to be told so twice helps nobody.
        limits = replace(limits, stale_after=float("inf"))
    return Picture(pool, judge(pool, limits, now), now)


def _taken_at(capture: Capture, moment: int) -> Capture:
    """*capture* with all its times moved so that it was recorded at *moment*."""
    by = moment - capture.recorded_at
    answers = (
        answer if answer.taken_at is None else replace(answer, taken_at=answer.taken_at + by)
        for answer in capture.answers
    )
    return replace(capture, recorded_at=moment, answers=tuple(answers))


class Teller:
    """Keeps a Screen up to date with a Handover.  To be used on a running event loop."""

    def __init__(
        self,
        handover: Handover,
        screen: Screen,
        limits: Limits,
        interval: float,
        alive: Callable[[], None],
    ) -> None:
        """*limits* say when what is known is too old; the asker asks each *interval* seconds.

        *alive* is called each second, for who watches over us.
        """
        self._handover = handover
        self._screen = screen
        self._limits = limits
        self._interval = interval
        self._alive = alive
        self._handed: Optional[Handed] = None
        self._changed = asyncio.Event()
        self._told = ""
        self._unreadable = ""

    async def run(self) -> None:
        """Go on until cancelled."""
        loop = asyncio.get_running_loop()
        manager = pyinotify.WatchManager()
        notifier = pyinotify.Notifier(manager, self._note, timeout=0)
        manager.add_watch(self._handover.directory, pyinotify.IN_MOVED_TO, quiet=False)
        loop.add_reader(manager.get_fd(), self._read, notifier)
        try:
            self._changed.set()
            shown, took = 0.0, 0.0
            while True:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), _TICK)
                self._alive()
                began = time.monotonic()
                if self._changed.is_set():
                    self._changed.clear()
                    await loop.run_in_executor(None, self._take)
                elif not self._overdue() or began - shown < took / _SHARE:
                    continue
                if self._handed is not None:
                    await loop.run_in_executor(None, self._show, self._handed)
                shown = time.monotonic()
                took = shown - began
        finally:
            loop.remove_reader(manager.get_fd())
            notifier.stop()

    def _read(self, notifier: pyinotify.Notifier) -> None:
        notifier.read_events()
        notifier.process_events()

    def _note(self, event: pyinotify.Event) -> None:
        if event.name == CURRENT or event.mask & pyinotify.IN_Q_OVERFLOW:
            self._changed.set()

    def _overdue(self) -> bool:
        """Whether the next capture should have come, so that the age of this one matters."""
        return self._handed is not None and self._handed.age() > 1.5 * self._interval

    def _take(self) -> None:
        """Read what was handed over."""
        try:
            self._handed = self._handover.current()
        except CaptureError as err:
            if self._handed is not None and str(err) != self._unreadable:
                say(logging.ERROR, "cannot read what was handed over", {"why": err})
            self._unreadable = str(err)
        else:
            self._unreadable = ""

    def _show(self, handed: Handed) -> None:
        seen = picture(handed, self._limits, time.time_ns())
        self._screen.rendered = _rendered(seen, handed)
        self._tell(seen)

    def _tell(self, seen: Picture) -> None:
        """A line in the log when the status is another than before, whatever the figures in its words."""
        told = f"{seen.health.code} {[problem.code for problem in seen.health.problems]}"
        if told != self._told:
            level = logging.INFO if seen.health.code <= 1 else logging.WARNING
            say(level, "status changed", {"code": seen.health.code, "message": seen.health.message})
        self._told = told


def _rendered(seen: Picture, handed: Handed) -> Rendered:
    return render(
        seen.pool,
        seen.health,
        seen.now,
        duration=handed.cycle.seconds,
        failures=handed.cycle.failures,
        leader=None,
    )
