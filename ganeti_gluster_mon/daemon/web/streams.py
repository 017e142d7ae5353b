"""The streams of clients: bounds how much is read at a time, and delays pipelined requests."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from typing import Awaitable, Callable, Optional

from tornado.iostream import BaseIOStream, IOStream, SSLIOStream, StreamClosedError

#: bytes of a request's head; a longer one closes the connection without a response
LONGEST_HEAD = 32768
#: bytes that are read at a time, which bounds the pipelined requests that are kept
_READ_CHUNK = 4096
#: requests that a client may pipeline, that is send before the response to the former one
MOST_PIPELINED = 8
#: the end of a request's head, as tornado finds it
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_BUFFERS = {"max_buffer_size": 4 * LONGEST_HEAD, "read_chunk_size": _READ_CHUNK}


def requests_sent(accepted: socket.socket, is_encrypted: bool) -> Optional[int]:
    """How many requests a client has sent on a connection that nothing was read from yet: 0, 1, or 2 for more.

    Encrypted bytes count as one request.  None: the client has disconnected.
    """
    try:
        begin = accepted.recv(_READ_CHUNK, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return 0
    except OSError:
        return None
    if not begin:
        return None
    end = _HEAD_END.search(begin)
    if end is None:
        return int(is_encrypted or len(begin) == _READ_CHUNK)
    return 1 if end.end() == len(begin) else 2


class PipelinedRequest:
    """The head of a request that came before the response to the former request."""

    def __init__(self, stream: BaseIOStream, head: bytes) -> None:
        self._stream = stream
        self._head = head
        #: has the head when it is this request's turn
        self.future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def read(self) -> None:
        """Let tornado answer it, unless its connection has been closed meanwhile."""
        if self.future.done():  # cancelled, with the task that serves the connection
            return
        if self._stream.closed():
            self.future.set_exception(StreamClosedError())
        else:
            self.future.set_result(self._head)


class _PipelineLimit(BaseIOStream):
    """Delays pipelined requests until their turn, and closes a connection with too many of them.

    tornado would answer them without a pause, and other clients would have to wait.
    """

    #: makes a request wait until `PipelinedRequest.read` is called
    wait_for_turn: Callable[[PipelinedRequest], None]
    #: a client may send its first request at once
    _count = -1

    def read_until_regex(self, regex: bytes, max_bytes: Optional[int] = None) -> Awaitable[bytes]:
        """As tornado's; it reads the head of each request by this."""
        head = super().read_until_regex(regex, max_bytes)
        assert isinstance(head, asyncio.Future)
        if not head.done():
            self._count = 0
            return head
        self._count += 1
        if self._count > MOST_PIPELINED:
            self.close()
        if self._count < 1 or self.closed() or head.exception() is not None:
            return head
        request = PipelinedRequest(self, head.result())
        self.wait_for_turn(request)
        return request.future


class PlainStream(_PipelineLimit, IOStream):
    """Of a connection that is not encrypted."""


class EncryptedStream(_PipelineLimit, SSLIOStream):
    """Of an encrypted connection."""


def plain(accepted: socket.socket) -> PlainStream:
    """The stream of a connection.  Raises OSError if it has gone already."""
    return PlainStream(accepted, **_BUFFERS)


def encrypted(accepted: socket.socket, context: ssl.SSLContext) -> EncryptedStream:
    """The stream of a connection that is to be encrypted.  Raises OSError if it has gone already."""
    accepted.setblocking(False)
    wrapped = context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
    return EncryptedStream(wrapped, **_BUFFERS)
