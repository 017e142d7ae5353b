"""Signs messages between two nodes with a key that is derived from the cluster's secret.  Pure.

Ganeti's confd does it so with the same secret: HMAC over the message and over a random value of the other side.

* A response is bound to its request by the *nonce*, which the sender of the request made for it alone.
* A request is bound to the node that it is for by that node's uuid, and to a span of time by the *challenge*, which
  the receiver makes and replaces; see exchange.py.  No two nodes need the same clock for that.

The content is signed and not encrypted: the daemon serves the same facts anyway.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

#: bytes; less is no secret
SHORTEST = 16
#: so that what we sign is of no use against another program that has the same secret
_PURPOSE = b"ganeti-gluster-mon exchange 3"
_NONCE_BYTES = 16


def derived(secret: bytes) -> bytes:
    """The key of the exchange, 32 bytes, from the cluster's secret; the secret cannot be derived from it."""
    return hmac.new(secret, _PURPOSE, hashlib.sha256).digest()


def nonce() -> str:
    """A new one, 32 hexadecimal digits."""
    return secrets.token_hex(_NONCE_BYTES)


def is_nonce(text: str) -> bool:
    """Whether *text* may be one."""
    return len(text) == 2 * _NONCE_BYTES and all(letter in "0123456789abcdef" for letter in text)


def sign_request(key: bytes, uri: str, nonce: str, receiver: str, challenge: str) -> str:
    """The signature, hexadecimal, of a request for *uri* (path and query) with *nonce*.

    *receiver*: the uuid of the node that it is for.  *challenge*: what that node gave for this span of time.
    """
    parts = (uri, nonce, receiver, challenge)
    return _signature(key, b"request", *(part.encode("utf-8", "replace") for part in parts))


def sign_response(key: bytes, uri: str, nonce: str, body: bytes) -> str:
    """The signature, hexadecimal, of *body* as the response to the request for *uri* with *nonce*."""
    return _signature(key, b"response", uri.encode("utf-8"), nonce.encode("ascii"), body)


def signatures_equal(one: str, other: str) -> bool:
    """Compare two signatures in a time that does not depend on where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _signature(key: bytes, *parts: bytes) -> str:
    made = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        # With its length before it, nothing of one part can be taken for a piece of the next.
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.hexdigest()
