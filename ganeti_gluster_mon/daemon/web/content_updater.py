"""The web process: it renders each published capture as content, and serves the content.

It has no privileges.  It reads, evaluates and renders each capture once, in a thread of its own; meanwhile the event
loop serves the former content.  Where another node leads, the capture is the leader's, with this node's own mounts and
processes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Callable, Dict, Optional, Sequence, Tuple

import pyinotify

from ganeti_gluster_mon import snapshot
from ganeti_gluster_mon.daemon.cluster.exchange import Exchange, NodeState
from ganeti_gluster_mon.daemon.cluster.follower import Follower
from ganeti_gluster_mon.daemon.cluster.peer_client import PeerClient
from ganeti_gluster_mon.daemon.compressed import Compressed
from ganeti_gluster_mon.daemon.free_memory import return_free_memory
from ganeti_gluster_mon.daemon.log import log_event
from ganeti_gluster_mon.daemon.spool import (
    CURRENT,
    SILENT_BRICKS,
    CycleRecord,
    Spool,
    SpooledCapture,
    boottime,
)
from ganeti_gluster_mon.daemon.spool_view import SpoolView
from ganeti_gluster_mon.daemon.web.annotations import Annotations
from ganeti_gluster_mon.daemon.web.content import (
    CurrentContent,
    MakeNodePage,
    MakePage,
    render,
)
from ganeti_gluster_mon.daemon.web.storage_status import Peaks, storage_status
from ganeti_gluster_mon.gluster import capture_archive, cycle
from ganeti_gluster_mon.gluster.capture import CaptureError
from ganeti_gluster_mon.gluster.merge import other_hosts, own_uuid
from ganeti_gluster_mon.health import CRITICAL, Limits
from ganeti_gluster_mon.mutes import Mute
from ganeti_gluster_mon.snapshot import Snapshot

#: seconds between two checks of the age of the content
_TICK = 1.0
#: seconds for which a status is not logged while answers are missing
_INCOMPLETE = 60.0
#: the share of the time that new renderings of old captures may take
_SHARE = 0.1


class ContentUpdater:
    """Keeps a CurrentContent up to date with a Spool, and the other nodes.  To be used on a running event loop."""

    def __init__(
        self,
        spool: Spool,
        current: CurrentContent,
        limits: Limits,
        interval: float,
        alive: Callable[[], None],
        cluster: Optional[Tuple[Exchange, PeerClient]] = None,
        make_page: Optional[MakePage] = None,
        make_node_page: Optional[MakeNodePage] = None,
        annotations: Optional[Annotations] = None,
        latency_extremes: bool = False,
    ) -> None:
        """*limits* decide when what is known is too old; the poller queries every *interval* seconds.

        *alive* is called each second, for the watchdog.  *cluster*: the exchange with the other nodes; None: this node
        queries Gluster for itself.  *latency_extremes*: as in `PoolMetrics`.
        """
        self._spool = spool
        self._current = current
        self._limits = limits
        self._interval = interval
        self._alive = alive
        self._make_page = make_page
        self._make_node_page = make_node_page
        self._latency_extremes = latency_extremes
        #: None: what is shown has no history and no mutes
        self._annotations = annotations
        self._own: Optional[_OwnCapture] = None
        self._is_new = False
        self._changed = asyncio.Event()
        self._logged_status = ""
        self._incomplete_since: Optional[float] = None
        self._unreadable = ""
        self._peaks: Peaks = {}
        self._logged_error = ""
        self._executor = current.thread
        self._exchange: Optional[Exchange] = None
        self._follower: Optional[Follower] = None
        if cluster is not None:
            self._exchange, peers = cluster
            if annotations is not None:
                self._exchange.mutes = annotations.mutes
                self._exchange.on_mutes = self._on_mutes
            self._follower = Follower(
                self._exchange, peers, spool, interval, self._executor, self._changed.set
            )

    async def run(self) -> None:
        """Go on until cancelled."""
        loop = asyncio.get_running_loop()
        manager = pyinotify.WatchManager()
        notifier = pyinotify.Notifier(manager, self._on_event, timeout=0)
        manager.add_watch(self._spool.directory, pyinotify.IN_MOVED_TO, quiet=False)
        loop.add_reader(manager.get_fd(), self._read, notifier)
        follower = None if self._follower is None else asyncio.ensure_future(self._follower.run())
        try:
            self._is_new = True
            self._changed.set()
            await self._show_changes(follower)
        finally:
            if follower is not None:
                follower.cancel()
            loop.remove_reader(manager.get_fd())
            notifier.stop()

    async def _show_changes(self, follower: Optional[asyncio.Future[None]]) -> None:
        loop = asyncio.get_running_loop()
        shown, took = 0.0, 0.0
        while True:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _TICK)
            if follower is not None and follower.done():
                follower.result()  # it never ends by itself: let what ended it end all
            self._alive()
            began = time.monotonic()
            if self._annotations is not None and self._annotations.refresh():
                self._know_mutes(self._annotations)
            if self._changed.is_set():
                self._changed.clear()
                if self._is_new:
                    self._is_new = False
                    await self._read_capture()
            elif not self._overdue() or began - shown < took / _SHARE:
                continue
            make_view = self._spool_view()
            if make_view is not None:
                await loop.run_in_executor(self._executor, self._show, make_view)
            await loop.run_in_executor(self._executor, return_free_memory)
            shown = time.monotonic()
            took = shown - began

    async def _on_mutes(self, sent: Sequence[Mute]) -> None:
        """Take mutes that another node sent."""
        loop = asyncio.get_running_loop()
        if self._annotations is not None and await loop.run_in_executor(
            self._executor, self._annotations.merge, sent
        ):
            self._know_mutes(self._annotations)

    def _know_mutes(self, annotations: Annotations) -> None:
        if self._exchange is not None:
            self._exchange.set_mutes(annotations.mutes)
        self._changed.set()

    def _read(self, notifier: pyinotify.Notifier) -> None:
        notifier.read_events()
        notifier.process_events()

    def _on_event(self, event: pyinotify.Event) -> None:
        if event.name == SILENT_BRICKS and self._follower is not None:
            self._follower.nudge_leader(self._spool.silent_bricks())
        if event.name == CURRENT or event.mask & pyinotify.IN_Q_OVERFLOW:
            self._is_new = True
            self._changed.set()

    def _overdue(self) -> bool:
        """Whether the next capture should have come, so that the age of this one matters."""
        followed = None if self._follower is None else self._follower.followed
        own = None if self._own is None else self._own.cycle
        ages = [known.age() for known in (own, followed) if known is not None]
        return max(ages, default=0.0) > 1.5 * self._interval

    async def _read_capture(self) -> None:
        """Read the published capture, and offer it to the other nodes."""
        loop = asyncio.get_running_loop()
        try:
            own = await loop.run_in_executor(self._executor, self._spool.current)
        except CaptureError as err:
            if self._own is not None and str(err) != self._unreadable:
                log_event(logging.ERROR, "cannot read the capture", {"why": err})
            self._unreadable = str(err)
            return
        self._unreadable = ""
        new = self._own is None or own.cycle.boottime != self._own.cycle.boottime
        self._own = await loop.run_in_executor(self._executor, _OwnCapture.of, own)
        if self._exchange is None or self._follower is None:
            return
        self._exchange.key = self._spool.read_key()
        state, hosts = await loop.run_in_executor(
            self._executor, _state, own, self._exchange.state.uuid, self._exchange.key is not None
        )
        self._exchange.set_state(state)
        silent = [host for host, answers in own.capture.reachable.items() if not answers]
        self._follower.update(hosts if state.answered else None, new and own.cycle.event is not None, silent)

    def _spool_view(self) -> Optional[Callable[[], SpoolView]]:
        """What unpacks the captures that are to be shown; None while there is nothing, or soon more than there is."""
        own, follower, exchange = self._own, self._follower, self._exchange
        if own is None:
            return None
        packed = own.captured
        if follower is None or exchange is None or exchange.key is None:
            return lambda: SpoolView(packed.load())
        uuid, followed = follower.own, follower.followed
        leads = own.cycle.leads
        if uuid is not None and followed is not None and not (leads and follower.leader == uuid):
            return lambda: SpoolView(packed.load(), followed.unpack(), uuid, leader=False)
        if not leads and follower.is_starting:
            return None
        return lambda: SpoolView(packed.load(), leader=leads)

    def _show(self, make_view: Callable[[], SpoolView]) -> None:
        found, source = self._evaluate(make_view())
        if self._annotations is not None:
            found = self._annotations.apply(found)
        content = self._current.content = render(
            found.pool,
            found.health,
            found.now,
            duration=found.seconds,
            failures=found.failures,
            leader=source.leader,
            make_page=self._make_page,
            make_node_page=self._make_node_page,
            latency_extremes=self._latency_extremes,
        )
        if self._is_settled(found, source):
            self._log_status(found)
        self._write_storage_status(found, source)
        content.evaluated.compress()

    def _evaluate(self, view: SpoolView) -> Tuple[Snapshot, _Source]:
        """The pool by *view*, whose captures need not be kept while the pool is rendered."""
        now, taken_at = time.time_ns(), boottime() - round(view.age() * 1e9)
        found = snapshot.from_view(view, self._limits, now)
        return found, _Source(view.leader, cycle.is_complete(view.capture), taken_at)

    def _is_settled(self, found: Snapshot, source: _Source) -> bool:
        """Whether the status is worth a line in the log: while answers are to come soon, it is not, unless CRITICAL."""
        now = time.monotonic()
        if source.is_complete:
            self._incomplete_since = None
            return True
        if self._incomplete_since is None:
            self._incomplete_since = now
        return found.health.code == CRITICAL or now - self._incomplete_since > _INCOMPLETE

    def _write_storage_status(self, found: Snapshot, source: _Source) -> None:
        content, self._peaks = storage_status(found.pool, self._peaks, source.taken_at)
        try:
            self._spool.write_storage_status(content)
        except OSError as err:
            if str(err) != self._logged_error:
                log_event(logging.ERROR, "cannot write the storage status", {"why": err})
            self._logged_error = str(err)
        else:
            self._logged_error = ""

    def _log_status(self, found: Snapshot) -> None:
        """Log the status if its code or a problem changed; changed figures in the message do not count."""
        status = (
            f"{found.health.code} {[(problem.severity, problem.code) for problem in found.health.problems]}"
        )
        if status != self._logged_status:
            level = logging.INFO if found.health.code <= 1 else logging.WARNING
            log_event(level, "status changed", {"code": found.health.code, "message": found.health.message})
        self._logged_status = status


@dataclass(frozen=True)
class _OwnCapture:
    """The latest capture of this node, compressed, and its cycle."""

    captured: Compressed[SpooledCapture]
    cycle: CycleRecord

    @classmethod
    def of(cls, captured: SpooledCapture) -> _OwnCapture:
        return cls(Compressed(captured), captured.cycle)


@dataclass(frozen=True)
class _Source:
    """What is kept of the captures that a snapshot is made of."""

    #: as in SpoolView
    leader: Optional[bool]
    #: whether no answer is to come soon
    is_complete: bool
    #: CLOCK_BOOTTIME when the answers about the pool were taken, ns
    taken_at: int


def _state(own: SpooledCapture, last: Optional[str], has_key: bool) -> Tuple[NodeState, Dict[str, str]]:
    """The state for the other nodes by *own*, and their hosts by uuid; *last*: this node's uuid until now."""
    capture, leads = own.capture, own.cycle.leads
    uuid = own_uuid(capture)
    state = NodeState(
        uuid=uuid or last,
        answered=uuid is not None,
        leads=leads,
        boottime=own.cycle.boottime,
        archive=capture_archive.pack(capture) if has_key and leads and uuid is not None else b"",
    )
    return state, other_hosts(capture)
