"""The poller: as root, with no ear on the network.

It asks once an interval, and at once when something happens: glusterd wrote down a change, one
of Gluster's processes ended, the reply to a probe changed (probe_thread.py), or the web process passes on that
another node reported a change.  Each cycle's answers are handed over; nothing else leaves this process.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Callable, Dict, FrozenSet, List, Optional, Sequence, Tuple

from ganeti_gluster_mon.daemon import spool
from ganeti_gluster_mon.daemon.log import log_event
from ganeti_gluster_mon.gluster import cycle, probe_thread, session
from ganeti_gluster_mon.gluster.capture import Answer, Capture, CaptureError
from ganeti_gluster_mon.gluster.model import Process
from ganeti_gluster_mon.gluster.watch import STATE_DIRECTORIES, Watch

#: seconds between two cycles at least, however much happens
SHORTEST = 1.0
#: seconds that are waited after something happened, for what follows from it
SETTLE = 0.2
#: seconds without a change in glusterd's files before it is asked about them: while somebody is at work on the
#: pool, command after command, what we ask could lock out the next one
QUIET = 0.5
#: seconds that the answers about healing are waited for before all else is told without them
PATIENCE = 1.0
#: seconds after which it is said again that we are alive, however long the interval
BREATH = 10.0
#: seconds from a change that a probe found to the next cycle; doubled until the interval is reached, because
#: glusterd's own view of a peer or a brick follows later
FOLLOW_UP = 2.0
_HEALED = "the heal backlog is known"
_PROBED = "the reply to a probe changed"
#: what is told of many events at once
_MOST_EVENTS = 5


class Poller:
    """Asks, hands over, waits; until somebody ends the process."""

    def __init__(
        self,
        settings: cycle.Settings,
        interval: float,
        to: spool.Spool,
        alive: Callable[[], None],
        together: Callable[[], bool] = lambda: False,
    ) -> None:
        """*alive* is called every few seconds, for who watches over us; *together* says before each cycle
        whether other nodes may lead.  Else this one asks for itself, and spreads out by chance.
        """
        self._settings = settings
        self._interval = interval
        self._spool = to
        self._alive = alive
        self._ask_together = together
        self._together = False
        self._previous: Optional[Capture] = None
        self._latest: Optional[spool.SpooledCapture] = None
        self._failures: Counter[str] = Counter()
        self._failing = ""
        self._healing: Optional[_Healing] = None
        self._handing_fails = False
        self._prober = probe_thread.ProbeThread(session.GLUSTERD_SOCKET)
        self._follow_up: Optional[float] = None
        #: bricks that the nodes they are on report not to answer, as "host:path"
        self._reported: FrozenSet[str] = frozenset()
        #: whether this node queried Gluster for all nodes in the last cycle
        self._led = False
        #: whether a cycle began while an earlier one still waited for the answers about healing
        self._healing_is_old = False

    def run(self) -> None:
        """Ask until an exception (SystemExit, by a signal) ends it; then nothing that was started is left."""
        with self._spool.poller_running(), Watch(STATE_DIRECTORIES, flat=(self._spool.to_poller,)) as watch:
            healed, tell = os.pipe()
            watch.also(healed, _HEALED)
            watch.also(self._prober.descriptor, _PROBED)
            self._spool.take_nudge()  # one from before we were started counts no more
            self._prober.start()
            try:
                event: Tuple[str, ...] = ()
                while True:
                    event = self._round(watch, event, healed, tell)
            finally:
                self._prober.end()
                if self._healing is not None:
                    self._healing.end()
                os.close(healed)
                os.close(tell)

    def _round(self, watch: Watch, event: Tuple[str, ...], healed: int, tell: int) -> Tuple[str, ...]:
        """One cycle and the time after it; returns what happened that the next is asked before its time."""
        began = time.monotonic()
        watch.renew()
        waited = self._ask(event, tell)
        self._alive()
        if self._previous is not None and self._previous.processes is not None:
            watch.processes([(process.pid, _name(process)) for process in self._previous.processes])
        took = time.monotonic() - began
        pause = self._pause()
        # At most half of the time is spent asking, however much happens; to wait for what is silent asks nothing.
        earliest = began + max(SHORTEST, 2 * took - waited)
        # So is a cycle that follows up a change, which another node may report again and again.
        due = max(began + pause, min(earliest, began + self._interval), time.monotonic())
        happened: Dict[str, None] = {}
        settled = latest = due
        while True:
            now = time.monotonic()
            until = min(due, max(earliest, min(settled, latest)))
            if now >= until:
                return tuple(happened)[:_MOST_EVENTS]
            seen = watch.wait(min(until - now, BREATH))
            self._alive()
            if seen is None:
                continue
            if _HEALED in seen.what:
                os.read(healed, 1)
                self._healed()
                if self._healing_is_old:
                    # What it found may be from before the last change.
                    due = min(due, max(earliest, time.monotonic()))
            if _PROBED in seen.what:
                self._probed(happened)
                settled = time.monotonic()
            more = [what for what in seen.what if what not in (_HEALED, _PROBED)]
            if self._is_reported(more):
                settled = time.monotonic()
            elif more:
                now = time.monotonic()
                if all(map(_is_configuration, more)):
                    settled = now + QUIET
                else:
                    settled, latest = now + SETTLE, min(latest, now + SHORTEST)
                happened.update(dict.fromkeys(more[:_MOST_EVENTS]))

    def _pause(self) -> float:
        """Seconds from one cycle to the next, if nothing happens."""
        pause = self._interval
        if not self._together:
            pause *= random.uniform(0.8, 1.2)  # noqa: S311 - so that not all nodes ask at one moment
        if self._follow_up is not None:
            if self._follow_up >= pause:
                self._follow_up = None
            else:
                pause, self._follow_up = self._follow_up, 2 * self._follow_up
        return pause

    def _probed(self, happened: Dict[str, None]) -> None:
        """The reply to a probe changed: another cycle, and one after it, and the node that leads is to know."""
        changes = self._prober.take_changes()
        for change in changes[:_MOST_EVENTS]:
            log_event(logging.INFO, "probe", {"result": change})
        self._follow_up = FOLLOW_UP
        happened.update(dict.fromkeys(f"{_PROBED}: {change}" for change in changes[:_MOST_EVENTS]))
        suspected = self._prober.replies().suspected
        if any(change.startswith("brick ") for change in changes):
            try:
                self._spool.write_silent_bricks([f"{host}:{path}" for host, path in suspected])
            except OSError as err:
                log_event(logging.ERROR, "cannot write the silent bricks", {"why": err})

    def _is_reported(self, what: Sequence[str]) -> bool:
        """Whether the web process passed on that another node reported a change; then its bricks are known."""
        if not any(each.startswith(self._spool.to_poller) for each in what):
            return False
        reported = self._spool.take_nudge()
        if reported is None:
            return False
        self._reported = frozenset(reported)
        self._follow_up = FOLLOW_UP
        return True

    def _ask(self, event: Tuple[str, ...], tell: int) -> float:
        """One cycle; returns the seconds that it spent on waiting for what does not answer."""
        self._together = self._ask_together()
        # Before the web process has heard the others it is not known who leads: nobody is locked out meanwhile.
        leads = not self._together or self._spool.role() not in (None, spool.FOLLOW)
        if leads and not self._led:
            self._take_over()
        self._led = leads
        began, boottime = time.monotonic(), spool.boottime()
        probed, waited = self._prober.replies(), 0.0
        self._healing_is_old = self._healing is not None
        try:
            reported = self._suspected_bricks()
            urgent = bool(reported) or any(what.startswith(_PROBED) for what in event)
            asking = cycle.Cycle(self._settings, self._previous, probed, reported, urgent)
            try:
                capture = asking.look(leads)
                waited = asking.waited
                if asking.targets is not None:
                    self._prober.watch(asking.targets)
                capture = cycle.with_answers(capture, self._about_healing(asking, leads, tell))
            finally:
                if self._healing is None or self._healing.cycle is not asking:
                    asking.__exit__()
            self._working()
        except session.GlusterUnavailable as err:
            self._failed(err)
            capture = cycle.without_gluster(self._settings, str(err), probed)
        self._previous = capture
        how = spool.CycleRecord(
            boottime=boottime,
            seconds=time.monotonic() - began,
            failures=dict(self._failures),
            leads=leads,
            interval=self._interval,
            # What the web process asked for happened elsewhere, or not at all; a changed probe is reported before.
            event="; ".join(what for what in event if not what.startswith((self._spool.to_poller, _PROBED)))
            or None,
        )
        self._publish(spool.SpooledCapture(capture, how))
        return waited

    def _take_over(self) -> None:
        """Use the brick ports that the former leader knew.

        What this node knew itself is from the last time that it led: a brick that was started again since listens on
        another port, and the brick would be reported as dead.
        """
        followed = self._spool.leader_capture()
        if followed is not None and self._previous is not None:
            ports = {**self._previous.brick_ports, **followed[0].brick_ports}
            self._previous = replace(self._previous, brick_ports=ports)

    def _suspected_bricks(self) -> FrozenSet[Tuple[str, str]]:
        """The bricks that other nodes reported, by host and path; forgotten after the next cycle."""
        reported, self._reported = self._reported, frozenset()
        split = (label.partition(":/") for label in reported)
        return frozenset((host, f"/{path}") for host, _, path in split)

    def _about_healing(self, asking: cycle.Cycle, leads: bool, tell: int) -> Tuple[Answer, ...]:
        """The answers about healing: new ones if they come soon, else the last ones, with their age."""
        if not leads:
            return ()
        if self._healing is None:
            healing = _Healing(asking, tell)
            healing.start()
            # Without one of them each answer takes 10 s.
            healing.join(PATIENCE if asking.all_there else 0.0)
            answers = healing.take()
            if answers is not None:
                return answers
            self._healing = healing
        return _kept(self._previous, asking)

    def _healed(self) -> None:
        """A slow crawl has come to its end: tell all again, with what it found."""
        healing, self._healing = self._healing, None
        if healing is None:
            return
        healing.end()
        answers = healing.take()
        if answers is None or self._latest is None or not self._latest.cycle.leads:
            return
        taken = [replace(answer, taken_at=answer.taken_at or healing.began) for answer in answers]
        capture = cycle.with_answers(self._latest.capture, taken)
        self._previous = capture
        self._publish(replace(self._latest, capture=capture, cycle=replace(self._latest.cycle, event=None)))

    def _publish(self, handed: spool.SpooledCapture) -> None:
        self._latest = handed
        try:
            self._spool.publish(handed)
        except CaptureError as err:
            # The old one stays, and its age tells; the next cycle tries again.
            if not self._handing_fails:
                log_event(logging.ERROR, "cannot publish the capture", {"why": err})
            self._handing_fails = True
        else:
            if self._handing_fails:
                log_event(logging.INFO, "publishing captures again", {})
            self._handing_fails = False

    def _failed(self, err: session.GlusterUnavailable) -> None:
        self._failures[err.kind] += 1
        if self._failing != str(err):
            log_event(logging.ERROR, "cannot query Gluster", {"reason": err.kind, "why": err})
        self._failing = str(err)

    def _working(self) -> None:
        if self._failing:
            log_event(logging.INFO, "querying Gluster again", {"before": self._failing})
        self._failing = ""


class _Healing(threading.Thread):
    """The heal queries of a cycle, which may take long, in a thread of their own."""

    def __init__(self, asking: cycle.Cycle, tell: int) -> None:
        """A byte goes to the pipe *tell* when it ends after nobody waited for it any more."""
        super().__init__(name="healing", daemon=True)
        self.cycle = asking
        #: ns since the epoch
        self.began = time.time_ns()
        self._tell = tell
        self._lock = threading.Lock()
        self._answers: Optional[Tuple[Answer, ...]] = None
        self._late = False

    def run(self) -> None:
        answers: Optional[Tuple[Answer, ...]] = None
        try:
            answers = self.cycle.run_heal_queries()
        except session.GlusterUnavailable as err:
            why = str(err)
            answers = tuple(Answer(query, b"", failure=why) for query in self.cycle.heal_queries)
        finally:
            with self._lock:
                self._answers = answers
                if self._late:
                    with suppress(OSError):  # the poller ends and has closed it
                        os.write(self._tell, b"h")

    def take(self) -> Optional[Tuple[Answer, ...]]:
        """The answers, if they are there; else the pipe will tell when they are."""
        with self._lock:
            self._late = self._answers is None
            return self._answers

    def end(self) -> None:
        """End the processes it waits for, and so itself."""
        self.cycle.__exit__()
        self.join(PATIENCE)


def _kept(previous: Optional[Capture], asking: cycle.Cycle) -> Tuple[Answer, ...]:
    """The answers that *previous* has to what *asking* has yet to hear about healing."""
    kept: List[Answer] = []
    for query in asking.heal_queries:
        answer = previous.answer(query) if previous is not None else None
        if previous is None or answer is None:
            kept.append(Answer(query, b"", failure=cycle.STILL_RUNNING))
        else:
            kept.append(replace(answer, taken_at=answer.taken_at or previous.recorded_at))
    return tuple(kept)


def _is_configuration(what: str) -> bool:
    """Whether it was a change in glusterd's files, as each command that changes a volume makes some."""
    return what.startswith(STATE_DIRECTORIES)


def _name(process: Process) -> str:
    """What the log calls a process."""
    place = f" {process.path}" if process.path else ""
    return f"{process.name}{place} (pid {process.pid})"
