"""What proves that a message between two nodes is from one who knows the cluster's secret.  Pure.

Ganeti's confd does it so with the same secret: HMAC over what is said and over something
that the other side has just thought of, the nonce.  An answer is bound to its question by
it, so that an old answer, however good once, fits no new question.

What is said is no secret, and is not encrypted by this: it is what the daemon serves anyway.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

#: bytes; less is no secret
SHORTEST = 16
#: so that what we sign is of no use against another program that has the same secret
_PURPOSE = b"ganeti-gluster-mon exchange 1"
_NONCE_BYTES = 16


def derived(secret: bytes) -> bytes:
    """The key of the exchange, 32 bytes, from the cluster's secret, which cannot be told from it."""
    return hmac.new(secret, _PURPOSE, hashlib.sha256).digest()


def nonce() -> str:
    """A new one, 32 hexadecimal digits."""
    return secrets.token_hex(_NONCE_BYTES)


def is_nonce(text: str) -> bool:
    """Whether *text* may be one."""
    return len(text) == 2 * _NONCE_BYTES and all(letter in "0123456789abcdef" for letter in text)


def question(key: bytes, uri: str, said: str) -> str:
    """The signature of a request for *uri*, path and query, with the nonce *said*; hexadecimal."""
    return _signature(key, b"question", uri.encode("utf-8"), said.encode("ascii"))


def answer(key: bytes, uri: str, said: str, body: bytes) -> str:
    """The signature of *body* as the answer to the request for *uri* with the nonce *said*; hexadecimal."""
    return _signature(key, b"answer", uri.encode("utf-8"), said.encode("ascii"), body)


def same(one: str, other: str) -> bool:
    """Compare two signatures in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _signature(key: bytes, *parts: bytes) -> str:
    made = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        # With its length before it, nothing of one part can be taken for a piece of the next.
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.hexdigest()
