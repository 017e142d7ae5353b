"""Authenticates clients by the web config: TLS and passwords.

SIGHUP makes the server read the file and its certificates again.  Open connections keep their TLS session.  If the new
file cannot be used, the old configuration stays.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import secrets
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, Mapping, Optional, Tuple

from ganeti_gluster_mon.daemon.web.web_config import WebConfig, WebConfigError, read

LOG = logging.getLogger("ganeti_gluster_mon")

#: passwords that wait to be checked; each takes up to a second of one core
MAX_PENDING = 16
#: of those, from one address: a client that tries many passwords leaves room for others
MAX_PENDING_PER_ADDRESS = 4


class TooManyPending(Exception):
    """Too many passwords wait to be checked; this one was not checked."""


class Authenticator:
    """Checks TLS and passwords by the present web config."""

    def __init__(self, path: Optional[Path]) -> None:
        """Read the file at *path*; None: every client is accepted.  Raises WebConfigError."""
        self._path = path
        self._config = WebConfig() if path is None else read(path)
        #: by user, a keyed digest of the last password that was right: bcrypt is slow for a purpose
        self._right: Dict[str, bytes] = {}
        self._key = secrets.token_bytes(32)
        # One thread: however many passwords are tried, they cost one core.
        self._checker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="password")
        #: by address, how many of its passwords wait to be checked; only those with any
        self._waiting: Dict[str, int] = {}
        #: by cost, a hash that no known password leads to: for users that there are not
        self._unknown_users: Dict[int, bytes] = {}

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of every response."""
        return self._config.headers

    def tls(self) -> Optional[ssl.SSLContext]:
        """The TLS context for a new connection; None: plain HTTP."""
        return self._config.tls

    def reload(self) -> None:
        """Read the file again, for SIGHUP.  An error is logged."""
        if self._path is None:
            return
        try:
            config = read(self._path)
        except WebConfigError as error:
            LOG.error("web config: what was read before stays: %s", error)
        else:
            self._replace(config)
            LOG.info("web config: read again")

    async def accepts(self, authorization: Optional[str], address: str = "") -> bool:
        """Whether a client at *address* with this Authorization header is accepted; always, if no users are configured.

        A user that is not configured takes the same time as one that is: see `_hash_of`.  Raises TooManyPending.
        """
        users = self._config.users
        if not users:
            return True
        given = _basic(authorization)
        if given is None:
            return False
        name, password = given
        hashed = self._hash_of(name)
        digest = self._digest(hashed, password)
        if name in users and hmac.compare_digest(self._right.get(name, b""), digest):
            return True
        waiting = self._waiting.get(address, 0)
        if waiting >= MAX_PENDING_PER_ADDRESS or sum(self._waiting.values()) >= MAX_PENDING:
            raise TooManyPending
        self._waiting[address] = waiting + 1
        try:
            right = await asyncio.get_running_loop().run_in_executor(self._checker, _check, password, hashed)
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]
        if not right or self._config.users.get(name) != hashed:  # it may have been changed meanwhile
            return False
        self._right[name] = digest
        return True

    def _hash_of(self, name: str) -> bytes:
        """The hash to check a password of the user *name* against.

        For a user that is not configured it is one that no known password leads to, of a cost that some configured
        user has.  The name alone decides which, so that the time of a response reveals nothing, however many
        requests a client sends.
        """
        users = self._config.users
        if name in users:
            return users[name]
        costs = sorted(_cost(hashed) for hashed in users.values())
        number = int.from_bytes(hmac.new(self._key, name.encode("utf-8"), hashlib.sha256).digest()[:8], "big")
        cost = costs[number % len(costs)]
        if cost not in self._unknown_users:
            import bcrypt

            self._unknown_users[cost] = bcrypt.gensalt(cost) + secrets.token_hex(16)[:31].encode("ascii")
        return self._unknown_users[cost]

    def close(self) -> None:
        """Check no more passwords."""
        self._checker.shutdown(wait=False, cancel_futures=True)

    def _replace(self, config: WebConfig) -> None:
        before_users, self._config = self._config.users, config
        # A password that was right stays right as long as its hash is the same: clients that are known are not
        # locked out by others whose passwords wait to be checked.
        self._right = {
            name: digest
            for name, digest in self._right.items()
            if name in config.users and config.users[name] == before_users.get(name)
        }

    def _digest(self, hashed: bytes, password: bytes) -> bytes:
        # The hash has always 60 bytes: where it ends and the password begins is clear.
        return hmac.new(self._key, hashed + password, hashlib.sha256).digest()


def _cost(hashed: bytes) -> int:
    """The cost of a bcrypt hash, by its text: $2b$COST$…"""
    return int(hashed[4:6])


def _basic(authorization: Optional[str]) -> Optional[Tuple[str, bytes]]:
    """User and password of a header by RFC 7617; None when it is none."""
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(credentials.strip(), validate=True).partition(b":")
        return (name.decode("utf-8"), password) if colon else None
    except (binascii.Error, ValueError):
        return None


def _check(password: bytes, hashed: bytes) -> bool:
    import bcrypt

    # A NUL ends a password in C, and bcrypt refuses it: checked without, so that it takes as long, and wrong.
    right = bcrypt.checkpw(password.replace(b"\0", b""), hashed)
    return right and b"\0" not in password
