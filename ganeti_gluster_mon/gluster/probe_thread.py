"""Probes glusterd, this node's bricks and the peers between two cycles, without a lock.

A process that is frozen, or a host whose cable was pulled, changes no file and ends no process: nothing reports it.
So a thread sends each of them the "dump" call of probe.py (0.2 ms) every few seconds and compares the reply with the
one before.  A change wakes the thread that runs the cycles, through a pipe.

A target has at most one probe outstanding: the next round begins when the one before has ended, at the latest after
`TIMEOUT`.  Host names are resolved aside (lookup.py) and kept, so no probe waits for a resolver.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Callable, Dict, Iterable, List, Mapping, Optional, Set, Tuple

from ganeti_gluster_mon.gluster import lookup, probe
from ganeti_gluster_mon.gluster.probe import HostAndPort, Reply, Target

#: seconds between two probes of glusterd and of each brick of this node
PERIOD = 2.0
#: seconds between two probes of each peer, for each peer: a pool of 100 nodes is probed every 5 s
PERIOD_PER_PEER = 0.05
#: seconds in which a target has to reply
TIMEOUT = 1.0
#: seconds after which a brick without a reply is suspected, so that its port is probed by a cycle at once
SUSPECTED_AFTER = 0.5
#: seconds for which a resolved name is used
_NAME_LIFETIME = 60.0
#: seconds that the first resolution of a name may delay a round
_NAME_TIMEOUT = 0.2

BrickKey = Tuple[str, str]


@dataclass(frozen=True)
class BrickPort:
    """Where the process of a brick of this node listens."""

    host: str
    path: str
    port: int
    #: TLS: a connection has to do as an answer
    encrypted: bool = False


@dataclass(frozen=True)
class Targets:
    """What is to be probed in addition to this node's glusterd."""

    #: hostnames of the other members of the pool
    peers: Tuple[str, ...] = ()
    bricks: Tuple[BrickPort, ...] = ()
    #: of glusterd on the peers
    peer_port: int = 24007
    #: TLS on that port
    peers_encrypted: bool = False


@dataclass(frozen=True)
class Replies:
    """The last replies; a target without a reply, or with one that decides nothing, is left out."""

    #: ANSWERS, SILENT, or REFUSED where nothing listens; None: not known
    glusterd: Optional[Reply] = None
    #: by hostname: whether glusterd of the peer answers
    peers: Mapping[str, bool] = field(default_factory=dict)
    #: by host and path: whether the brick's process answers
    bricks: Mapping[BrickKey, bool] = field(default_factory=dict)
    #: bricks that do not answer, or did not within SUSPECTED_AFTER
    suspected: Tuple[BrickKey, ...] = ()


class ProbeThread(threading.Thread):
    """Probes until `end`.  All methods may be called from any thread."""

    def __init__(
        self, glusterd_socket: str, period: float = PERIOD, on_silence: Callable[[], None] = lambda: None
    ) -> None:
        """*on_silence* is called, in the thread, when something does not answer any more."""
        super().__init__(name="probes", daemon=True)
        self._on_silence = on_silence
        self._glusterd_socket = glusterd_socket
        self._period = period
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._targets = Targets()
        self._glusterd: Optional[Reply] = None
        self._peers: Dict[str, bool] = {}
        self._bricks: Dict[BrickKey, bool] = {}
        self._suspected: Dict[BrickKey, None] = {}
        self._changes: List[str] = []
        self._names = _Names()
        #: readable as long as there are changes that were not taken
        self.descriptor, self._wake = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._wake, False)

    def end(self) -> None:
        """End the thread and wait for it, at most for one round."""
        self._ended.set()
        if self.is_alive():
            self.join(TIMEOUT + _NAME_TIMEOUT + 1.0)
        with self._lock:
            os.close(self.descriptor)
            os.close(self._wake)
            self.descriptor = self._wake = -1

    def watch(self, targets: Targets) -> None:
        """Probe *targets* from the next round on; the replies of those that stay are kept."""
        bricks = {(brick.host, brick.path) for brick in targets.bricks}
        with self._lock:
            moved = {
                (brick.host, brick.path) for brick in set(targets.bricks).difference(self._targets.bricks)
            }
            self._targets = targets
            self._peers = {host: reply for host, reply in self._peers.items() if host in targets.peers}
            self._bricks = {
                key: reply for key, reply in self._bricks.items() if key in bricks and key not in moved
            }
            self._suspected = {key: None for key in self._suspected if key in bricks and key not in moved}

    def replies(self) -> Replies:
        """The last replies."""
        with self._lock:
            return Replies(self._glusterd, dict(self._peers), dict(self._bricks), tuple(self._suspected))

    def take_changes(self) -> Tuple[str, ...]:
        """What changed since the last call, in words for the log."""
        with self._lock:
            changes, self._changes = tuple(self._changes), []
            with suppress(BlockingIOError):
                os.read(self.descriptor, 4096)
        return changes

    def run(self) -> None:
        peers_due = 0.0
        while True:
            began = time.monotonic()
            with self._lock:
                targets = self._targets
            with_peers = began >= peers_due
            if with_peers:
                peers_due = began + max(self._period, PERIOD_PER_PEER * len(targets.peers)) - 0.1
            self._round(targets, with_peers)
            if self._ended.wait(max(0.0, began + self._period - time.monotonic())):
                return

    def _round(self, targets: Targets, with_peers: bool) -> None:
        peers = targets.peers if with_peers else ()
        known = self._names.resolve([*peers, *(brick.host for brick in targets.bricks)])
        glusterd = probe.unix_target(self._glusterd_socket)
        bricks: Dict[HostAndPort, BrickKey] = {}
        probes = [glusterd]
        for brick in targets.bricks:
            key = (f"{brick.host}:{brick.path}", brick.port)
            if known.get(brick.host):
                bricks[key] = (brick.host, brick.path)
                addresses = probe.tcp_addresses(known[brick.host], brick.port)
                probes.append(Target(key, addresses, brick.encrypted))
        for host in peers:
            if known.get(host):
                addresses = probe.tcp_addresses(known[host], targets.peer_port)
                probes.append(Target((host, targets.peer_port), addresses, targets.peers_encrypted))

        def suspect(silent: Tuple[HostAndPort, ...]) -> None:
            self._suspect([bricks[key] for key in silent if key in bricks])

        replies = probe.probe_targets(probes, TIMEOUT, SUSPECTED_AFTER, suspect)
        with self._lock:
            before = self._without_reply()
            self._take_glusterd(replies[glusterd.key])
            for key, brick_key in bricks.items():
                self._take_brick(brick_key, replies[key])
            for host in peers:
                reply = replies.get((host, targets.peer_port), Reply.UNKNOWN)
                if host in self._targets.peers:
                    self._take_peer(host, reply)
            lost = self._without_reply() - before
        if lost:
            self._on_silence()

    # --- with the lock held ----------------------------------------------------------------------

    def _without_reply(self) -> Set[object]:
        """What did not answer when it was probed last."""
        peers = {host for host, answers in self._peers.items() if not answers}
        bricks = {key for key, answers in self._bricks.items() if not answers}
        return {*peers, *bricks, *({"glusterd"} if self._glusterd is Reply.SILENT else ())}

    def _take_glusterd(self, reply: Reply) -> None:
        if reply is Reply.UNREACHABLE:  # no such socket
            reply = Reply.REFUSED
        if reply not in (Reply.ANSWERS, Reply.SILENT, Reply.REFUSED):
            return
        before, self._glusterd = self._glusterd, reply
        if reply is not before and (before is not None or reply is not Reply.ANSWERS):
            self._change(f"glusterd of this node {_words(reply)}")

    def _take_peer(self, host: str, reply: Reply) -> None:
        if reply is Reply.UNKNOWN:
            return
        answers = reply is Reply.ANSWERS
        before = self._peers.get(host, True)
        self._peers[host] = answers
        if answers is not before:
            self._change(f"peer {host} {_words(reply)}")

    def _take_brick(self, key: BrickKey, reply: Reply) -> None:
        if key not in {(brick.host, brick.path) for brick in self._targets.bricks}:
            return
        if reply not in (Reply.ANSWERS, Reply.SILENT, Reply.REFUSED):
            return
        answers = reply is Reply.ANSWERS
        before = self._bricks.get(key, True)
        self._bricks[key] = answers
        if answers:
            suspected = key in self._suspected
            self._suspected.pop(key, None)
            if not before or suspected:
                self._change(f"brick {key[0]}:{key[1]} answers again")
        elif key not in self._suspected:
            self._suspected[key] = None
            self._change(f"brick {key[0]}:{key[1]} {_words(reply)}")

    def _suspect(self, keys: Iterable[BrickKey]) -> None:
        with self._lock:
            for key in keys:
                if key not in self._suspected:
                    self._suspected[key] = None
                    self._change(f"brick {key[0]}:{key[1]} {_words(Reply.SILENT)}")

    def _change(self, words: str) -> None:
        self._changes.append(words)
        if self._wake != -1:
            with suppress(BlockingIOError):  # the pipe is full of earlier wake-ups
                os.write(self._wake, b".")


class _Names:
    """Host names and their addresses, kept for a while; for one thread."""

    def __init__(self) -> None:
        self._known: Dict[str, Tuple[lookup.Address, ...]] = {}
        self._expires: Dict[str, float] = {}
        self._pending: Dict[str, lookup.Lookup] = {}

    def resolve(self, hosts: Iterable[str]) -> Mapping[str, Tuple[lookup.Address, ...]]:
        """The addresses of *hosts*; a name that is not resolved in time is left out, or has its last ones."""
        wanted = list(dict.fromkeys(hosts))
        now = time.monotonic()
        begin = []
        for host in wanted:
            if now < self._expires.get(host, 0.0) or host in self._pending:
                continue
            literal = lookup.literal(host)
            if literal:
                self._known[host], self._expires[host] = literal, float("inf")
            else:
                begin.append(host)
        done = threading.Event()
        for started in lookup.look_up(begin, done.set) if begin else ():
            self._pending[started.host] = started
        deadline = now + _NAME_TIMEOUT
        while True:
            self._collect()
            missing = [host for host in wanted if host not in self._known and host in self._pending]
            left = deadline - time.monotonic()
            if not missing or left <= 0 or not done.wait(left):
                break
            done.clear()
        for host in [host for host in self._known if host not in wanted]:
            if now >= self._expires[host]:
                del self._known[host], self._expires[host]
        return {host: self._known[host] for host in wanted if host in self._known}

    def _collect(self) -> None:
        for host, pending in list(self._pending.items()):
            if pending.addresses is None:
                continue
            del self._pending[host]
            self._expires[host] = time.monotonic() + _NAME_LIFETIME
            if pending.addresses or host not in self._known:
                self._known[host] = pending.addresses


def _words(reply: Reply) -> str:
    return {Reply.ANSWERS: "answers again", Reply.SILENT: "does not answer"}.get(reply, reply.value)
