"""Whether a mount is of the volume that a disk's parameters name, though the mount was made from another server.

Any server of a pool serves all of the pool's volumes, by any of its names and addresses, and two pools may have volumes
of one name.  A mount and a server are of the same pool if

1. the mount was made from one of the servers in the parameters, as they are written,
2. or from one that has the same address, where all addresses of this host are the same,
3. or the client behind the mount and the glusterd that the parameters name have a brick in common: the same path on the
   same host.  Clients and servers of one volume have the same bricks, except for a moment while one is replaced.

What cannot be found out in time counts as another volume: a mount of another pool is never used.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from contextlib import suppress
from typing import Dict, FrozenSet, Iterator, Optional, Sequence, Tuple
from urllib.parse import unquote

from ganeti_gluster_mon.backend import child_call
from ganeti_gluster_mon.backend.server_address import is_socket
from ganeti_gluster_mon.gluster import lookup, volfile
from ganeti_gluster_mon.gluster.model import Mount

#: seconds for the addresses of all names; for an answer of one glusterd; and for one of the client behind a mount
_RESOLVE_TIMEOUT, _SERVER_TIMEOUT, _CLIENT_TIMEOUT = 3.0, 3.0, 3.0
#: where the client shows the volfile that it works with, below the root of each mount
_ACTIVE_VOLFILE = ".meta/graphs/active/volfile"
#: bytes of a volfile; bricks that are compared, and characters of each
_MOST, _MOST_BRICKS, _MOST_CHARACTERS = 16 << 20, 16, 300
_LOCAL = "local"


def resolve(
    servers: Sequence[str], timeout: float = _RESOLVE_TIMEOUT
) -> Dict[str, Optional[Tuple[lookup.Address, ...]]]:
    """The addresses of each of *servers* that is no socket: empty if it has none, None if that is not known in time."""
    hosts = [server for server in servers if not is_socket(server)]
    found: Dict[str, Optional[Tuple[lookup.Address, ...]]] = {}
    for host in hosts:
        found[host] = lookup.literal(host) or None
    names = [host for host in hosts if found[host] is None]
    if names:
        done = threading.Event()
        lookups = lookup.look_up(names, done.set)
        until = time.monotonic() + timeout
        while any(each.addresses is None for each in lookups) and time.monotonic() < until:
            done.wait(max(0.0, until - time.monotonic()))
            done.clear()
        found.update({each.host: each.addresses for each in lookups})
    return found


def is_same(mount: Mount, volume: str, servers: Sequence[str], port: int) -> bool:
    """Whether *mount* is of *volume* in the pool of *servers*, whose glusterd listens on *port*."""
    if mount.volume != volume or mount.subdirectory:
        return False
    if _port_of(mount) in (None, port):
        if set(mount.servers) & set(servers):
            return True
        addresses = resolve([*mount.servers, *servers])
        if _hosts(mount.servers, addresses) & _hosts(servers, addresses):
            return True
    else:
        addresses = resolve(servers)
    wanted = _bricks_by_server(volume, servers, port, addresses)
    return bool(wanted) and bool(wanted & _bricks_by_client(mount))


def _port_of(mount: Mount) -> Optional[int]:
    """glusterd's port that our own mount point has in its name; None for another mount point.

    The kernel's table has no port.
    """
    name = os.path.basename(mount.path)
    with suppress(ValueError):
        if unquote(name).startswith(f"{mount.volume}@"):
            return int(name.rpartition(":")[2])
    return None


def _hosts(
    servers: Sequence[str], addresses: Dict[str, Optional[Tuple[lookup.Address, ...]]]
) -> FrozenSet[str]:
    """The addresses of *servers* as text; all that this host has are one."""
    found = {str(address[0]) for server in servers for _, address in addresses.get(server) or ()}
    return frozenset(_LOCAL if _is_local(address) else address for address in found)


def _is_local(address: str) -> bool:
    """Whether this host has *address*: only then a socket can be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as link:
        try:
            link.bind((address, 0))
        except OSError:
            return False
    return True


def _bricks_by_server(
    volume: str,
    servers: Sequence[str],
    port: int,
    addresses: Dict[str, Optional[Tuple[lookup.Address, ...]]],
) -> FrozenSet[volfile.Brick]:
    """The bricks of *volume* by the first of *servers* that answers; empty if none does."""
    for server, family, address in _endpoints(servers, port, addresses):
        try:
            return volfile.client_bricks(volfile.fetch(family, address, volume, _SERVER_TIMEOUT))
        except volfile.VolfileError as err:
            logging.info("volume %s: no volfile from %s: %s", volume, server, err)
    return frozenset()


def _endpoints(
    servers: Sequence[str], port: int, addresses: Dict[str, Optional[Tuple[lookup.Address, ...]]]
) -> Iterator[Tuple[str, int, object]]:
    for server in servers:
        if is_socket(server):
            yield server, socket.AF_UNIX, server
        for family, address in addresses.get(server) or ():
            yield server, family, (address[0], port, *address[2:])


def _bricks_by_client(mount: Mount) -> FrozenSet[volfile.Brick]:
    """Bricks that the client behind *mount* uses, 16 at most; empty if it does not answer."""
    path = os.path.join(mount.path, _ACTIVE_VOLFILE)

    def read() -> child_call.Result:
        with open(path, encoding="utf-8", errors="replace") as file:
            bricks = sorted(volfile.client_bricks(file.read(_MOST)))
        return child_call.Result(
            [brick for brick in bricks if len("".join(brick)) <= _MOST_CHARACTERS][:_MOST_BRICKS]
        )

    try:
        answer = child_call.call(read, _CLIENT_TIMEOUT).value
    except (OSError, child_call.CallTimeoutError) as err:
        logging.warning(
            "volume %s, mounted at %s: its client does not show its bricks: %s", mount.volume, mount.path, err
        )
        return frozenset()
    return frozenset((str(host), str(brick)) for host, brick in answer)  # type: ignore[attr-defined]
