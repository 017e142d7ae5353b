"""The poller: it runs as root, queries Gluster, and listens on no port.

It queries once in each interval, and at once when something happens: glusterd stored a change, a process of Gluster
ended, the reply to a probe changed (probe_thread.py), or another node reported a change, which the web process passes
on.  It publishes the answers of each cycle in the spool, and gives out nothing else.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, Dict, FrozenSet, Optional, Sequence, Tuple

from ganeti_gluster_mon.daemon import spool
from ganeti_gluster_mon.daemon.free_memory import return_free_memory
from ganeti_gluster_mon.daemon.log import log_event
from ganeti_gluster_mon.daemon.poller.heal_thread import HealThread
from ganeti_gluster_mon.daemon.poller.kept_capture import KeptCapture
from ganeti_gluster_mon.gluster import cycle, heal_order, probe_thread, session
from ganeti_gluster_mon.gluster.capture import Answer, Capture, CaptureError
from ganeti_gluster_mon.gluster.log_messages import logs_to_json
from ganeti_gluster_mon.gluster.model import Process
from ganeti_gluster_mon.gluster.watch import STATE_DIRECTORIES, Watch
from ganeti_gluster_mon.repair_tries import report_to_json

if TYPE_CHECKING:
    from ganeti_gluster_mon.daemon.poller.auto_repair import AutoRepair
    from ganeti_gluster_mon.daemon.poller.log_counter import LogCounter

#: seconds from one cycle to the next, at least, however much happens
MIN_INTERVAL = 1.0
#: seconds to wait after an event for other events that follow from it
SETTLE_DELAY = 0.2
#: seconds without a change in glusterd's files before the next query: while an administrator runs command after
#: command, the lock of a query could make the next one fail
CONFIGURATION_DELAY = 0.5
#: seconds to wait for the answers about healing before the other answers are published without them
HEAL_TIMEOUT = 1.0
#: part of the interval in which heal queries are begun
HEAL_SHARE = 1 / 3
#: seconds from one watchdog notification to the next, however long the interval
NOTIFY_INTERVAL = 10.0
#: seconds from a change that a probe found to the next cycle; doubled until the interval is reached, because
#: glusterd notices the change later
FOLLOW_UP_DELAY = 2.0
_HEAL_DONE = "the heal backlog is known"
_PROBE_CHANGED = "the reply to a probe changed"
#: events of one cycle that are named
_MOST_EVENTS = 5


class Poller:
    """Queries Gluster, publishes the capture, waits; until a signal ends the process."""

    def __init__(
        self,
        settings: cycle.Settings,
        interval: float,
        to: spool.Spool,
        alive: Callable[[], None],
        others_may_lead: Callable[[], bool] = lambda: False,
        auto_repair: Optional[AutoRepair] = None,
        logs: Optional[LogCounter] = None,
    ) -> None:
        """*alive* is called every few seconds, for the watchdog.

        *others_may_lead* is called before each cycle.  If it is False, this node queries for itself, at random times so
        that not all nodes query at one moment.  *auto_repair*: None where nothing is repaired automatically.
        *logs*: None where no messages in logs are counted.
        """
        self._settings = replace(settings, heal_budget=HEAL_SHARE * interval)
        self._auto_repair = auto_repair
        self._logs = logs
        self._interval = interval
        self._spool = to
        self._alive = alive
        self._check_others_may_lead = others_may_lead
        self._others_may_lead = False
        self._kept = KeptCapture()
        #: what was published last, while its heal queries are running
        self._latest: Optional[spool.SpooledCapture] = None
        self._failures: Counter[str] = Counter()
        self._last_error = ""
        self._healing: Optional[HealThread] = None
        self._publishing_fails = False
        #: the cycle whose queries may be given up, and the lock for it
        self._running: Optional[cycle.Cycle] = None
        self._running_lock = threading.Lock()
        self._prober = probe_thread.ProbeThread(session.GLUSTERD_SOCKET, on_silence=self._give_up)
        self._follow_up: Optional[float] = None
        #: bricks that do not answer, as their own nodes reported, as "host:path"
        self._reported: FrozenSet[str] = frozenset()
        #: whether this node led in the last cycle
        self._led = False
        #: whether a cycle began while the heal queries of an earlier one were running
        self._healing_is_old = False

    def run(self) -> None:
        """Query until an exception (SystemExit, by a signal) ends it; then all threads and processes are ended."""
        with self._spool.poller_running(), Watch(STATE_DIRECTORIES, flat=(self._spool.to_poller,)) as watch:
            heal_done, heal_write = os.pipe()
            watch.also(heal_done, _HEAL_DONE)
            watch.also(self._prober.descriptor, _PROBE_CHANGED)
            self._spool.take_nudge()  # a nudge from before the start has no effect
            self._prober.start()
            try:
                event: Tuple[str, ...] = ()
                while True:
                    event = self._cycle_and_wait(watch, event, heal_done, heal_write)
            finally:
                self._prober.end()
                if self._healing is not None:
                    self._healing.end()
                os.close(heal_done)
                os.close(heal_write)

    def _cycle_and_wait(
        self, watch: Watch, event: Tuple[str, ...], heal_done: int, heal_write: int
    ) -> Tuple[str, ...]:
        """One cycle and the time after it; returns the events that start the next cycle before its time."""
        began = time.monotonic()
        watch.renew()
        waited = self._run_cycle(event, heal_write)
        processes = self._kept.processes
        if processes is not None:
            watch.processes([(process.pid, _name(process)) for process in processes])
        return_free_memory()
        self._alive()
        took = time.monotonic() - began
        delay = self._delay()
        # Queries take at most half of the time, however much happens; the wait for a silent target is no query.
        earliest = began + max(MIN_INTERVAL, 2 * took - waited)
        # The same bound holds for follow-up cycles, since another node may report a change again and again.
        due = max(began + delay, min(earliest, began + self._interval), time.monotonic())
        happened: Dict[str, None] = {}
        settled = latest = due
        while True:
            now = time.monotonic()
            until = min(due, max(earliest, min(settled, latest)))
            if now >= until:
                return tuple(happened)[:_MOST_EVENTS]
            occurred = watch.wait(min(until - now, NOTIFY_INTERVAL))
            self._alive()
            if occurred is None:
                continue
            if _HEAL_DONE in occurred.what:
                os.read(heal_done, 1)
                self._publish_heal_answers()
                return_free_memory()
                if self._healing_is_old:
                    # The heal counts may be from before the last change.
                    due = min(due, max(earliest, time.monotonic()))
            if _PROBE_CHANGED in occurred.what:
                self._on_probe_change(happened)
                settled = time.monotonic()
            more = [what for what in occurred.what if what not in (_HEAL_DONE, _PROBE_CHANGED)]
            if self._take_report(more):
                settled = time.monotonic()
            elif more:
                now = time.monotonic()
                if all(map(_is_configuration, more)):
                    settled = now + CONFIGURATION_DELAY
                else:
                    settled, latest = now + SETTLE_DELAY, min(latest, now + MIN_INTERVAL)
                happened.update(dict.fromkeys(more[:_MOST_EVENTS]))

    def _delay(self) -> float:
        """Seconds from one cycle to the next, if nothing happens."""
        delay = self._interval
        if not self._others_may_lead:
            delay *= random.uniform(0.8, 1.2)  # noqa: S311 - so that not all nodes query at one moment
        if self._follow_up is not None:
            if self._follow_up >= delay:
                self._follow_up = None
            else:
                delay, self._follow_up = self._follow_up, 2 * self._follow_up
        return delay

    def _on_probe_change(self, happened: Dict[str, None]) -> None:
        """The reply to a probe changed: run two more cycles, and report silent bricks to the leader."""
        changes = self._prober.take_changes()
        for change in changes[:_MOST_EVENTS]:
            log_event(logging.INFO, "probe", {"result": change})
        self._follow_up = FOLLOW_UP_DELAY
        happened.update(dict.fromkeys(f"{_PROBE_CHANGED}: {change}" for change in changes[:_MOST_EVENTS]))
        suspected = self._prober.replies().suspected
        if any(change.startswith("brick ") for change in changes):
            try:
                self._spool.write_silent_bricks([f"{host}:{path}" for host, path in suspected])
            except OSError as err:
                log_event(logging.ERROR, "cannot write the silent bricks", {"why": err})

    def _take_report(self, what: Sequence[str]) -> bool:
        """Whether another node reported a change; then the bricks that it named are kept."""
        if not any(each.startswith(self._spool.to_poller) for each in what):
            return False
        reported = self._spool.take_nudge()
        if reported is None:
            return False
        self._reported = frozenset(reported)
        self._follow_up = FOLLOW_UP_DELAY
        return True

    def _run_cycle(self, event: Tuple[str, ...], heal_write: int) -> float:
        """Run one cycle; returns the seconds that it waited for targets that do not answer, or for a repair."""
        self._others_may_lead = self._check_others_may_lead()
        # Before the first election the leader is not known: queries with locks wait until then.
        leads = not self._others_may_lead or self._spool.role() not in (None, spool.FOLLOW)
        if leads and not self._led:
            self._take_over()
        self._led = leads
        began, boottime, previous = time.monotonic(), spool.boottime(), self._kept.capture
        replies, waited = self._prober.replies(), 0.0
        if self._logs is not None:
            mounts = () if previous is None else previous.mounts
            self._logs.start(mount.path for mount in mounts)
        self._healing_is_old = self._healing is not None
        try:
            reported = self._suspected_bricks()
            urgent = bool(reported) or any(what.startswith(_PROBE_CHANGED) for what in event)
            running = cycle.Cycle(self._settings, previous, replies, reported, urgent)
            try:
                capture = self._run_queries(running, leads, may_give_up=not urgent)
                waited = running.waited
                if running.targets is not None:
                    self._prober.watch(running.targets)
                capture = cycle.with_answers(
                    capture, self._heal_answers(running, leads, heal_write, previous)
                )
            finally:
                if self._healing is None or self._healing.cycle is not running:
                    running.__exit__()
            self._log_success()
            answered = True
        except session.GivenUp:
            return time.monotonic() - began + self._run_cycle((_PROBE_CHANGED,), heal_write)
        except session.GlusterUnavailable as err:
            self._log_failure(err)
            capture = cycle.without_gluster(self._settings, str(err), replies)
            answered = False
        self._kept.capture = capture
        record = spool.CycleRecord(
            boottime=boottime,
            seconds=time.monotonic() - began,
            failures=dict(self._failures),
            leads=leads,
            interval=self._interval,
            # A nudge is an event of another node, and a changed probe is reported on its own.
            event="; ".join(
                what for what in event if not what.startswith((self._spool.to_poller, _PROBE_CHANGED))
            )
            or None,
            auto_repairs=None if self._auto_repair is None else report_to_json(self._auto_repair.report()),
            logs=self._log_report(),
        )
        self._publish(spool.SpooledCapture(capture, record))
        return waited + self._repair(capture, answered)

    def _run_queries(self, running: cycle.Cycle, leads: bool, may_give_up: bool) -> Capture:
        """All queries of *running* but those about healing.  Raises session.GivenUp."""
        with self._running_lock:
            self._running = running if may_give_up else None
        try:
            return running.run_queries(leads)
        finally:
            with self._running_lock:
                self._running = None

    def _give_up(self) -> None:
        """Give up the queries of the cycle that runs, so that another begins; in the thread of the probes.

        One of them may wait for what does not answer any more: `volume status` waits for a peer for minutes.
        """
        with self._running_lock:
            if self._running is not None:
                self._running.give_up()

    def _log_report(self) -> Any:
        report = None if self._logs is None else self._logs.report()
        return None if report is None else logs_to_json(report)

    def _repair(self, capture: Capture, answered: bool) -> float:
        """Repair automatically what does not run by *capture*, if this node leads; returns the seconds that it took.

        A node that queries for itself alone does not: all nodes would repair at the same time.
        """
        if self._auto_repair is None:
            return 0.0
        if not (answered and self._others_may_lead and self._spool.role() == spool.LEAD):
            self._auto_repair.forget()
            return 0.0
        began = time.monotonic()
        if self._auto_repair.after_cycle(capture):
            self._follow_up = FOLLOW_UP_DELAY
        return time.monotonic() - began

    def _take_over(self) -> None:
        """Use the brick ports that the former leader knew.

        The ports that this node knows are from the last time that it led.  A brick that was restarted since then
        listens on another port, and would be reported as dead.
        """
        followed = self._spool.leader_capture()
        previous = self._kept.capture
        if followed is not None and previous is not None:
            ports = {**previous.brick_ports, **followed[0].brick_ports}
            self._kept.capture = replace(previous, brick_ports=ports)

    def _suspected_bricks(self) -> FrozenSet[Tuple[str, str]]:
        """The bricks that other nodes reported, by host and path; forgotten after the next cycle."""
        reported, self._reported = self._reported, frozenset()
        split = (label.partition(":/") for label in reported)
        return frozenset((host, f"/{path}") for host, _, path in split)

    def _heal_answers(
        self, running: cycle.Cycle, leads: bool, heal_write: int, previous: Optional[Capture]
    ) -> Tuple[Answer, ...]:
        """The answers about healing: new ones if they come in time, else the previous ones, with their age."""
        if not leads:
            return ()
        if self._healing is None:
            healing = HealThread(running, heal_write)
            healing.start()
            # While one brick is missing, each answer takes 10 s.
            healing.join(HEAL_TIMEOUT if running.all_there else 0.0)
            answers = healing.take()
            if answers is not None:
                return heal_order.with_kept(answers, running.heal_queries, previous)
            self._healing = healing
        return heal_order.kept_answers(running.heal_queries, previous, cycle.STILL_RUNNING)

    def _publish_heal_answers(self) -> None:
        """Slow heal queries have ended: publish the capture again, with their answers."""
        healing, self._healing = self._healing, None
        if healing is None:
            return
        healing.end()
        answers = healing.take()
        if answers is None or self._latest is None or not self._latest.cycle.leads:
            return
        taken = [replace(answer, taken_at=answer.taken_at or healing.began) for answer in answers]
        # What has no answer now was not begun.
        left = [
            replace(answer, failure=heal_order.TURN_TO_COME)
            for answer in self._latest.capture.answers
            if answer.failure == cycle.STILL_RUNNING
        ]
        capture = cycle.with_answers(self._latest.capture, [*left, *taken])
        self._kept.capture = capture
        self._publish(replace(self._latest, capture=capture, cycle=replace(self._latest.cycle, event=None)))

    def _publish(self, captured: spool.SpooledCapture) -> None:
        # It may be large, and only answers about healing that come later need it.
        self._latest = None if self._healing is None else captured
        try:
            self._spool.publish(captured)
        except CaptureError as err:
            # The old capture stays and becomes stale; the next cycle tries again.
            if not self._publishing_fails:
                log_event(logging.ERROR, "cannot publish the capture", {"why": err})
            self._publishing_fails = True
        else:
            if self._publishing_fails:
                log_event(logging.INFO, "publishing captures again", {})
            self._publishing_fails = False

    def _log_failure(self, err: session.GlusterUnavailable) -> None:
        self._failures[err.kind] += 1
        if self._last_error != str(err):
            log_event(logging.ERROR, "cannot query Gluster", {"reason": err.kind, "why": err})
        self._last_error = str(err)

    def _log_success(self) -> None:
        if self._last_error:
            log_event(logging.INFO, "querying Gluster again", {"before": self._last_error})
        self._last_error = ""


def _is_configuration(what: str) -> bool:
    """Whether the event is a change in glusterd's files: each command that changes a volume makes some."""
    return what.startswith(STATE_DIRECTORIES)


def _name(process: Process) -> str:
    """The name of a process in the log."""
    place = f" {process.path}" if process.path else ""
    return f"{process.name}{place} (pid {process.pid})"
