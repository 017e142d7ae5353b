"""The secret that all nodes of the cluster have, by which they authenticate each other.

Ganeti keeps one on every node for its own daemons, hmac.key, and so has solved what is hard about
a secret: bringing it everywhere.  Only root reads it.  The web process gets what is derived from
it for this one purpose, never the secret itself.
"""

from __future__ import annotations

import logging
import os
import stat
from typing import Optional

from ganeti_gluster_mon import safe_open
from ganeti_gluster_mon.daemon.cluster import signing
from ganeti_gluster_mon.daemon.log import log_event
from ganeti_gluster_mon.daemon.spool import Spool

GANETIS = "/var/lib/ganeti/hmac.key"
#: bytes; of a longer file that is no secret but something else
_LONGEST = 4096


class NoSecret(Exception):
    """There is no secret that could be used; str() is one line for an administrator."""


def read(path: Optional[str]) -> Optional[bytes]:
    """The key derived from the secret in *path*; from Ganeti's where None, and None where Ganeti has none.

    Raises NoSecret for one that is missing though named, can be read by everybody, or is too short.
    """
    named = path or GANETIS
    try:
        status = os.stat(named)
        if not stat.S_ISREG(status.st_mode):
            raise NoSecret(f"{named} is not a plain file")
        content = safe_open.read(os.path.realpath(named), _LONGEST)
    except FileNotFoundError:
        if path is None:
            return None
        raise NoSecret(
            f"{named} is not there: make it, the same on each node, or leave out --secret-file"
        ) from None
    except OSError as err:
        raise NoSecret(f"cannot read {named}: {err.strerror or err}") from err
    if status.st_mode & stat.S_IROTH:
        raise NoSecret(f"everybody can read {named}: chmod o= it")
    secret = content.strip()
    if len(secret) < signing.SHORTEST:
        raise NoSecret(f"{named} holds {len(secret)} bytes: {signing.SHORTEST} are the least")
    return signing.derived(secret)


class KeyPublisher:
    """Publishes the key for the web process as long as there is one."""

    def __init__(self, path: Optional[str], to: Spool) -> None:
        self._path = path
        self._spool = to
        self._trouble: Optional[str] = None
        self._known = False
        self._given: Optional[bytes] = None

    def publish(self) -> bool:
        """Publish the present key; returns whether there is one."""
        trouble = ""
        try:
            key = read(self._path)
            if not self._known or key != self._given:
                self._spool.write_key(key)
                log_event(
                    logging.INFO,
                    "nodes share a secret" if key else "no secret: each node queries Gluster itself",
                    {},
                )
            self._known, self._given = True, key
        except (NoSecret, OSError) as err:
            trouble = str(err)
            if trouble != self._trouble:
                log_event(logging.ERROR, "no secret: each node queries Gluster itself", {"why": trouble})
            self._forget()
        self._trouble = trouble
        return self._given is not None

    def _forget(self) -> None:
        if self._given is None and self._known:
            return
        try:
            self._spool.write_key(None)
        except OSError:
            return  # /run is broken, which is logged; the next cycle tries again
        self._known, self._given = True, None
