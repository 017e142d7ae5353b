"""Queries the daemons of the other nodes.  Their replies are untrusted input, also when they are signed.

A reply is verified before anything in it is decoded: the HTTP client does not decompress it, and the signature is
checked over the bytes as they came.  Then each field is checked for its type, range and length; see `parse_reply`.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Callable, Dict, NoReturn, Optional, Sequence, Tuple
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.httputil import HTTPInputError
from tornado.iostream import UnsatisfiableReadError

from ganeti_gluster_mon.daemon.cluster import signing
from ganeti_gluster_mon.daemon.cluster.exchange import CHALLENGE, NONCE, OTHER_CHALLENGE, PATH, SIGNATURE
from ganeti_gluster_mon.daemon.spool import boottime
from ganeti_gluster_mon.gluster.query import HOST_UUID
from ganeti_gluster_mon.mutes import MOST as MOST_MUTES
from ganeti_gluster_mon.mutes import Mute, from_json, to_json

#: bytes of a reply; the capture of 12,000 bricks is 800 kB
MAX_REPLY_BYTES = 8 << 20
#: bytes of the first line of a reply
LONGEST_HEAD = 32768
#: seconds; a capture of such an age, or an answer held back for so long, is no real one
_LONGEST_AGE = 1e9
#: see Exchange.sequence
_SEQUENCE = re.compile(r"[0-9a-f]{16}-[0-9]{1,18}\Z")
#: bytes of a request's path and query
_LONGEST_URI = 3000
#: requests at one time: the long one to the leader, a nudge, and some to other candidates
_AT_ONCE = 8


class PeerError(Exception):
    """A peer did not answer, or not as a peer would; str() is one line."""


@dataclass(frozen=True)
class PeerReply:
    """The reply of a node."""

    uuid: str
    eligible: bool
    leads: bool
    sequence: str
    #: CLOCK_BOOTTIME of this node when its capture was taken at the latest, ns
    boottime: int
    #: whether it queries Gluster now because of our nudge
    nudged: bool
    #: the mutes that it knows; None where it does not know others than we do
    mutes: Optional[Tuple[Mute, ...]]
    #: its capture, if it leads and it is new to us
    archive: bytes


class PeerClient:
    """Sends requests to the other nodes.  For a running event loop."""

    def __init__(self, port: int, encrypted: Callable[[], bool]) -> None:
        """All nodes listen on *port*.  *encrypted*: whether by TLS, as this node does at that moment."""
        self._port = port
        self._encrypted = encrypted
        self._client = AsyncHTTPClient(
            force_instance=True, max_body_size=MAX_REPLY_BYTES, max_clients=_AT_ONCE
        )
        #: what each node, by uuid, wants to see in the next request
        self._challenges: Dict[str, str] = {}

    def close(self) -> None:
        """Cancel all requests."""
        self._client.close()

    async def request(
        self,
        host: str,
        uuid: str,
        key: bytes,
        reply_timeout: float,
        *,
        after: str = "",
        wait: float = 0.0,
        nudge: bool = False,
        bricks: Sequence[str] = (),
        digest: Optional[str] = None,
        mutes: Sequence[Mute] = (),
    ) -> PeerReply:
        """The reply of the daemon on *host*, the node *uuid*, in at most *wait* + *reply_timeout* seconds.

        See exchange.py for what is sent.  Raises PeerError.
        """
        uri = f"{PATH}?{urlencode({'after': after, 'wait': f'{wait:.3f}', 'nudge': int(nudge)})}"
        for brick in bricks:
            more = f"&{urlencode({'brick': brick})}"
            if len(uri) + len(more) > _LONGEST_URI:
                break  # the node that leads finds the others, a little later
            uri += more
        if digest is not None:
            uri += f"&{urlencode({'mutes': digest})}"
        for mute in mutes:
            more = f"&{urlencode({'mute': json.dumps(to_json(mute))})}"
            if len(uri) + len(more) > _LONGEST_URI:
                break  # the next request has the others
            uri += more
        until = time.monotonic() + wait + reply_timeout
        for _ in range(2):
            left = until - time.monotonic()
            nonce = signing.nonce()
            challenge = self._challenges.get(uuid, "")
            signature = signing.sign_request(key, uri, nonce, uuid, challenge)
            request = HTTPRequest(
                self._url(host, uri),
                headers={NONCE: nonce, CHALLENGE: challenge, SIGNATURE: signature, "Connection": "close"},
                connect_timeout=max(0.001, min(reply_timeout, left)),
                request_timeout=max(0.001, left),
                follow_redirects=False,
                # Certificates of nodes are seldom made for each other's eyes; the signature is what is believed.
                validate_cert=False,
                # Nothing is decompressed before the signature is verified: a few kilobytes may be gigabytes.
                decompress_response=False,
            )
            sent = boottime()
            try:
                response = await self._client.fetch(request)
            except HTTPClientError as err:
                body = b"" if err.response is None else err.response.body or b""
                reason = body[:200].decode("utf-8", "replace").strip()
                # A new process, or nothing was sent to it for a while.
                if reason == OTHER_CHALLENGE and self._keep_challenge(uuid, err.response) != challenge:
                    continue
                raise PeerError(f"{host}: {reason or err.message}") from None
            except (OSError, ValueError, HTTPInputError, UnsatisfiableReadError) as err:
                # ValueError: a name that no address can be made of; the last two: no HTTP, or no end of headers
                raise PeerError(f"{host}: {str(err)[:200]}") from None
            received = boottime()
            self._keep_challenge(uuid, response)
            expected = signing.sign_response(key, uri, nonce, response.body)
            if not signing.signatures_equal(response.headers.get(SIGNATURE, ""), expected):
                raise PeerError(f"{host}: the answer is not signed by the cluster's secret")
            head, _, archive = response.body.partition(b"\n")
            try:
                return parse_reply(head, archive, sent, received)
            except (ValueError, TypeError, KeyError, RecursionError) as err:
                raise PeerError(
                    f"{host}: its reply is malformed or of another version: {str(err)[:100]}"
                ) from None
        raise PeerError(f"{host}: it accepts no request")

    def _url(self, host: str, uri: str) -> str:
        scheme = "https" if self._encrypted() else "http"
        name = f"[{host}]" if ":" in host else host
        return f"{scheme}://{name}:{self._port}{uri}"

    def _keep_challenge(self, uuid: str, response: Optional[HTTPResponse]) -> str:
        """The challenge that *response* gives for the next request to *uuid*; "" for none."""
        given = "" if response is None else response.headers.get(CHALLENGE, "")
        challenge = given if signing.is_nonce(given) else ""
        self._challenges[uuid] = challenge
        return challenge


def parse_reply(head: bytes, archive: bytes, sent: int, received: int) -> PeerReply:
    """The reply whose first line is *head*, JSON as exchange.py describes it, followed by *archive*.

    *sent* and *received* are this node's CLOCK_BOOTTIME in ns.  Ages become moments in such a way that a peer that
    delays its reply makes its capture older, never younger.
    Raises ValueError, TypeError, KeyError or RecursionError for a line that no daemon of this version writes.
    """
    if len(head) > LONGEST_HEAD:
        raise ValueError(f"its first line has {len(head)} bytes")
    fields = json.loads(head, parse_constant=_reject_constant)
    if not isinstance(fields, dict):
        raise TypeError("its first line is no JSON object")
    on_the_way = (received - sent) / 1e9 - _seconds("held", fields["held"])
    age = _seconds("age", fields["age"]) + max(0.0, on_the_way)
    return PeerReply(
        uuid=_text("uuid", fields["uuid"], HOST_UUID),
        eligible=_flag("eligible", fields["eligible"]),
        leads=_flag("leads", fields["leads"]),
        sequence=_text("sequence", fields["sequence"], _SEQUENCE, optional=False),
        boottime=received - round(age * 1e9),
        nudged=_flag("nudged", fields["nudged"]),
        mutes=_mutes(fields.get("mutes")),
        archive=archive,
    )


def _mutes(value: object) -> Optional[Tuple[Mute, ...]]:
    """Raises TypeError and ValueError."""
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MOST_MUTES:
        raise TypeError("mutes is no list, or is too long")
    return tuple(map(from_json, value))


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _seconds(name: str, value: object) -> float:
    """A duration of at most `_LONGEST_AGE` seconds.  Raises TypeError and ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is no number")
    if not 0 <= value <= _LONGEST_AGE:
        raise ValueError(f"{name} is out of range")
    return float(value)


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} is neither true nor false")
    return value


def _text(name: str, value: object, pattern: re.Pattern[str], optional: bool = True) -> str:
    """A string that *pattern* matches; "" for null where that is allowed.  Raises TypeError and ValueError."""
    if value is None and optional:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"{name} is no string")
    if not pattern.match(value):
        raise ValueError(f"{name} is malformed")
    return value
