"""Does a process of Gluster answer?

glusterd goes on calling a peer connected for up to 80 s after its host has vanished, and a
brick online that was frozen.  Connecting to its port is not enough to know better: the
kernel takes connections for a frozen process.  So it is asked something: the RPC "dump" (which
programs do you serve?), which glusterd and every brick answer at once, to anybody, without a
lock, as Gluster's own clients ask it first of all.

The call is ONC RPC (RFC 5531) over TCP or a Unix socket, with record marks: program
123451501 (GF-DUMP), version 1, procedure 1, no credentials.
"""

from __future__ import annotations

import enum
import errno
import selectors
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Sequence, Tuple, Union

#: host (name, IPv4 or IPv6 address) and port
Address = Tuple[str, int]

#: connections that are open at once: a large pool has thousands of bricks
MOST_AT_ONCE = 256

_XID = 0x67676D00
_CALL = struct.pack(">10I", _XID, 0, 2, 123451501, 1, 1, 0, 0, 0, 0)
_REQUEST = struct.pack(">I", 0x80000000 | len(_CALL)) + _CALL
#: record mark, our xid, and 1 for "this is a reply"
_REPLY_HEAD = 12


class Reply(enum.Enum):
    """What became of a call."""

    #: it answered (or, where only that was asked, took the connection)
    ANSWERS = "answers"
    #: its host is there, but nothing listens on the port
    REFUSED = "refused"
    #: nothing came within the time limit, or no reply of Gluster's
    SILENT = "silent"
    #: no such name, no route to it
    UNREACHABLE = "unreachable"


#: which of several replies counts, when a name has several addresses: the first that was had
_BEST_FIRST = (Reply.ANSWERS, Reply.SILENT, Reply.REFUSED, Reply.UNREACHABLE)


def answering(
    addresses: Iterable[Address], timeout: float, connect_only: bool = False
) -> Dict[Address, Reply]:
    """Call all *addresses* at once and say for each what came of it within *timeout* seconds.

    A name is called at all its addresses, IPv4 and IPv6.  *connect_only* for ports that speak
    TLS, which do not answer a plain call: there, taking the connection counts as an answer.
    """
    wanted = list(dict.fromkeys(addresses))
    deadline = time.monotonic() + timeout
    calls: List[_Call] = []
    replies: Dict[Address, List[Reply]] = {address: [] for address in wanted}
    for address, resolved in zip(wanted, _resolved([host for host, _ in wanted], deadline)):
        if resolved is None:
            replies[address].append(Reply.SILENT)
        for family, sockaddr in resolved or ():
            calls.append(_Call(address, family, (sockaddr[0], address[1], *sockaddr[2:]), connect_only))
    for call in _made(calls, deadline):
        replies[call.address].append(call.reply)
    return {
        address: next((reply for reply in _BEST_FIRST if reply in had), Reply.UNREACHABLE)
        for address, had in replies.items()
    }


def answering_socket(path: str, timeout: float) -> Reply:
    """Call the process behind the Unix socket *path*.

    Raises PermissionError when we may not, FileNotFoundError when there is no such socket.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with connection:
        connection.settimeout(timeout)
        try:
            connection.connect(path)
            connection.sendall(_REQUEST)
            head = b""
            while len(head) < _REPLY_HEAD:
                more = connection.recv(_REPLY_HEAD - len(head))
                if not more:
                    return Reply.SILENT
                head += more
        except ConnectionRefusedError:
            return Reply.REFUSED
        except (socket.timeout, BlockingIOError, ConnectionError):
            return Reply.SILENT
    return Reply.ANSWERS if _is_reply(head) else Reply.SILENT


@dataclass(eq=False)
class _Call:
    """One connection to one address."""

    address: Address
    family: int
    sockaddr: Tuple[Any, ...]
    connect_only: bool
    reply: Reply = Reply.SILENT
    connection: Union[socket.socket, None] = None
    _head: bytes = field(default=b"")

    def begin(self) -> bool:
        """Start connecting; False when that failed at once."""
        try:
            self.connection = socket.socket(self.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            self._take(self.connection.connect_ex(self.sockaddr))
        except OSError as err:
            self._take(err.errno or errno.EIO)
        return self.reply is Reply.SILENT

    def go_on(self, selector: selectors.BaseSelector) -> bool:
        """Do what can be done without waiting; True when the reply is there."""
        assert self.connection is not None
        try:
            if selector.get_key(self.connection).events & selectors.EVENT_WRITE:
                self._take(self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
                if self.reply is not Reply.SILENT:
                    return True
                if self.connect_only:
                    self.reply = Reply.ANSWERS
                    return True
                self.connection.send(_REQUEST)  # 44 bytes go into the buffer of a fresh connection whole
                selector.modify(self.connection, selectors.EVENT_READ, self)
                return False
            more = self.connection.recv(_REPLY_HEAD - len(self._head))
        except BlockingIOError:
            return False
        except OSError as err:
            self._take(err.errno or errno.EIO)
            return True
        self._head += more
        if more and len(self._head) < _REPLY_HEAD:
            return False
        if _is_reply(self._head):
            self.reply = Reply.ANSWERS
        return True

    def end(self) -> None:
        if self.connection is not None:
            self.connection.close()

    def _take(self, error: int) -> None:
        if error == errno.ECONNREFUSED:
            self.reply = Reply.REFUSED
        elif error in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            self.reply = Reply.UNREACHABLE
        # all else leaves it silent: the connection is under way, or was cut without an answer


def _made(calls: Sequence[_Call], deadline: float) -> Sequence[_Call]:
    """*calls*, each with its reply, at most `MOST_AT_ONCE` at a time."""
    waiting = list(reversed(calls))
    under_way = 0
    with selectors.DefaultSelector() as selector:
        try:
            while waiting or under_way:
                while waiting and under_way < MOST_AT_ONCE:
                    call = waiting.pop()
                    if call.begin() and call.connection is not None:
                        selector.register(call.connection, selectors.EVENT_WRITE, call)
                        under_way += 1
                    else:
                        call.end()
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                for key, _ in selector.select(left):
                    if key.data.go_on(selector):
                        selector.unregister(key.fileobj)
                        key.data.end()
                        under_way -= 1
        finally:
            for call in calls:
                call.end()
    return calls


def _is_reply(head: bytes) -> bool:
    return len(head) == _REPLY_HEAD and head[4:] == struct.pack(">2I", _XID, 1)


#: address family and socket address of one address of a name
_Resolved = Tuple[int, Tuple[Any, ...]]


def _resolved(hosts: Sequence[str], deadline: float) -> List[Union[List[_Resolved], None]]:
    """The addresses of each host; [] for a name that does not exist, None where nobody said in time.

    Looking a name up can block for as long as a name server pleases, and nothing can stop it;
    so it is done in threads that are left behind where need be.
    """
    found: Dict[str, List[_Resolved]] = {}
    names = []
    for host in dict.fromkeys(hosts):
        literal = _lookup(host, socket.AI_NUMERICHOST)
        if literal:
            found[host] = literal
        else:
            names.append(host)

    def look_up(name: str) -> None:
        found[name] = _lookup(name, 0)

    threads = [threading.Thread(target=look_up, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [found.get(host) for host in hosts]


def _lookup(host: str, flags: int) -> List[_Resolved]:
    try:
        every = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=flags)
    except (OSError, UnicodeError):
        return []  # no such name
    return [(family, sockaddr) for family, _, _, _, sockaddr in every]
