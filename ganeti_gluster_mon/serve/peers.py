"""Asks the other nodes of the pool what they have to say.  What they answer is input like any other."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Callable, Dict
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.httputil import HTTPInputError
from tornado.iostream import UnsatisfiableReadError

from ganeti_gluster_mon.serve import signing
from ganeti_gluster_mon.serve.exchange import NONCE, PATH, SIGNATURE
from ganeti_gluster_mon.serve.handover import boottime

#: bytes of an answer; the capture of 12,000 bricks is 800 kB
MOST = 32 << 20
#: questions at one time: the long one to the leader, a nudge, and some to see who else is there
_AT_ONCE = 8


class PeerError(Exception):
    """A peer did not answer, or not as a peer would; str() is one line."""


@dataclass(frozen=True)
class Told:
    """What a node said of itself."""

    uuid: str
    able: bool
    leads: bool
    sequence: str
    #: CLOCK_BOOTTIME of this node when its capture was taken at the latest, ns
    boottime: int
    #: whether it asks Gluster now because we said so
    nudged: bool
    #: its capture, if it leads and it is new to us
    parcel: bytes


class Peers:
    """The way to the others.  To be used on a running event loop."""

    def __init__(self, port: int, encrypted: Callable[[], bool]) -> None:
        """All listen on *port*, as we do; *encrypted*: by TLS, as our own door is at that moment."""
        self._port = port
        self._encrypted = encrypted
        self._client = AsyncHTTPClient(force_instance=True, max_body_size=MOST, max_clients=_AT_ONCE)

    def close(self) -> None:
        """Leave all that have not answered."""
        self._client.close()

    async def ask(
        self,
        host: str,
        key: bytes,
        deadline: float,
        *,
        after: str = "",
        wait: float = 0.0,
        nudge: bool = False,
    ) -> Told:
        """What the daemon on *host* says, in at most *wait* + *deadline* seconds; see exchange.py.

        Raises PeerError.
        """
        query = urlencode({"after": after, "wait": f"{wait:.3f}", "nudge": int(nudge)})
        uri = f"{PATH}?{query}"
        nonce = signing.nonce()
        scheme = "https" if self._encrypted() else "http"
        name = f"[{host}]" if ":" in host else host
        request = HTTPRequest(
            f"{scheme}://{name}:{self._port}{uri}",
            headers={NONCE: nonce, SIGNATURE: signing.question(key, uri, nonce), "Connection": "close"},
            connect_timeout=deadline,
            request_timeout=wait + deadline,
            follow_redirects=False,
            # Certificates of nodes are seldom made for each other's eyes; the signature is what is believed.
            validate_cert=False,
        )
        sent = boottime()
        try:
            response = await self._client.fetch(request)
        except HTTPClientError as err:
            body = b"" if err.response is None else err.response.body or b""
            said = body[:200].decode("utf-8", "replace").strip()
            raise PeerError(f"{host}: {said or err.message}") from None
        except (OSError, ValueError, HTTPInputError, UnsatisfiableReadError) as err:
            # ValueError: a name that no address can be made of; the last two: no HTTP, or no end of headers
            raise PeerError(f"{host}: {str(err)[:200]}") from None
        received = boottime()
        expected = signing.answer(key, uri, nonce, response.body)
        if not signing.same(response.headers.get(SIGNATURE, ""), expected):
            raise PeerError(f"{host}: the answer is not signed by the cluster's secret")
        head, _, parcel = response.body.partition(b"\n")
        try:
            return _told(json.loads(head), parcel, sent, received)
        except (ValueError, TypeError, KeyError, RecursionError):
            raise PeerError(f"{host}: the answer is of another version") from None


def _told(head: Dict[str, Any], parcel: bytes, sent: int, received: int) -> Told:
    """Ages are made to moments so that who delays an answer makes it older, never younger."""
    on_the_way = (received - sent) / 1e9 - float(head["held"])
    age = float(head["age"]) + max(0.0, on_the_way)
    if not 0 <= age < float("inf"):
        raise ValueError(age)
    return Told(
        uuid=str(head["uuid"] or ""),
        able=head["able"] is True,
        leads=head["leads"] is True,
        sequence=str(head["sequence"]),
        boottime=received - round(age * 1e9),
        nudged=head["nudged"] is True,
        parcel=parcel,
    )
