"""What a node tells the others of its pool, and hears from them: ``GET /exchange``.

::

    GET /exchange?after=SEQUENCE&wait=SECONDS&nudge=1
    X-Gluster-Mon-Nonce: 32 hexadecimal digits, thought of for this request alone
    X-Gluster-Mon-Signature: of path, query and nonce

    one line of JSON: uuid, able, leads, sequence, age, held, nudged
    what follows: the capture as a parcel, if the node leads and SEQUENCE is not the present one

An answer is held back for up to SECONDS while SEQUENCE is still the present one, so that who waits
hears of a new capture at once.  ``nudge`` has the node ask Gluster now, because the sender saw
something happen; it counts only with the present sequence, so that repeating an overheard
request asks for nothing once there is a new one.

Ages and times are told, never moments: no two nodes need the same clock.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import Callable, Dict, Optional, Set

from ganeti_gluster_mon.serve import signing
from ganeti_gluster_mon.serve.handler import Handler
from ganeti_gluster_mon.serve.handover import boottime
from ganeti_gluster_mon.serve.log import say

PATH = "/exchange"
NONCE = "X-Gluster-Mon-Nonce"
SIGNATURE = "X-Gluster-Mon-Signature"
#: seconds an answer may be held back at most
LONGEST_WAIT = 30.0


@dataclass(frozen=True)
class Standing:
    """What this node has to say of itself, by its latest capture."""

    #: of this node in the pool; None while its glusterd has not told
    uuid: Optional[str] = None
    #: whether its glusterd answered
    answered: bool = False
    #: whether it asked for the whole pool
    leads: bool = False
    #: CLOCK_BOOTTIME when the capture was taken, ns
    boottime: int = 0
    #: the capture, packed, if it leads
    parcel: bytes = b""


class Exchange:
    """This node's side of the exchange.  To be used on one event loop."""

    def __init__(self, fresh: float, nudged: Callable[[], None]) -> None:
        """Who has captures of up to *fresh* seconds may lead; *nudged*, which may raise
        OSError, is called when Gluster is to be asked now.
        """
        self._fresh = fresh
        self._nudged = nudged
        #: None: without a secret nothing is told
        self.key: Optional[bytes] = None
        self._standing = Standing()
        self._instance = secrets.token_hex(8)
        self._number = 0
        self._changed = asyncio.Event()
        self._ended = False
        self._nonces: Set[str] = set()
        self._refusing = ""

    @property
    def standing(self) -> Standing:
        """What is told."""
        return self._standing

    @property
    def able(self) -> bool:
        """Whether this node could lead."""
        standing = self._standing
        return not self._ended and standing.answered and self._age() <= self._fresh

    @property
    def leads(self) -> bool:
        """Whether this node has what the others may follow."""
        return self.able and self._standing.leads

    @property
    def sequence(self) -> str:
        """Names what is told now; another one each time it changes, and in each process."""
        return f"{self._instance}-{self._number}"

    @property
    def held(self) -> int:
        """How many requests are being answered."""
        return len(self._nonces)

    def tell(self, standing: Standing) -> None:
        """*standing* is what is told from now on."""
        self._standing = standing
        self._number += 1
        self._wake()

    def end(self) -> None:
        """This node leaves: who waits is told at once that it does not lead any more."""
        self._ended = True
        self._number += 1
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _age(self) -> float:
        return max(0.0, (boottime() - self._standing.boottime) / 1e9)

    def _pass_on(self) -> bool:
        try:
            self._nudged()
        except OSError as err:
            say(logging.ERROR, "cannot tell the asker that something happened", {"why": err})
            return False
        return True

    def accept(self, uri: str, nonce: str, signature: str) -> Optional[str]:
        """Why the request is refused; None for a good one, which `done` has to be told of at its end."""
        why = None
        if self.key is None:
            return "This node has no secret to know others by"
        if not signing.is_nonce(nonce) or not signing.same(signature, signing.question(self.key, uri, nonce)):
            why = "The signature is not by the cluster's secret"
        elif nonce in self._nonces:
            why = "This request is being answered already"
        if why is None:
            self._nonces.add(nonce)
        return why

    def done(self, nonce: str) -> None:
        """The request with *nonce* is over."""
        self._nonces.discard(nonce)

    def refused(self, sender: str, why: str) -> None:
        """Say that a request was refused; once for each sender and reason in a row."""
        if self._refusing != f"{sender} {why}":
            say(logging.WARNING, "request of a peer refused", {"from": sender, "why": why})
        self._refusing = f"{sender} {why}"

    async def answer(self, after: str, wait: float, nudge: bool) -> bytes:
        """What is told to who has heard *after*, a sequence, already."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        nudged = nudge and after == self.sequence and not self._ended and self._pass_on()
        if after == self.sequence and not self._ended:
            # That there is nothing new is an answer too.
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), max(0.0, min(wait, LONGEST_WAIT)))
        head: Dict[str, object] = {
            "uuid": self._standing.uuid,
            "able": self.able,
            "leads": self.leads,
            "sequence": self.sequence,
            "age": self._age(),
            "held": loop.time() - began,
            "nudged": nudged,
        }
        parcel = self._standing.parcel if self.leads and after != self.sequence else b""
        return json.dumps(head, separators=(",", ":")).encode("ascii") + b"\n" + parcel


class Answering(Handler):
    """Answers the other nodes."""

    # What proves who asks is the signature; a peer has no password.
    signed = True

    def initialize(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def get(self) -> None:
        """Tell a peer."""
        exchange, uri = self._exchange, self.request.uri or ""
        nonce = self.request.headers.get(NONCE, "")
        why = exchange.accept(uri, nonce, self.request.headers.get(SIGNATURE, ""))
        if why is not None:
            exchange.refused(self.request.remote_ip or "", why)
            self.say(403, why)
            return
        try:
            try:
                wait = float(self._argument("wait"))
            except ValueError:
                self.say(400, "wait is no number of seconds")
                return
            told = await exchange.answer(self._argument("after"), wait, self._argument("nudge") == "1")
        finally:
            exchange.done(nonce)
        key = exchange.key
        if key is None:
            self.say(403, "This node has no secret any more")
            return
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header(SIGNATURE, signing.answer(key, uri, nonce, told))
        self.finish(told)

    def _argument(self, name: str) -> str:
        return str(self.get_query_argument(name, ""))
