"""Addresses of host names, looked up in threads of their own.

The resolver blocks, for half a minute if its servers are gone, and cannot be interrupted.  So
it is called in daemon threads, which end with the program, whatever they wait for.  A name that
is being looked up is not looked up once more: however many calls there are, it holds one thread.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Sequence, Tuple

#: an address family and an address of it, whose second field, the port, is to be replaced
Address = Tuple[socket.AddressFamily, Tuple[Any, ...]]

#: threads at once; names in /etc/hosts, the common case, take microseconds each
_MOST_THREADS = 16


class Lookup:
    """One name and, in time, its addresses."""

    def __init__(self, host: str) -> None:
        self.host = host
        #: None: still being looked up; empty: there is no such name
        self.addresses: Optional[Tuple[Address, ...]] = None
        self.when_done: List[Callable[[], None]] = []


_lock = threading.Lock()
_under_way: Dict[str, Lookup] = {}
_queue: Deque[Lookup] = deque()
_threads = 0


def literal(host: str) -> Tuple[Address, ...]:
    """The address that *host* already is; empty when it is a name."""
    return _addresses(host, socket.AI_NUMERICHOST)


def look_up(hosts: Sequence[str], when_done: Callable[[], None]) -> Tuple[Lookup, ...]:
    """Begin to look up *hosts*; *when_done* is called, in another thread, after each."""
    global _threads
    with _lock:
        lookups = []
        for host in hosts:
            lookup = _under_way.get(host)
            if lookup is None:
                lookup = _under_way[host] = Lookup(host)
                _queue.append(lookup)
            lookup.when_done.append(when_done)
            lookups.append(lookup)
        new_threads = min(len(_queue), _MOST_THREADS - _threads)
        _threads += new_threads
    for started in range(new_threads):
        try:
            threading.Thread(target=_work, name="look up", daemon=True).start()
        except RuntimeError:  # no more threads are to be had; those that run do all the work
            with _lock:
                _threads -= new_threads - started
            break
    return tuple(lookups)


def _work() -> None:
    global _threads
    while True:
        with _lock:
            if not _queue:
                _threads -= 1
                return
            lookup = _queue.popleft()
        addresses = _addresses(lookup.host, 0)
        with _lock:
            lookup.addresses = addresses
            del _under_way[lookup.host]
        # Nothing can be added to when_done any more: the lookup is not under way.
        for call in lookup.when_done:
            call()


def _addresses(host: str, flags: int) -> Tuple[Address, ...]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    except (OSError, ValueError):  # ValueError: a NUL, or a label longer than DNS has
        return ()
    return tuple(
        (family, address) for family, _, _, _, address in found if family in (socket.AF_INET, socket.AF_INET6)
    )
