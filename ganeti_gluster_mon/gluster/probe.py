"""Whether a glusterd or a brick answers: probed without a lock and without credentials.

Every process of Gluster that listens answers the "dump" call of its RPC protocol, which lists
the programs it serves, without authentication, in a fraction of a millisecond.  A process that hangs
still accepts connections (the kernel does that for it) but does not answer, and glusterd goes
on calling it online.  With TLS on the port there is no plain answer; a connection has to do.

The call is ONC RPC over TCP, RFC 5531: a record mark, then transaction id, message type,
RPC version, program, version, procedure, and empty credentials and verifier.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import os
import selectors
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Callable, Deque, Dict, Iterable, List, Optional, Sequence, Set, Tuple

from ganeti_gluster_mon.gluster import lookup

#: connections at once; descriptors are few (1024 by default) and not ours alone
_MOST_CONNECTIONS = 256

_TRANSACTION = 0x67676D01
_CALL, _REPLY = 0, 1
_DUMP_PROGRAM, _DUMP_VERSION, _DUMP = 123451501, 1, 1
_LAST_FRAGMENT = 0x80000000
_QUERY = struct.pack(
    ">11I",
    _LAST_FRAGMENT | 40,
    *(_TRANSACTION, _CALL, 2, _DUMP_PROGRAM, _DUMP_VERSION, _DUMP),
    *(0, 0, 0, 0),
)
#: record mark, transaction id, message type
_REPLY_HEAD = struct.Struct(">III")


class Reply(enum.Enum):
    """The result of one probe; where a name has several addresses, the one that decides."""

    ANSWERS = "answers"
    #: it accepts, or nothing at all comes back, and there is no answer in time
    SILENT = "does not answer"
    #: the listener hangs up, or sends something else: not Gluster, or Gluster with TLS
    FOREIGN = "does not speak Gluster's protocol"
    #: the host is there, and nothing listens
    REFUSED = "refuses connections"
    #: no route to it, or no such name, or nothing that could be an address
    UNREACHABLE = "cannot be reached"
    #: nothing was learnt: its name was not resolved in time, or too many silent ones came first
    UNKNOWN = "not known"


# Of several addresses of a name, the first reply in this order is the reply of the name.
_TELLING = (Reply.ANSWERS, Reply.SILENT, Reply.UNKNOWN, Reply.FOREIGN, Reply.REFUSED, Reply.UNREACHABLE)

_REPLY_OF_ERROR = {
    errno.ECONNREFUSED: Reply.REFUSED,
    errno.ECONNRESET: Reply.FOREIGN,
    errno.EPIPE: Reply.FOREIGN,
    errno.ENOTCONN: Reply.FOREIGN,
    errno.ETIMEDOUT: Reply.SILENT,
    # A local socket whose backlog is full: the process that listens does not accept.
    errno.EAGAIN: Reply.SILENT,
    # Our own lack of descriptors or memory is no fault of the other side.
    errno.EMFILE: Reply.UNKNOWN,
    errno.ENFILE: Reply.UNKNOWN,
    errno.ENOBUFS: Reply.UNKNOWN,
    errno.ENOMEM: Reply.UNKNOWN,
}

HostAndPort = Tuple[str, int]


def probe_ports(
    addresses: Iterable[HostAndPort], timeout: float = 1.0, connect_only: bool = False
) -> Dict[HostAndPort, Reply]:
    """Probe all *addresses* at the same time, and return a reply for each within *timeout* seconds.

    All addresses of a name are tried side by side, IPv4 and IPv6; the first that answers settles
    it.  With *connect_only*, for ports with TLS, a process that accepts a connection ANSWERS: that a
    process hangs cannot be found out then.
    """
    wanted = list(dict.fromkeys(addresses))
    replies = dict.fromkeys(wanted, Reply.UNKNOWN)
    with _Round(timeout, connect_only) as ask:
        names: Dict[str, List[HostAndPort]] = {}
        for target in wanted:
            host, port = target
            if not 0 < port < 65536:
                replies[target] = Reply.UNREACHABLE
                continue
            literal = lookup.literal(host)
            if literal:
                ask.add(target, _with_port(literal, port))
            else:
                names.setdefault(host, []).append(target)
        lookups = lookup.look_up(list(names), ask.wake) if names else ()
        while lookups or ask.busy:
            done = [entry for entry in lookups if entry.addresses is not None]
            for entry in done:
                for target in names[entry.host]:
                    assert entry.addresses is not None
                    ask.add(target, _with_port(entry.addresses, target[1]))
            lookups = tuple(entry for entry in lookups if entry not in done)
            if not ask.turn(waiting_for_names=bool(lookups)):
                break
        replies.update(ask.replies())
    return replies


def probe_socket(path: str, timeout: float = 1.0) -> Reply:
    """Probe the process that listens on the local socket *path*; UNREACHABLE when there is none."""
    with _Round(timeout, connect_only=False) as ask:
        ask.add((path, 0), [(socket.AF_UNIX, path)])
        while ask.busy and ask.turn():
            pass
        return ask.replies()[(path, 0)]


@dataclass(frozen=True)
class Target:
    """One process to probe."""

    #: names it in the result
    key: HostAndPort
    #: each a family and a socket address, with the port; the first that answers decides
    addresses: Tuple[Tuple[socket.AddressFamily, Any], ...]
    #: accept a connection as an answer (TLS)
    connect_only: bool = False


def probe_targets(
    targets: Iterable[Target],
    timeout: float,
    early: float,
    on_early: Callable[[Tuple[HostAndPort, ...]], None],
) -> Dict[HostAndPort, Reply]:
    """The reply of each of *targets*, all probed at once, within *timeout* seconds.  Resolves no name.

    *on_early* is called at most once, after *early* seconds, with the keys of the targets that have not replied.
    """
    with _Round(timeout, connect_only=False) as ask:
        for target in targets:
            ask.add(target.key, target.addresses, target.connect_only)
        early_at: Optional[float] = time.monotonic() + early
        while ask.busy and ask.turn(until=early_at):
            if early_at is not None and time.monotonic() >= early_at:
                early_at = None
                on_early(ask.open_targets())
        return ask.replies()


def unix_target(path: str) -> Target:
    """The process that listens on the local socket *path*."""
    return Target((path, 0), ((socket.AF_UNIX, path),))


def tcp_addresses(
    addresses: Iterable[lookup.Address], port: int
) -> Tuple[Tuple[socket.AddressFamily, Any], ...]:
    """*addresses* of a host, with *port*, for a Target."""
    return tuple(_with_port(addresses, port))


def _with_port(
    addresses: Iterable[lookup.Address], port: int
) -> List[Tuple[socket.AddressFamily, Tuple[Any, ...]]]:
    return [(family, (address[0], port, *address[2:])) for family, address in addresses]


class _Attempt:
    """One connection on its way to a reply."""

    def __init__(self, target: HostAndPort, connection: socket.socket, since: float) -> None:
        self.target = target
        self.connection = connection
        self.since = since
        self.connected = False
        self.received = b""


class _Round:
    """All connections of one call, on one selector."""

    def __init__(self, timeout: float, connect_only: bool) -> None:
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._connect_only = connect_only
        #: targets for which a connection is enough, whatever `connect_only` is
        self._connect_only_targets: Set[HostAndPort] = set()
        self._selector = selectors.DefaultSelector()
        self._waiting: Deque[Tuple[HostAndPort, socket.AddressFamily, Any]] = deque()
        #: by descriptor, oldest first
        self._open: Dict[int, _Attempt] = {}
        self._replies: Dict[HostAndPort, List[Reply]] = {}
        #: how many addresses were given to try
        self._added = 0
        self._wake_read, self._wake_write = os.pipe()
        self._wake_lock = threading.Lock()
        os.set_blocking(self._wake_write, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)

    def __enter__(self) -> _Round:
        return self

    def __exit__(self, *_: object) -> None:
        for attempt in self._open.values():
            attempt.connection.close()
        self._selector.close()
        with self._wake_lock:  # a lookup that is late finds the pipe closed, not another descriptor
            os.close(self._wake_read)
            os.close(self._wake_write)
            self._wake_write = -1

    @property
    def busy(self) -> bool:
        """Whether there is an address whose reply is still open."""
        return bool(self._open or self._waiting)

    def add(
        self,
        target: HostAndPort,
        addresses: Sequence[Tuple[socket.AddressFamily, Any]],
        connect_only: bool = False,
    ) -> None:
        """Try *addresses*, any of which may speak for *target*; without any it is UNREACHABLE."""
        if connect_only:
            self._connect_only_targets.add(target)
        replies = self._replies.setdefault(target, [])
        if not addresses:
            replies.append(Reply.UNREACHABLE)
        for family, address in addresses:
            self._waiting.append((target, family, address))
            self._added += 1

    def wake(self) -> None:
        """End the wait of a turn, from any thread."""
        with self._wake_lock:
            if self._wake_write != -1:
                with contextlib.suppress(BlockingIOError):  # it is awake already
                    os.write(self._wake_write, b".")

    def turn(self, waiting_for_names: bool = False, until: Optional[float] = None) -> bool:
        """Go on with what can go on, waiting until something can; False when time is up.

        Does not wait longer than *until* (of time.monotonic()).
        """
        now = time.monotonic()
        self._close_oldest(now)
        while self._waiting and len(self._open) < _MOST_CONNECTIONS:
            self._connect(*self._waiting.popleft(), now)
        if not self._open and not self._waiting and not waiting_for_names:
            return True
        until = self._deadline if until is None else min(until, self._deadline)
        if self._waiting:
            until = min(until, next(iter(self._open.values())).since + self._share)
        for key, _ in self._selector.select(max(0.0, until - now)):
            if key.data is None:
                os.read(self._wake_read, 4096)
            elif key.fd in self._open:  # not closed just now, since another address was quicker
                self._proceed(key.data)
        return time.monotonic() < self._deadline

    def open_targets(self) -> Tuple[HostAndPort, ...]:
        """The targets with an address whose reply is still open."""
        waiting = [target for target, _, _ in self._waiting]
        return tuple(dict.fromkeys([*(attempt.target for attempt in self._open.values()), *waiting]))

    def replies(self) -> Dict[HostAndPort, Reply]:
        """The reply of each target, as far as it is known by now."""
        now = time.monotonic()
        replies = {target: list(known) for target, known in self._replies.items()}
        for attempt in self._open.values():
            replies[attempt.target].append(self._silence(attempt, now))
        for target, _, _ in self._waiting:
            replies[target].append(Reply.UNKNOWN)
        return {target: min(known, key=_TELLING.index) for target, known in replies.items()}

    @property
    def _share(self) -> float:
        """Seconds an address may hold a connection that others wait for."""
        return self._timeout / (1 + self._added // _MOST_CONNECTIONS)

    def _close_oldest(self, now: float) -> None:
        while self._waiting and len(self._open) >= _MOST_CONNECTIONS:
            oldest = next(iter(self._open.values()))
            if now - oldest.since < self._share:
                return
            self._close(oldest, self._silence(oldest, now))

    def _silence(self, attempt: _Attempt, now: float) -> Reply:
        """Silence counts only if it lasted."""
        return Reply.SILENT if now - attempt.since >= self._timeout / 2 else Reply.UNKNOWN

    def _connect(self, target: HostAndPort, family: socket.AddressFamily, address: Any, now: float) -> None:
        if Reply.ANSWERS in self._replies[target]:
            return
        try:
            connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            self._replies[target].append(_REPLY_OF_ERROR.get(error.errno or 0, Reply.UNREACHABLE))
            return
        attempt = _Attempt(target, connection, now)
        self._open[connection.fileno()] = attempt
        try:
            connection.connect(address)
        except BlockingIOError as error:
            if error.errno != errno.EINPROGRESS:
                self._fail(attempt, error)
                return
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path of a local socket
            self._fail(attempt, error)
            return
        self._selector.register(connection, selectors.EVENT_WRITE, attempt)

    def _proceed(self, attempt: _Attempt) -> None:
        try:
            if not attempt.connected:
                self._send_query(attempt)
            else:
                self._listen(attempt)
        except BlockingIOError:
            return  # woken for nothing
        except OSError as error:
            self._fail(attempt, error)

    def _send_query(self, attempt: _Attempt) -> None:
        connection = attempt.connection
        failure = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failure:
            raise OSError(failure, os.strerror(failure))
        if connection.family != socket.AF_UNIX and connection.getsockname() == connection.getpeername():
            # Bricks listen on ports the kernel also gives to clients.  It may give ours the very port we
            # call, if nothing listens there, and TCP then connects us with ourselves.
            self._close(attempt, Reply.REFUSED)
        elif self._connect_only or attempt.target in self._connect_only_targets:
            self._close(attempt, Reply.ANSWERS)
        else:
            connection.send(_QUERY)  # 44 bytes always fit into an empty buffer
            attempt.connected = True
            self._selector.modify(connection, selectors.EVENT_READ, attempt)

    def _listen(self, attempt: _Attempt) -> None:
        received = attempt.connection.recv(_REPLY_HEAD.size - len(attempt.received))
        attempt.received += received
        if len(attempt.received) == _REPLY_HEAD.size:
            _, transaction, kind = _REPLY_HEAD.unpack(attempt.received)
            ours = (transaction, kind) == (_TRANSACTION, _REPLY)
            self._close(attempt, Reply.ANSWERS if ours else Reply.FOREIGN)
        elif not received:
            self._close(attempt, Reply.FOREIGN)

    def _fail(self, attempt: _Attempt, error: Exception) -> None:
        number = error.errno if isinstance(error, OSError) else None
        self._close(attempt, _REPLY_OF_ERROR.get(number or 0, Reply.UNREACHABLE))

    def _close(self, attempt: _Attempt, reply: Reply) -> None:
        self._replies[attempt.target].append(reply)
        gone = [attempt]
        if reply is Reply.ANSWERS:  # the other addresses of the name need not be waited for
            gone += [
                one for one in self._open.values() if one.target == attempt.target and one is not attempt
            ]
        for one in gone:
            del self._open[one.connection.fileno()]
            with contextlib.suppress(KeyError):  # not registered: it failed at once
                self._selector.unregister(one.connection)
            one.connection.close()
