"""Listening, and how much of this machine a client may take: connections, time and memory are bounded.

tornado speaks HTTP.  Who is let in, who has to go when it gets crowded, and when all is over is decided here.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import ssl
from dataclasses import dataclass
from typing import Awaitable, List, Optional, Tuple, Union

from tornado.http1connection import HTTP1Connection, HTTP1ConnectionParameters, HTTP1ServerConnection
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.iostream import BaseIOStream, IOStream, SSLIOStream
from tornado.web import Application

from ganeti_gluster_mon.serve import client_log
from ganeti_gluster_mon.serve.connections import Connections
from ganeti_gluster_mon.serve.door import Door
from ganeti_gluster_mon.serve.listen import bind

LOG = logging.getLogger("ganeti_gluster_mon")

#: file descriptors that are kept for everything that is no client
_OTHER_FILES = 64
#: bytes of a request's head; above it the connection is closed without a word
_LONGEST_HEAD = 32768
#: bytes that wait in the kernel for one client; left to itself it takes megabytes for each
_SEND_BUFFER = 64 * 1024
#: bytes that are read at a time, and so what is kept of requests that a client sends in advance
_READ_CHUNK = 4096
#: requests that a client may send in advance, without waiting for the answer to the one before
MOST_PIPELINED = 8
_BACKLOG = 4096
#: connections taken at a time, so that those who are there have their turn
_ACCEPTED_AT_ONCE = 16
_BUFFERS = {"max_buffer_size": 4 * _LONGEST_HEAD, "read_chunk_size": _READ_CHUNK}
#: digits of a Content-Length; no number of bytes has more
_MOST_DIGITS = 18
_NO_BODY = (
    b"HTTP/1.1 400 Bad Request\r\nServer: ganeti-gluster-mon\r\nConnection: close\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 27\r\n\r\nNo request here has a body\n"
)
#: seconds without listening when no connection can be taken; else the loop would spin
_PAUSE = 0.2


@dataclass(frozen=True)
class Limits:
    """What clients may take."""

    #: connections at one time, as far as there are file descriptors; see connections.py for who goes beyond it
    connections: int = 2000
    #: seconds a connection may be without a whole request
    idle: float = 120.0
    #: seconds from a request to the last byte of its answer
    answer: float = 60.0


@dataclass(frozen=True)
class _Client:
    """What tornado wants to know of the other end of a connection."""

    remote_ip: str
    protocol: str

    def __str__(self) -> str:
        return self.remote_ip


class HttpServer(HTTPServerConnectionDelegate):
    """Serves an application on one or more sockets, inside the running event loop."""

    def __init__(self, application: Application, door: Door, limits: Optional[Limits] = None) -> None:
        """*door* gives the TLS for each new connection; it has to be the application's own."""
        limits = limits or Limits()
        self._application = application
        self._door = door
        self._limits = limits
        self._parameters = HTTP1ConnectionParameters(
            header_timeout=limits.idle,
            max_header_size=_LONGEST_HEAD,
            max_body_size=_LONGEST_HEAD,  # handlers refuse bodies; of a refused one no more is read
            body_timeout=limits.idle,
        )
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.most_connections = max(1, min(limits.connections, files - _OTHER_FILES))
        self._sockets: List[socket.socket] = []
        self._clients = Connections()
        self._sweeping = PeriodicCallback(self._sweep, 1000 * min(1.0, limits.answer / 4))
        self._quiet: Optional[asyncio.Event] = None
        #: no connection could be taken the last time, and it was said
        self._full = False
        # What clients do wrong is their affair: one line for each would be a way to fill the disk.
        logging.getLogger("tornado.general").setLevel(logging.ERROR)
        for name in ("tornado.general", "tornado.application"):
            logger = logging.getLogger(name)
            if not any(isinstance(each, client_log.Filter) for each in logger.filters):
                logger.addFilter(client_log.Filter())

    def listen(self, where: str) -> List[Tuple[str, int]]:
        """Listen on *where*, see listen.py; returns the addresses and ports that are new.  Raises ListenError."""
        sockets = bind(where, _BACKLOG, self.addresses)
        if not self._sockets:
            self._sweeping.start()
        for listener in sockets:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
            self._sockets.append(listener)
            self._watch(listener)
        return [listener.getsockname()[:2] for listener in sockets]

    @property
    def addresses(self) -> List[Tuple[str, int]]:
        """Address and port of each socket that is listened on."""
        return [listener.getsockname()[:2] for listener in self._sockets]

    @property
    def connections(self) -> int:
        """How many clients there are."""
        return len(self._clients)

    async def stop(self, grace: float = 1.0) -> None:
        """Take no more clients, let those that are being answered have *grace* seconds, and close all."""
        for listener in self._sockets:
            IOLoop.current().remove_handler(listener)
            listener.close()
        self._sockets.clear()
        self._quiet = asyncio.Event()
        for connection in self._clients.idle():
            self._drop(connection)
        if self._clients.any_busy():
            try:
                await asyncio.wait_for(self._quiet.wait(), grace)
            except asyncio.TimeoutError:
                LOG.info("%d clients had not taken their answers", len(self._clients))
        for connection in [*self._clients.busy(), *self._clients.idle()]:
            self._drop(connection)
        self._sweeping.stop()

    def _watch(self, listener: socket.socket) -> None:
        if listener.fileno() >= 0:  # it may have been closed during a pause
            IOLoop.current().add_handler(listener, self._accept, IOLoop.READ)

    def _accept(self, listener: Union[int, socket.socket], _events: int) -> None:
        assert isinstance(listener, socket.socket)
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                accepted, address = listener.accept()
            except BlockingIOError:
                # All were taken.  An accept that works tells less: the next may fail again, even with nobody waiting.
                self._full = False
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                # Out of files or memory.  The client still waits, so that the socket stays readable.
                if not self._full:
                    LOG.warning("no connection can be taken: %s", error.strerror)
                self._full = True
                IOLoop.current().remove_handler(listener)
                IOLoop.current().call_later(_PAUSE, self._watch, listener)
                self._make_room(self.most_connections // 10)
                return
            if self.connections >= self.most_connections and not self._make_room(1):
                accepted.close()
                continue
            self._take(accepted, address[0])

    def _take(self, accepted: socket.socket, address: str) -> None:
        context = self._door.tls()
        try:
            stream = _PlainStream(accepted, **_BUFFERS) if context is None else _encrypted(accepted, context)
        except OSError:  # it has gone already
            accepted.close()
            return
        client = _Client(address, "http" if context is None else "https")
        HTTP1ServerConnection(stream, self._parameters, client).start_serving(self)

    def _make_room(self, places: int) -> bool:
        """Close up to *places* connections, as connections.py chooses them; False if there was none to close."""
        for _ in range(max(1, places)):
            victim = self._clients.victim(IOLoop.current().time())
            if victim is None:
                return False
            self._drop(victim)
        return True

    def _sweep(self) -> None:
        """Close the connections of clients that have not read an answer to its end in time."""
        for connection in self._clients.busy_since(IOLoop.current().time() - self._limits.answer):
            self._drop(connection)

    def _drop(self, connection: HTTP1ServerConnection) -> None:
        self._forget(connection)
        connection.stream.close()

    def _forget(self, connection: HTTP1ServerConnection) -> None:
        self._clients.remove(connection)
        if self._quiet is not None and not self._clients.any_busy():
            self._quiet.set()

    # What tornado calls.

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """A connection waits for a request, its first or its next."""
        assert isinstance(server_conn, HTTP1ServerConnection)
        self._forget(server_conn)
        if self._quiet is not None:
            server_conn.stream.close()
        elif not server_conn.stream.closed():
            self._clients.add_idle(server_conn, str(server_conn.context), IOLoop.current().time())
        application = self._application.start_request(server_conn, request_conn)
        return _Begun(self, server_conn, request_conn, application)

    def begun(self, connection: HTTP1ServerConnection) -> None:
        """A connection's request is there."""
        self._clients.set_busy(connection, IOLoop.current().time())

    def on_close(self, server_conn: object) -> None:
        """A connection is over."""
        assert isinstance(server_conn, HTTP1ServerConnection)
        self._forget(server_conn)


class _Begun(HTTPMessageDelegate):
    """Tells the server when a request has come, and hands all on to the application."""

    def __init__(
        self,
        server: HttpServer,
        connection: HTTP1ServerConnection,
        request: HTTPConnection,
        application: HTTPMessageDelegate,
    ) -> None:
        self._server = server
        self._connection = connection
        self._request = request
        self._application = application

    def headers_received(
        self, start_line: Union[RequestStartLine, ResponseStartLine], headers: HTTPHeaders
    ) -> Optional[Awaitable[None]]:
        if self._connection.stream.closed():
            # Requests that were sent in advance and read already: nobody waits for them any more.
            self._end()
            return None
        if not _length_is_plain(headers):
            # Where this request ends cannot be known for certain: what follows may be another's words.
            self._end(_NO_BODY)
            return None
        self._server.begun(self._connection)
        return self._application.headers_received(start_line, headers)

    def _end(self, answer: bytes = b"") -> None:
        """Have tornado let go of the connection; say *answer*, if there is one to hear it, and close."""
        assert isinstance(self._request, HTTP1Connection)
        stream = self._request.detach()
        if answer:
            stream.write(answer)
        stream.close()

    def data_received(self, chunk: bytes) -> Optional[Awaitable[None]]:
        return self._application.data_received(chunk)

    def finish(self) -> None:
        self._application.finish()

    def on_connection_close(self) -> None:
        self._application.on_connection_close()


def _length_is_plain(headers: HTTPHeaders) -> bool:
    """Whether the headers leave no doubt about where the request ends.

    ``Transfer-Encoding :``, with a space before the colon, is read as a header by some programs and not by others.
    """
    length = headers.get("Content-Length", "0")
    return (
        "Transfer-Encoding" not in headers
        and length.isdecimal()
        and len(length) <= _MOST_DIGITS
        and not any(name != name.strip() for name in headers)
    )


class _PipelineLimit(BaseIOStream):
    """Closes the connection of a client that sends many requests in advance.

    tornado answers them without a pause, so that other clients would wait for the end of a long row.
    """

    _in_advance = 0

    def read_until_regex(self, regex: bytes, max_bytes: Optional[int] = None) -> Awaitable[bytes]:
        """As tornado's; it reads the head of each request by this."""
        head = super().read_until_regex(regex, max_bytes)
        assert isinstance(head, asyncio.Future)
        self._in_advance = self._in_advance + 1 if head.done() else 0
        if self._in_advance > MOST_PIPELINED:
            self.close()
        return head


class _PlainStream(_PipelineLimit, IOStream):
    pass


class _EncryptedStream(_PipelineLimit, SSLIOStream):
    pass


def _encrypted(accepted: socket.socket, context: ssl.SSLContext) -> SSLIOStream:
    accepted.setblocking(False)
    wrapped = context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
    return _EncryptedStream(wrapped, **_BUFFERS)
