"""Which names a client may call this server by, in the Host header: against DNS rebinding.

A web page from elsewhere can have its own name resolve to the address of a node, and then read what the node serves
through the browser of an administrator.  The browser sends that page's name as Host.  So a name is accepted only if
it is one that an outsider cannot choose:

* an IP address, which nothing resolves;
* a name without a dot, such as ``localhost`` or ``node1``: no public name is like that;
* a name of this node, and of the other nodes and the cluster as Ganeti has them;
* what ``--web.allowed-hosts`` adds: names, ``*.example.org`` for all below a domain, or ``*`` for all.

A request without a Host header, as HTTP/1.0 has it, comes from no browser and is accepted.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import time
from typing import Callable, FrozenSet, Iterable, List, Optional

from ganeti_gluster_mon.ganeti import ssconf

_NAME = re.compile(r"[a-z0-9_*]([a-z0-9._-]{0,251}[a-z0-9_])?\Z")
#: seconds
_LOOK_EVERY = 60.0
_PORT = re.compile(r":[0-9]{1,5}\Z")


class AllowedHosts:
    """The names that are accepted."""

    def __init__(
        self,
        names: Iterable[str] = (),
        own: Callable[[], Iterable[str]] = tuple,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*names* as --web.allowed-hosts has them.

        *own* gives the names of this node and its cluster.  It is called again for a name that is not known, once
        every `_LOOK_EVERY` seconds by *clock* at most, since a cluster gets new nodes.
        """
        added = [name.lower().rstrip(".") for name in names]
        self._all = "*" in added
        self._domains = tuple(name[1:] for name in added if name.startswith("*."))
        self._added = frozenset(added)
        self._own: FrozenSet[str] = frozenset()
        self._own_names = own
        self._clock = clock
        self._looked_at = float("-inf")

    def accept(self, header: Optional[str]) -> bool:
        """Whether a request with this Host header is answered; None: it has none."""
        if not header or self._all:
            return True
        host = _PORT.sub("", header.strip().lower())
        if host.startswith("[") and host.endswith("]"):
            return _is_address(host[1:-1])
        host = host.rstrip(".")
        if not _NAME.match(host):
            return False
        if "." not in host or _is_address(host) or host in self._added or host.endswith(self._domains):
            return True
        return host in self._own or self._has_become_own(host)

    def _has_become_own(self, host: str) -> bool:
        now = self._clock()
        if now - self._looked_at < _LOOK_EVERY:
            return False
        self._looked_at = now
        self._own = frozenset(name.lower().rstrip(".") for name in self._own_names())
        return host in self._own


def own_names(ssconf_directory: str = ssconf.DIRECTORY) -> List[str]:
    """The names of this node, and of the nodes and the cluster as Ganeti has them.  Nothing is resolved."""
    names = [socket.gethostname()]
    try:
        cluster = ssconf.read(ssconf_directory)
    except ssconf.NoCluster:
        return names
    return [*names, cluster.name, *(node.name for node in cluster.nodes)]


def parse(text: str) -> List[str]:
    """The names in *text*, separated by commas.  Raises ValueError for one that cannot be a name."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        plain = name[2:] if name.startswith("*.") else name
        if name != "*" and ("*" in plain or not _NAME.match(plain.lower())):
            raise ValueError(f"{name[:60]!r} is no host name: give names, *.DOMAIN or *, separated by commas")
    return names


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
