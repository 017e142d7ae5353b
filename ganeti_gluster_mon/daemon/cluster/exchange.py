"""The protocol by which the nodes of a pool exchange captures and mutes: ``GET /exchange``.

::

    GET /exchange?after=SEQUENCE&wait=SECONDS&nudge=1&brick=HOST:PATH
    X-Gluster-Mon-Nonce: 32 hexadecimal digits, made for this request alone
    X-Gluster-Mon-Challenge: the receiver's present challenge
    X-Gluster-Mon-Signature: of path, query, nonce, the receiver's uuid and the challenge

    X-Gluster-Mon-Challenge: the challenge for the next request
    X-Gluster-Mon-Signature: of path, query, nonce and what follows

    one line of JSON: uuid, eligible, leads, sequence, age, held, nudged, mutes
    what follows: the capture as a archive, if the node leads and SEQUENCE is not the present one

The node holds its reply for up to SECONDS while SEQUENCE is still the present one, so that the sender gets a new
capture at once.  ``nudge`` makes the node query Gluster now, because something happened on the sender.  It counts only
with the present sequence, so that a repeated recording of the request has no effect once there is a new capture.
``brick``, which may come several times, names bricks of the
sender that do not answer; the node then probes them first, and uses the result of its own probe only.

``mutes=DIGEST`` identifies the mutes that the sender knows; a node that knows others replies at once, and sends its own
as ``mutes``.  ``mute``, which may come several times, is an entry that the sender knows and the node does not.
See mutes.py.

Ages and durations are sent, never moments: no two nodes need the same clock.

A recorded request is of no use to anybody.  It is signed for one node.  It is signed for one challenge, a random
value that each process makes anew every `CHALLENGE_LASTS` seconds and accepts for twice as long, so that it is void
after that time, and after a restart.  In the meantime the node remembers its nonce.  A request with another
challenge gets 403 and the present one, and its sender tries again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Awaitable, Callable, Dict, Optional, Sequence, Set

from ganeti_gluster_mon.daemon.client_log import ClientLog
from ganeti_gluster_mon.daemon.cluster import signing
from ganeti_gluster_mon.daemon.log import log_event
from ganeti_gluster_mon.daemon.spool import seconds_since
from ganeti_gluster_mon.mutes import NONE, Mute, Mutes, to_json

PATH = "/exchange"
NONCE = "X-Gluster-Mon-Nonce"
SIGNATURE = "X-Gluster-Mon-Signature"
CHALLENGE = "X-Gluster-Mon-Challenge"
#: seconds after which a challenge is replaced; it is accepted for as long again
CHALLENGE_LASTS = 60.0
#: why a request is refused that its sender should send again, with the present challenge
OTHER_CHALLENGE = "The challenge is not this node's present one"
#: requests with one challenge; after so many it is replaced early, which bounds the nonces that are remembered
_MOST_NONCES = 10_000
#: seconds an answer may be held back at most
LONGEST_WAIT = 30.0


@dataclass(frozen=True)
class NodeState:
    """The state of this node, by its latest capture."""

    #: of this node in the pool; None before its glusterd has answered
    uuid: Optional[str] = None
    #: whether its glusterd answered
    answered: bool = False
    #: whether it queried the whole pool
    leads: bool = False
    #: CLOCK_BOOTTIME when the capture was taken, ns
    boottime: int = 0
    #: the capture, packed, if it leads
    archive: bytes = b""


class Challenges:
    """The challenges of this process, and the nonces that came with them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """*clock* gives seconds."""
        self._clock = clock
        #: nonces by challenge: the present one last, and the one before it
        self._nonces: Dict[str, Set[str]] = {}
        self._made_at = float("-inf")

    @property
    def current(self) -> str:
        """The present challenge, 32 hexadecimal digits; a new one when its time is over."""
        now = self._clock()
        age = now - self._made_at
        if age >= 2 * CHALLENGE_LASTS:
            self._nonces.clear()
        if age >= CHALLENGE_LASTS or len(self._nonces[next(reversed(self._nonces))]) >= _MOST_NONCES:
            while len(self._nonces) > 1:
                del self._nonces[next(iter(self._nonces))]
            self._nonces[signing.nonce()] = set()
            self._made_at = now
        return next(reversed(self._nonces))

    def accepts(self, challenge: str) -> bool:
        """Whether *challenge* is the present one or the one before it."""
        return challenge == self.current or challenge in self._nonces

    def use(self, challenge: str, nonce: str) -> bool:
        """Remember *nonce*; False if it came with *challenge* before."""
        nonces = self._nonces[challenge]
        if nonce in nonces:
            return False
        nonces.add(nonce)
        return True


class Exchange:
    """This node's side of the exchange.  To be used on one event loop."""

    def __init__(self, fresh: float, nudged: Callable[[Sequence[str]], None]) -> None:
        """A node may lead if its capture is at most *fresh* seconds old.

        *nudged* is called when another node requests a query now, with the bricks that it names; it may raise OSError.
        """
        self._fresh = fresh
        self._nudged = nudged
        #: None: without a secret all requests are refused
        self.key: Optional[bytes] = None
        #: all mutes that this node knows
        self.mutes: Mutes = NONE
        #: is given the entries that another node sent
        self.on_mutes: Callable[[Sequence[Mute]], Awaitable[None]] = _ignore
        self._state = NodeState()
        self._instance = secrets.token_hex(8)
        self._number = 0
        self._changed = asyncio.Event()
        self._ended = False
        self.challenges = Challenges()
        self._held = 0
        self._client_log = ClientLog()

    @property
    def state(self) -> NodeState:
        """The state that other nodes get."""
        return self._state

    @property
    def eligible(self) -> bool:
        """Whether this node could lead."""
        state = self._state
        return not self._ended and state.answered and self._age() <= self._fresh

    @property
    def leads(self) -> bool:
        """Whether this node has what the others may follow."""
        return self.eligible and self._state.leads

    @property
    def sequence(self) -> str:
        """Identifies the present state; it changes with each state, and with each process."""
        return f"{self._instance}-{self._number}"

    @property
    def held(self) -> int:
        """How many requests are being answered."""
        return self._held

    def set_state(self, state: NodeState) -> None:
        """Send *state* from now on."""
        self._state = state
        self._number += 1
        self._wake()

    def set_mutes(self, mutes: Mutes) -> None:
        """Send *mutes*, all that this node knows, from now on."""
        if mutes != self.mutes:
            self.mutes = mutes
            self._wake()

    def end(self) -> None:
        """Reply to all waiting requests that this node does not lead any more."""
        self._ended = True
        self._number += 1
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _age(self) -> float:
        return seconds_since(self._state.boottime)

    def _pass_on(self, bricks: Sequence[str]) -> bool:
        try:
            self._nudged(bricks)
        except OSError as err:
            log_event(logging.ERROR, "cannot write the nudge", {"why": err})
            return False
        return True

    def accept(self, uri: str, nonce: str, challenge: str, signature: str) -> Optional[str]:
        """Why the request is refused; None for a good one, whose end `done` has to be called at."""
        if self.key is None:
            return "This node has no secret to know others by"
        receiver = self._state.uuid
        if receiver is None:
            return "This node does not know its own uuid yet"
        if not self.challenges.accepts(challenge):
            return OTHER_CHALLENGE
        expected = signing.sign_request(self.key, uri, nonce, receiver, challenge)
        if not signing.is_nonce(nonce) or not signing.signatures_equal(signature, expected):
            return "The signature is not by the cluster's secret, or is for another node"
        if not self.challenges.use(challenge, nonce):
            return "This request has been answered already"
        self._held += 1
        return None

    def done(self) -> None:
        """A request that was accepted is over."""
        self._held -= 1

    def refused(self, sender: str, why: str) -> None:
        """Log that a request of *sender*, an address, was refused; at most once a minute for each sender."""
        if self._client_log.allows(sender):
            log_event(logging.WARNING, "request of a peer refused", {"from": sender, "why": why})

    async def answer(
        self,
        after: str,
        wait: float,
        nudge: bool,
        bricks: Sequence[str] = (),
        digest: Optional[str] = None,
    ) -> bytes:
        """The reply to a node whose latest reply had the sequence *after*; *bricks* come with a *nudge*.

        *digest* is that of the mutes that the sender knows; None: it does not send one.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        nudged = nudge and after == self.sequence and not self._ended and self._pass_on(bricks)
        if after == self.sequence and not self._ended and digest in (None, self.mutes.digest):
            # That there is nothing new is an answer too.
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), max(0.0, min(wait, LONGEST_WAIT)))
        head: Dict[str, object] = {
            "uuid": self._state.uuid,
            "eligible": self.eligible,
            "leads": self.leads,
            "sequence": self.sequence,
            "age": self._age(),
            "held": loop.time() - began,
            "nudged": nudged,
        }
        if digest not in (None, self.mutes.digest):
            head["mutes"] = [to_json(mute) for mute in self.mutes.entries.values()]
        archive = self._state.archive if self.leads and after != self.sequence else b""
        return json.dumps(head, separators=(",", ":")).encode("ascii") + b"\n" + archive


async def _ignore(_mutes: Sequence[Mute]) -> None:
    """Entries of other nodes, where this one keeps none."""
