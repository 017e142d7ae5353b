"""Follows the leader: elects it, fetches its captures, and writes the role of this node for the poller.

Two tasks run.  One queries the other candidates from time to time, and when something changed, and elects the leader.
The other requests updates from the leader, which holds its reply until it has a new capture.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Executor
from contextlib import suppress
from typing import Callable, Collection, Dict, FrozenSet, Mapping, Optional, Sequence

from ganeti_gluster_mon.daemon import spool
from ganeti_gluster_mon.daemon.cluster.exchange import Exchange
from ganeti_gluster_mon.daemon.cluster.exchange_timing import ExchangeTiming
from ganeti_gluster_mon.daemon.cluster.leader_election import Candidate, elect_leader
from ganeti_gluster_mon.daemon.cluster.mute_exchange import MuteExchange
from ganeti_gluster_mon.daemon.cluster.nudger import Nudger, NudgeTarget
from ganeti_gluster_mon.daemon.cluster.peer_client import PeerClient, PeerError, PeerReply
from ganeti_gluster_mon.daemon.cluster.rejections import Rejections
from ganeti_gluster_mon.daemon.cluster.role_writer import RoleWriter
from ganeti_gluster_mon.daemon.log import log_event
from ganeti_gluster_mon.daemon.spool_view import LeaderArchive
from ganeti_gluster_mon.gluster import capture_archive, merge
from ganeti_gluster_mon.gluster.capture import CaptureError

#: candidates that are queried at one time
_MAX_QUERIES = 3
#: seconds to the next request after a leader sent no usable reply
_RETRY_DELAY = 1.0
#: seconds from one request to the leader to the next, at least
_MIN_REQUEST_INTERVAL = 0.5


class Follower:
    """Keeps this node in step with the other nodes.  For one event loop."""

    def __init__(
        self,
        exchange: Exchange,
        peers: PeerClient,
        to: spool.Spool,
        interval: float,
        executor: Executor,
        changed: Callable[[], None],
    ) -> None:
        """Write the role of this node to *to*.  Call *changed* when the leader or its capture changed.

        Captures are unpacked on *executor*.
        """
        self._exchange = exchange
        self._peers = peers
        self._spool = to
        self._timing = ExchangeTiming.of(interval)
        self._executor = executor
        self._changed = changed
        #: the hosts of the other nodes, by uuid
        self._hosts: Mapping[str, str] = {}
        #: the latest reply of each node, by uuid
        self._replies: Dict[str, PeerReply] = {}
        #: since when nodes are eligible and do not lead, by uuid; by the loop's clock
        self._waiting: Dict[str, float] = {}
        self._rejections = Rejections()
        self._sequence = ""
        self._followed: Optional[LeaderArchive] = None
        #: the uuid of the leader; None: there is none, or it is not known yet
        self.leader: Optional[str] = None
        self._began = asyncio.get_running_loop().time()
        #: whether a first election has taken place
        self.decided = False
        self._wake = asyncio.Event()
        self._leader_changed = asyncio.Event()
        self._roles = RoleWriter(to)
        self._mutes = MuteExchange(exchange)
        #: the error that was logged last
        self._logged_error = ""
        self._nudger = Nudger(peers, self._timing.reply_timeout, self._nudge_target)
        #: hosts whose glusterd does not answer this node
        self._silent: FrozenSet[str] = frozenset()

    @property
    def followed(self) -> Optional[LeaderArchive]:
        """The latest capture of a leader, also of a former one; None before the first."""
        return self._followed

    @property
    def is_starting(self) -> bool:
        """Whether the process has just started: there may soon be a leader, or this node may lead."""
        return asyncio.get_running_loop().time() < self._began + self._timing.takeover_timeout

    @property
    def own(self) -> Optional[str]:
        """The uuid of this node in the pool; None before its glusterd has answered."""
        return self._exchange.state.uuid

    def update(
        self, hosts: Optional[Mapping[str, str]], event: bool, silent: Collection[str] = frozenset()
    ) -> None:
        """Take a new capture of this node: the *hosts* of the other nodes by uuid, None: the same as before.

        *event*: something happened on this node.  *silent*: hosts whose glusterd does not answer this node.
        """
        if hosts is not None:
            self._hosts = hosts
        self._silent = frozenset(silent)
        if self.leader != self.own and self._is_silent(self.leader):
            # It cannot lead: its glusterd does not answer, or its network is down.
            self._drop_reply(self.leader or "", None)
        self._wake.set()
        if event:
            self.nudge_leader(())

    def nudge_leader(self, bricks: Sequence[str]) -> None:
        """Make the leader query Gluster now; *bricks* of this node, as "host:path", do not answer."""
        if self.leader not in (None, self.own):
            self._nudger.nudge(bricks)

    def _nudge_target(self) -> Optional[NudgeTarget]:
        uuid, key = self.leader, self._exchange.key
        if uuid is None or key is None or uuid not in self._hosts:
            return None
        return NudgeTarget(self._hosts[uuid], uuid, key, self._sequence)

    def _is_silent(self, uuid: Optional[str]) -> bool:
        return self._hosts.get(uuid or "") in self._silent

    async def run(self) -> None:
        """Run until cancelled."""
        tasks = [asyncio.ensure_future(self._elect_leaders()), asyncio.ensure_future(self._follow_leader())]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            self._nudger.cancel()

    # --- election --------------------------------------------------------------------------

    async def _elect_leaders(self) -> None:
        while True:
            self._wake.clear()
            if self._exchange.state.boottime:
                key = self._exchange.key
                if key is not None:
                    await self._query_candidates(key)
                self._decide(None if key is None else self._choose())
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._timing.election_interval)

    async def _query_candidates(self, key: bytes) -> None:
        """Query the nodes that take precedence over the leader, and over this node if it is eligible."""
        others = set(self._hosts)
        if self._exchange.eligible:
            others = {uuid for uuid in others if uuid < (self.own or "")}
        leading = self._replies.get(self.leader or "")
        if leading is not None and leading.eligible and leading.leads:
            others = {uuid for uuid in others if uuid < (self.leader or "")}
        others = {uuid for uuid in others if not self._is_silent(uuid)}
        for uuid in list(self._replies):
            if (uuid != self.leader and uuid not in others) or self._is_silent(uuid):
                del self._replies[uuid]
        limit = asyncio.Semaphore(_MAX_QUERIES)

        async def query(uuid: str) -> None:
            async with limit:
                try:
                    reply = await self._peers.request(
                        self._hosts[uuid], uuid, key, self._timing.reply_timeout
                    )
                    self._keep_reply(uuid, reply)
                except PeerError as err:
                    self._drop_reply(uuid, err)

        await asyncio.gather(*(query(uuid) for uuid in sorted(others)))

    def _keep_reply(self, uuid: str, reply: PeerReply) -> None:
        if reply.uuid != uuid:
            # The host now belongs to another pool, or this node has left its pool.
            self._drop_reply(uuid, None)
            return
        now = asyncio.get_running_loop().time()
        self._replies[uuid] = reply
        if reply.eligible and not reply.leads:
            self._waiting.setdefault(uuid, now)
        else:
            self._waiting.pop(uuid, None)

    def _drop_reply(self, uuid: str, err: Optional[PeerError]) -> None:
        self._replies.pop(uuid, None)
        self._waiting.pop(uuid, None)
        if err is not None and uuid == self.leader:
            log_event(logging.WARNING, "the leader does not answer", {"why": err})

    def _choose(self) -> Optional[str]:
        now = asyncio.get_running_loop().time()
        others = [
            Candidate(
                uuid,
                eligible=reply.eligible and not self._rejections.holds(uuid, now),
                leads=reply.leads,
                waiting_seconds=now - self._waiting.get(uuid, now),
            )
            for uuid, reply in self._replies.items()
        ]
        own = Candidate(self.own or "", self._exchange.eligible, self._exchange.leads)
        return elect_leader(own, others, self._timing.takeover_timeout)

    def _reject(self, uuid: str, reason: str) -> None:
        """Do not follow *uuid* for a while, whatever it sends meanwhile."""
        if self._rejections.add(uuid, reason, asyncio.get_running_loop().time()):
            log_event(logging.WARNING, "capture refused", {"from": self._name(uuid), "why": reason})

    def _decide(self, chosen: Optional[str]) -> None:
        """Make *chosen* the leader, and write the role of this node to the spool."""
        if self._exchange.key is None:
            role = spool.ALONE
        elif chosen is not None and chosen == self.own:
            role = spool.LEAD
        else:
            role = spool.FOLLOW
        self._roles.write(role)
        if not self.decided or chosen != self.leader:
            if role != spool.ALONE:
                log_event(logging.INFO, "leader changed", {"leader": self._name(chosen)})
            self.decided, self.leader, self._sequence = True, chosen, ""
            self._leader_changed.set()
            self._changed()

    def _name(self, uuid: Optional[str]) -> str:
        if uuid is None:
            return "nobody"
        return "this node" if uuid == self.own else self._hosts.get(uuid, uuid)

    # --- updates from the leader -----------------------------------------------------------------

    async def _follow_leader(self) -> None:
        while True:
            uuid, key = self.leader, self._exchange.key
            if key is None or uuid is None or uuid == self.own or uuid not in self._hosts:
                await self._wait_for_leader_change()
                continue
            loop = asyncio.get_running_loop()
            began = loop.time()
            try:
                reply = await self._request_update(uuid, key)
            except PeerError as err:
                usable = False
                if uuid == self.leader:
                    self._drop_reply(uuid, err)
            else:
                if reply is None or uuid != self.leader:
                    continue
                await self._mutes.accept(reply.mutes)
                usable = await self._accept_update(uuid, reply)
            if not usable:
                self._wake.set()
                await self._wait_for_leader_change(_RETRY_DELAY)
                continue
            await self._wait_for_leader_change(max(0.0, began + _MIN_REQUEST_INTERVAL - loop.time()))

    async def _request_update(self, uuid: str, key: bytes) -> Optional[PeerReply]:
        """The leader's next reply; None if another node leads meanwhile.  Raises PeerError."""
        timing = self._timing
        request = asyncio.ensure_future(
            self._peers.request(
                self._hosts[uuid],
                uuid,
                key,
                timing.reply_timeout,
                after=self._sequence,
                wait=timing.hold_timeout,
                digest=self._mutes.digest,
                mutes=self._mutes.pending,
            )
        )
        changed = asyncio.ensure_future(self._leader_changed.wait())
        try:
            await asyncio.wait({request, changed}, return_when=asyncio.FIRST_COMPLETED)
            return request.result() if request.done() else None
        finally:
            changed.cancel()
            request.cancel()
            self._leader_changed.clear()

    async def _wait_for_leader_change(self, timeout: Optional[float] = None) -> None:
        """Wait until another leads, *timeout* seconds at most; None: without a limit."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._leader_changed.wait(), timeout)
        self._leader_changed.clear()

    async def _accept_update(self, uuid: str, reply: PeerReply) -> bool:
        """Take the leader's reply; False if it cannot be used."""
        self._keep_reply(uuid, reply)
        if reply.uuid != uuid or not reply.eligible or not reply.leads:
            return False
        if reply.archive:
            loop = asyncio.get_running_loop()
            try:
                await loop.run_in_executor(
                    self._executor, _check_archive, reply.archive, uuid, self.own or ""
                )
            except CaptureError as err:
                self._reject(uuid, str(err))
                return False
            if uuid != self.leader:
                return False
            self._rejections.end(uuid)
            self._followed = LeaderArchive(reply.archive, reply.boottime)
            self._changed()
            self._write_leader_capture(reply)
        elif reply.sequence != self._sequence:
            self._reject(uuid, "it leads and sends no capture")
            return False
        self._sequence = reply.sequence
        return True

    def _write_leader_capture(self, reply: PeerReply) -> None:
        """Publish the leader's capture for commands on this node."""
        try:
            self._spool.write_leader_capture(reply.archive, reply.boottime, self.own or "")
        except OSError as err:
            if str(err) != self._logged_error:
                log_event(logging.ERROR, "cannot write the leader's capture", {"why": err})
            self._logged_error = str(err)


def _check_archive(sent: bytes, sender: str, own: str) -> None:
    """Raise CaptureError if *sent* is not a capture of *sender*'s pool."""
    merge.check_same_pool(capture_archive.unpack(sent), sender, own)
