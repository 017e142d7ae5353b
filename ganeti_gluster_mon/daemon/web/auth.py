"""Who may come in: TLS and passwords by the web config, as the file is now.

The file and its certificates are looked at when somebody comes, once a second at most.  Connections that
are there keep what they came with; what cannot be read leaves what was read before.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import os
import secrets
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Dict, Mapping, Optional, Tuple

import bcrypt

from ganeti_gluster_mon.daemon.web.web_config import WebConfig, WebConfigError, read

LOG = logging.getLogger("ganeti_gluster_mon")

#: passwords that wait to be checked; each takes up to a second of one core
MAX_PENDING = 16
#: of those, from one address: a client that tries many passwords leaves room for others
MAX_PENDING_PER_ADDRESS = 4
#: seconds between two looks at the files
CHECK_INTERVAL = 1.0

#: what tells of one file that it is another: None when it is not there
_Stamp = Optional[Tuple[int, int, int, int]]


class TooManyPending(Exception):
    """Too many passwords wait to be checked; this one was not looked at."""


class Authenticator:
    """The web config as it is now, and what follows from it."""

    def __init__(self, path: Optional[Path], clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file at *path*; None: anybody may come in.  Raises WebConfigError.

        *clock* gives the seconds by which the time between two looks is kept.
        """
        self._path = path
        self._clock = clock
        self._looked_at = clock()
        self._config = WebConfig()
        self._stamps: Dict[Path, _Stamp] = {}
        #: by user, a keyed digest of the last password that was right: bcrypt is slow for a purpose
        self._right: Dict[str, bytes] = {}
        self._key = secrets.token_bytes(32)
        # One thread: however many passwords are tried, they cost one core.
        self._checker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="password")
        #: by address, how many of its passwords wait to be checked; only those with any
        self._waiting: Dict[str, int] = {}
        #: by cost, a hash that no known password leads to: for users that there are not
        self._unknown_users: Dict[int, bytes] = {}
        if path is not None:
            self._take(read(path), {path: _stamp(path)})

    @property
    def headers(self) -> Mapping[str, str]:
        """What every answer is to carry."""
        self._look()
        return self._config.headers

    def tls(self) -> Optional[ssl.SSLContext]:
        """For a connection that begins now; None: plain HTTP."""
        self._look()
        return self._config.tls

    def reload(self) -> None:
        """Read the file again, whether it looks changed or not: for SIGHUP.  What is wrong is logged."""
        if self._path is None:
            return
        before = {file: _stamp(file) for file in {self._path, *self._config.files}}
        try:
            config = read(self._path)
        except WebConfigError as error:
            # Remembered all the same: one line for each change, not one a second.
            self._stamps = before
            LOG.error("web config: what was read before stays: %s", error)
        else:
            self._take(config, before)
            LOG.info("web config: read again")

    async def accepts(self, authorization: Optional[str], address: str = "") -> bool:
        """Whether an Authorization header of a client at *address* opens; always, while there are no users.

        A user that is not configured takes the same time as one that is: see `_hash_of`.  Raises TooManyPending.
        """
        self._look()
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
        user has.  The name alone decides which, so that the time of an answer tells nothing, however often one asks.
        """
        users = self._config.users
        if name in users:
            return users[name]
        costs = sorted(_cost(hashed) for hashed in users.values())
        number = int.from_bytes(hmac.new(self._key, name.encode("utf-8"), hashlib.sha256).digest()[:8], "big")
        cost = costs[number % len(costs)]
        if cost not in self._unknown_users:
            self._unknown_users[cost] = bcrypt.gensalt(cost) + secrets.token_hex(16)[:31].encode("ascii")
        return self._unknown_users[cost]

    def close(self) -> None:
        """Check no more passwords."""
        self._checker.shutdown(wait=False, cancel_futures=True)

    def _look(self) -> None:
        now = self._clock()
        if self._path is None or now - self._looked_at < CHECK_INTERVAL:
            return
        self._looked_at = now
        if any(_stamp(file) != stamp for file, stamp in self._stamps.items()):
            self.reload()

    def _take(self, config: WebConfig, before: Mapping[Path, _Stamp]) -> None:
        """Use *config* from now on.

        *before*: the stamps from before it was read, so that a change during the reading is seen next time.
        """
        before_users, self._config = self._config.users, config
        self._stamps = {file: before[file] if file in before else _stamp(file) for file in config.files}
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
    # A NUL ends a password in C, and bcrypt refuses it: checked without, so that it takes as long, and wrong.
    right = bcrypt.checkpw(password.replace(b"\0", b""), hashed)
    return right and b"\0" not in password


def _stamp(path: Path) -> _Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
