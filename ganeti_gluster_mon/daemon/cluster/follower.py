"""Keeps this node in step with the others: who leads, what the leader sees, and who should ask Gluster now.

Two tasks.  One looks around from time to time, or when something changed, at who else could lead,
and decides.  The other listens to the leader: its answer is held back until it has something new.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import Callable, Collection, Dict, FrozenSet, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.daemon import spool
from ganeti_gluster_mon.daemon.cluster.exchange import Exchange
from ganeti_gluster_mon.daemon.cluster.leader_election import Candidate, elect_leader
from ganeti_gluster_mon.daemon.cluster.peer_client import PeerClient, PeerError, PeerReply
from ganeti_gluster_mon.daemon.log import log_event
from ganeti_gluster_mon.daemon.picture import Followed
from ganeti_gluster_mon.gluster import capture_archive, merge
from ganeti_gluster_mon.gluster.capture import Capture, CaptureError
from ganeti_gluster_mon.mutes import Mute

#: nodes asked at one time whether they lead
_AT_ONCE = 3
#: seconds before a leader that did not answer, or not well, is asked again
_PAUSE = 1.0
#: seconds from one request to the leader to the next, at least, whatever it replies
_SPACING = 0.5
#: seconds for which a node is not followed whose reply could not be believed, the first time and at most
_REJECTED_FOR, _REJECTED_AT_MOST = 60.0, 3600.0
#: times that the leader is told that something happened, until it has understood
_NUDGES = 3


@dataclass(frozen=True)
class ExchangeTiming:
    """How often, and how long; all in seconds, all by the interval of the cycles."""

    #: from one look around to the next
    look_interval: float
    #: in which a node has to answer
    reply_timeout: float
    #: for which the leader may hold back its answer
    hold_timeout: float
    #: in which a node that should lead has to begin
    takeover_timeout: float

    @classmethod
    def of(cls, interval: float) -> ExchangeTiming:
        """So that another leads within two intervals, whatever the first one died of."""
        return cls(
            look_interval=max(1.0, min(5.0, interval / 4)),
            reply_timeout=max(0.5, min(2.0, interval / 4)),
            hold_timeout=max(1.0, min(10.0, interval / 3)),
            takeover_timeout=max(5.0, interval / 2),
        )


@dataclass(frozen=True)
class Rejection:
    """A node that is not followed for a while, because its reply could not be believed."""

    why: str
    #: by the event loop's clock, seconds
    until: float
    #: the length of that while, seconds; it doubles each time
    lasts: float


class Follower:
    """This node among the others.  To be used on one event loop."""

    def __init__(
        self,
        exchange: Exchange,
        peers: PeerClient,
        to: spool.Spool,
        interval: float,
        aside: Executor,
        changed: Callable[[], None],
    ) -> None:
        """The role of this node is written to *to*; *changed* is called when there is more to show.

        *aside* is where captures are unpacked.
        """
        self._exchange = exchange
        self._peers = peers
        self._spool = to
        self._timing = ExchangeTiming.of(interval)
        self._aside = aside
        self._changed = changed
        #: of the other nodes that could be asked: the host's name, by uuid
        self._hosts: Mapping[str, str] = {}
        #: what was heard last, by uuid
        self._heard: Dict[str, PeerReply] = {}
        #: since when, by the loop's clock, they are eligible and do not lead
        self._waiting: Dict[str, float] = {}
        #: by uuid
        self._rejections: Dict[str, Rejection] = {}
        self._sequence = ""
        self._followed: Optional[Followed] = None
        #: the uuid of the node that leads; None: nobody, or it is not known yet
        self.leader: Optional[str] = None
        self._began = asyncio.get_running_loop().time()
        #: whether it was decided at all
        self.decided = False
        self._woken = asyncio.Event()
        self._turned = asyncio.Event()
        self._role: Optional[str] = None
        self._mute = ""
        self._nudging: Optional[asyncio.Task[None]] = None
        self._nudge_again = False
        #: mutes for the next request to the leader
        self._to_send: Tuple[Mute, ...] = ()
        #: the digest of mutes that cannot be made equal to those of the leader
        self._unequal = ""
        #: bricks of this node that do not answer
        self._bricks: Tuple[str, ...] = ()
        #: hosts whose glusterd does not answer this node
        self._silent: FrozenSet[str] = frozenset()

    @property
    def followed(self) -> Optional[Followed]:
        """The latest of a leader's captures, whoever leads now; None while there was none."""
        return self._followed

    @property
    def awaits(self) -> bool:
        """Whether it has only begun, so that there may soon be a leader's capture, or this node leads."""
        return asyncio.get_running_loop().time() < self._began + self._timing.takeover_timeout

    @property
    def own(self) -> Optional[str]:
        """This node's uuid in the pool, if its glusterd has ever told."""
        return self._exchange.state.uuid

    def seen(
        self, hosts: Optional[Mapping[str, str]], event: bool, silent: Collection[str] = frozenset()
    ) -> None:
        """This node has a new capture: the other nodes' *hosts* by uuid, None: the same as before.

        *event*: something happened here.  *silent*: hosts whose glusterd does not answer this node.
        """
        if hosts is not None:
            self._hosts = hosts
        self._silent = frozenset(silent)
        if self.leader != self.own and self._is_silent(self.leader):
            # It cannot lead: what it asks its glusterd would not be answered, or it is cut off.
            self._lost(self.leader or "", None)
        self._woken.set()
        if event:
            self.report(())

    def report(self, bricks: Sequence[str]) -> None:
        """Have the leader ask Gluster now; *bricks* of this node, as "host:path", do not answer.

        One request at a time: what is reported while one is under way is in the next one.
        """
        self._bricks = tuple(bricks)
        if self.leader in (None, self.own):
            return
        if self._nudging is None or self._nudging.done():
            self._nudging = asyncio.ensure_future(self._nudge())
        else:
            self._nudge_again = True

    def _is_silent(self, uuid: Optional[str]) -> bool:
        return self._hosts.get(uuid or "") in self._silent

    async def run(self) -> None:
        """Go on until cancelled."""
        tasks = [asyncio.ensure_future(self._look()), asyncio.ensure_future(self._listen())]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in (*tasks, *([] if self._nudging is None else [self._nudging])):
                task.cancel()

    # --- looking around --------------------------------------------------------------------------

    async def _look(self) -> None:
        while True:
            self._woken.clear()
            if self._exchange.state.boottime:
                key = self._exchange.key
                if key is not None:
                    await self._look_around(key)
                self._decide(None if key is None else self._choose())
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._timing.look_interval)

    async def _look_around(self, key: bytes) -> None:
        """Ask those who would come before the leader, and before this node if it could lead."""
        others = set(self._hosts)
        if self._exchange.eligible:
            others = {uuid for uuid in others if uuid < (self.own or "")}
        leading = self._heard.get(self.leader or "")
        if leading is not None and leading.eligible and leading.leads:
            others = {uuid for uuid in others if uuid < (self.leader or "")}
        others = {uuid for uuid in others if not self._is_silent(uuid)}
        for uuid in list(self._heard):
            if (uuid != self.leader and uuid not in others) or self._is_silent(uuid):
                del self._heard[uuid]
        gate = asyncio.Semaphore(_AT_ONCE)

        async def ask(uuid: str) -> None:
            async with gate:
                try:
                    told = await self._peers.request(self._hosts[uuid], uuid, key, self._timing.reply_timeout)
                    self._hear(uuid, told)
                except PeerError as err:
                    self._lost(uuid, err)

        await asyncio.gather(*(ask(uuid) for uuid in sorted(others)))

    def _hear(self, uuid: str, told: PeerReply) -> None:
        if told.uuid != uuid:
            # Another pool's node has the name now, or this one has left it.
            self._lost(uuid, None)
            return
        now = asyncio.get_running_loop().time()
        self._heard[uuid] = told
        if told.eligible and not told.leads:
            self._waiting.setdefault(uuid, now)
        else:
            self._waiting.pop(uuid, None)

    def _lost(self, uuid: str, err: Optional[PeerError]) -> None:
        self._heard.pop(uuid, None)
        self._waiting.pop(uuid, None)
        if err is not None and uuid == self.leader:
            log_event(logging.WARNING, "the leader does not answer", {"why": err})

    def _choose(self) -> Optional[str]:
        now = asyncio.get_running_loop().time()
        others = [
            Candidate(
                uuid,
                eligible=told.eligible and not self._is_rejected(uuid, now),
                leads=told.leads,
                waiting_seconds=now - self._waiting.get(uuid, now),
            )
            for uuid, told in self._heard.items()
        ]
        own = Candidate(self.own or "", self._exchange.eligible, self._exchange.leads)
        return elect_leader(own, others, self._timing.takeover_timeout)

    def _is_rejected(self, uuid: str, now: float) -> bool:
        rejection = self._rejections.get(uuid)
        return rejection is not None and now < rejection.until

    def _reject(self, uuid: str, why: str) -> None:
        """Do not follow *uuid* for a while, whatever it sends meanwhile."""
        last = self._rejections.get(uuid)
        lasts = _REJECTED_FOR if last is None else min(2 * last.lasts, _REJECTED_AT_MOST)
        if last is None or last.why != why:
            log_event(logging.WARNING, "capture refused", {"from": self._name(uuid), "why": why})
        now = asyncio.get_running_loop().time()
        self._rejections[uuid] = Rejection(why, now + lasts, lasts)

    def _decide(self, chosen: Optional[str]) -> None:
        """*chosen* leads from now on; the role of this node is written to the spool."""
        if self._exchange.key is None:
            role = spool.ALONE
        elif chosen is not None and chosen == self.own:
            role = spool.LEAD
        else:
            role = spool.FOLLOW
        if role != self._role:
            try:
                # Each write makes the poller query at once, so write changes only.
                if self._spool.role() != (None if role == spool.ALONE else role):
                    self._spool.write_role(role)
            except OSError as err:
                if str(err) != self._mute:
                    log_event(logging.ERROR, "cannot write the role", {"why": err})
                self._mute = str(err)
            else:
                self._role, self._mute = role, ""
        if not self.decided or chosen != self.leader:
            if role != spool.ALONE:
                log_event(logging.INFO, "leader changed", {"leader": self._name(chosen)})
            self.decided, self.leader, self._sequence = True, chosen, ""
            self._turned.set()
            self._changed()

    def _name(self, uuid: Optional[str]) -> str:
        if uuid is None:
            return "nobody"
        return "this node" if uuid == self.own else self._hosts.get(uuid, uuid)

    # --- listening to the leader -----------------------------------------------------------------

    async def _listen(self) -> None:
        while True:
            uuid, key = self.leader, self._exchange.key
            if key is None or uuid is None or uuid == self.own or uuid not in self._hosts:
                await self._wait_for_leader_change()
                continue
            loop = asyncio.get_running_loop()
            began = loop.time()
            try:
                told = await self._ask_leader(uuid, key)
            except PeerError as err:
                well = False
                if uuid == self.leader:
                    self._lost(uuid, err)
            else:
                if told is None or uuid != self.leader:
                    continue
                await self._exchange_mutes(told)
                well = await self._accept_update(uuid, told)
            if not well:
                self._woken.set()
                await self._wait_for_leader_change(_PAUSE)
                continue
            await self._wait_for_leader_change(max(0.0, began + _SPACING - loop.time()))

    async def _ask_leader(self, uuid: str, key: bytes) -> Optional[PeerReply]:
        """The leader's next reply; None when another node leads meanwhile.  Raises PeerError."""
        timing = self._timing
        asked = asyncio.ensure_future(
            self._peers.request(
                self._hosts[uuid],
                uuid,
                key,
                timing.reply_timeout,
                after=self._sequence,
                wait=timing.hold_timeout,
                digest=self._digest(),
                mutes=self._to_send,
            )
        )
        turned = asyncio.ensure_future(self._turned.wait())
        try:
            await asyncio.wait({asked, turned}, return_when=asyncio.FIRST_COMPLETED)
            return asked.result() if asked.done() else None
        finally:
            turned.cancel()
            asked.cancel()
            self._turned.clear()

    def _digest(self) -> Optional[str]:
        """The digest of the mutes that this node knows; None after it could not be made equal to the leader's."""
        digest = self._exchange.mutes.digest
        return None if digest == self._unequal else digest

    async def _exchange_mutes(self, told: PeerReply) -> None:
        """Take the mutes that the leader knows, and send it those that it does not know with the next request."""
        sent, self._to_send = self._to_send, ()
        if told.mutes is None:
            return
        await self._exchange.on_mutes(told.mutes)
        mine = self._exchange.mutes
        if sent and mine.newer_than(told.mutes) == list(sent):
            self._unequal = mine.digest  # it does not take them: a clock that is wrong, or another version
            return
        self._to_send = tuple(mine.newer_than(told.mutes))

    async def _wait_for_leader_change(self, timeout: Optional[float] = None) -> None:
        """Wait until another leads, *timeout* seconds at most; None: without a limit."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._turned.wait(), timeout)
        self._turned.clear()

    async def _accept_update(self, uuid: str, told: PeerReply) -> bool:
        """Take the leader's reply; False if there is nothing to be had from it."""
        self._hear(uuid, told)
        if told.uuid != uuid or not told.eligible or not told.leads:
            return False
        if told.archive:
            loop = asyncio.get_running_loop()
            try:
                capture = await loop.run_in_executor(
                    self._aside, _verified_capture, told.archive, uuid, self.own or ""
                )
            except CaptureError as err:
                self._reject(uuid, str(err))
                return False
            if uuid != self.leader:
                return False
            self._rejections.pop(uuid, None)
            self._followed = Followed(capture, told.boottime)
            self._changed()
            self._let_read(told)
        elif told.sequence != self._sequence:
            self._reject(uuid, "it leads and sends no capture")
            return False
        self._sequence = told.sequence
        return True

    def _let_read(self, told: PeerReply) -> None:
        """Let commands on this node read what the leader told, too."""
        try:
            self._spool.write_leader_capture(told.archive, told.boottime, self.own or "")
        except OSError as err:
            if str(err) != self._mute:
                log_event(logging.ERROR, "cannot write the leader's capture", {"why": err})
            self._mute = str(err)

    async def _nudge(self) -> None:
        """Have the leader ask Gluster now: its own glusterd may not know for a while what this node saw."""
        uuid, key, sequence = self.leader, self._exchange.key, self._sequence
        for _ in range(_NUDGES):
            self._nudge_again = False
            if uuid is None or key is None or uuid != self.leader or uuid not in self._hosts:
                return
            try:
                told = await self._peers.request(
                    self._hosts[uuid],
                    uuid,
                    key,
                    self._timing.reply_timeout,
                    after=sequence,
                    nudge=True,
                    bricks=self._bricks,
                )
            except PeerError:
                return  # who listens to it will notice, and choose another, who asks by itself
            if told.nudged and not self._nudge_again:
                return
            sequence = told.sequence  # it has told more meanwhile, which may be from before the event


def _verified_capture(sent: bytes, sender: str, own: str) -> Capture:
    """The capture in *sent*.  Raises CaptureError for one that is not what *sender* should have sent."""
    capture = capture_archive.unpack(sent)
    merge.check_same_pool(capture, sender, own)
    return capture
