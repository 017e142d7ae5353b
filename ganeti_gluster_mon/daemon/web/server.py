"""The HTTP server: it bounds the connections, the time and the memory that clients take.

tornado implements HTTP.  This module decides which connections are accepted, which are closed when there are too many,
and when the server has stopped.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import resource
import socket
import time
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
from tornado.web import Application

from ganeti_gluster_mon.daemon import client_log
from ganeti_gluster_mon.daemon.web.auth import Authenticator
from ganeti_gluster_mon.daemon.web.connections import Connections
from ganeti_gluster_mon.daemon.web.fair_queue import FairQueue
from ganeti_gluster_mon.daemon.web.listen import bind
from ganeti_gluster_mon.daemon.web.streams import (
    LONGEST_HEAD,
    PipelinedRequest,
    encrypted,
    plain,
    requests_sent,
)

LOG = logging.getLogger("ganeti_gluster_mon")

#: file descriptors that are reserved for other purposes than clients
_OTHER_FILES = 64
#: bytes of the kernel's send buffer for one client; the default grows to megabytes
_SEND_BUFFER = 64 * 1024
_BACKLOG = 4096
#: connections that are accepted at a time; that costs little
_ACCEPTED_AT_ONCE = 256
#: seconds of one turn of the loop for connections that are served for the first time, so that the others have their
#: turn, too
_TURN = 0.02
#: of these, connections that have sent no request yet; when many do at once, that is as if many came at once
_SILENT_AT_ONCE = 16
#: seconds between two looks at connections that have sent nothing, while there is nothing else to do
_SILENT_PAUSE = 0.02
#: pipelined requests that are answered in one turn of the loop, and while new connections wait
_PIPELINED_AT_ONCE, _PIPELINED_WHEN_BUSY = 8, 1
#: connections that wait to be served for the first time while there is no room for them, at most
_MOST_WAITING = 2048
#: digits of a Content-Length; no number of bytes has more
_MOST_DIGITS = 18
_NO_BODY = (
    b"HTTP/1.1 400 Bad Request\r\nServer: ganeti-gluster-mon\r\nConnection: close\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 27\r\n\r\nNo request here has a body\n"
)
#: seconds without listening when no connection can be taken; else the loop would spin
_PAUSE = 0.2


@dataclass(frozen=True)
class ClientLimits:
    """The bounds for clients."""

    #: connections at one time, as far as there are file descriptors; connections.py chooses which are closed
    connections: int = 2000
    #: seconds a connection may be without a whole request
    idle_timeout: float = 120.0
    #: seconds from a request to the last byte of its answer
    response_timeout: float = 60.0


@dataclass(frozen=True)
class _Client:
    """The other end of a connection, as tornado needs it."""

    remote_ip: str
    protocol: str

    def __str__(self) -> str:
        return self.remote_ip


class HttpServer(HTTPServerConnectionDelegate):
    """Serves an application on one or more sockets, inside the running event loop."""

    def __init__(
        self, application: Application, authenticator: Authenticator, limits: Optional[ClientLimits] = None
    ) -> None:
        """*authenticator* gives the TLS for each new connection; it has to be the application's own."""
        limits = limits or ClientLimits()
        self._application = application
        self._authenticator = authenticator
        self._limits = limits
        self._parameters = HTTP1ConnectionParameters(
            header_timeout=limits.idle_timeout,
            max_header_size=LONGEST_HEAD,
            max_body_size=LONGEST_HEAD,  # handlers refuse bodies; of a refused one no more is read
            body_timeout=limits.idle_timeout,
        )
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        room = files - _OTHER_FILES
        self._most_waiting = max(1, min(_MOST_WAITING, room // 8))
        self.most_connections = max(1, min(limits.connections, room - self._most_waiting))
        #: connections that nothing was read from yet; connections that have pipelined requests
        self._newcomers: FairQueue[socket.socket] = FairQueue(newest_first=True)
        self._pipelining: FairQueue[socket.socket] = FairQueue(newest_first=False)
        #: pipelined requests
        self._pipelined: FairQueue[PipelinedRequest] = FairQueue(newest_first=False)
        #: the call of `_turn` that is to come
        self._turn_due: Optional[asyncio.Handle] = None
        self._sockets: List[socket.socket] = []
        self._clients = Connections()
        self._sweeping = PeriodicCallback(self._sweep, 1000 * min(1.0, limits.response_timeout / 4))
        self._quiet: Optional[asyncio.Event] = None
        #: whether the last connection could not be accepted, which is logged once
        self._full = False
        # Errors of clients are not logged: they could fill the disk.
        logging.getLogger("tornado.general").setLevel(logging.ERROR)
        for name in ("tornado.general", "tornado.application"):
            logger = logging.getLogger(name)
            if not any(isinstance(each, client_log.RateLimitFilter) for each in logger.filters):
                logger.addFilter(client_log.RateLimitFilter())

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
        """The number of open connections."""
        return len(self._clients)

    async def stop(self, timeout: float = 1.0) -> None:
        """Accept no more clients, wait up to *timeout* seconds for responses that are being sent, and close all."""
        for listener in self._sockets:
            IOLoop.current().remove_handler(listener)
            listener.close()
        self._sockets.clear()
        for waiting in (self._newcomers, self._pipelining):
            for _, accepted in waiting.take(len(waiting)):
                accepted.close()
        self._quiet = asyncio.Event()
        for connection in self._clients.idle():
            self._drop(connection)
        if self._clients.any_busy():
            try:
                await asyncio.wait_for(self._quiet.wait(), timeout)
            except asyncio.TimeoutError:
                LOG.info("%d clients had not read their responses", len(self._clients))
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
                # All were accepted.  One successful accept proves less: the next may fail again, even without waiting
                # clients.
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
            self._newcomers.add(address[0], accepted)
            waiting = len(self._newcomers) + len(self._pipelining)
            if waiting + self.connections > self.most_connections + self._most_waiting:
                (self._pipelining or self._newcomers).drop().close()
            self._schedule_turn()

    def _schedule_turn(self) -> None:
        """Call `_turn` when those whose requests have come have had theirs."""
        loop = asyncio.get_running_loop()
        if isinstance(self._turn_due, asyncio.TimerHandle):
            self._turn_due.cancel()
            self._turn_due = None
        if self._turn_due is None:
            self._turn_due = loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Serve some of the waiting clients.  First requests come before pipelined requests."""
        self._turn_due = None
        until = time.monotonic() + _TURN
        is_encrypted = self._authenticator.tls() is not None
        taken, silent = 0, _SILENT_AT_ONCE
        later: List[Tuple[str, socket.socket]] = []
        for address, accepted in self._newcomers.take(_ACCEPTED_AT_ONCE):
            requests = requests_sent(accepted, is_encrypted)
            if requests is None:
                accepted.close()
            elif requests > 1:
                self._pipelining.add(address, accepted)
            elif requests == 0 and (not silent or self.connections + taken >= self.most_connections):
                # No connection is closed for one that has sent no request.
                later.append((address, accepted))
            else:
                silent -= requests == 0
                taken += self._take(accepted, address, taken)
            # A few of all places: the victim is chosen among the connections that are served already.
            if time.monotonic() > until or taken > self.most_connections // 16:
                break
        for address, accepted in later:
            self._newcomers.put_back(address, accepted)
        most = _PIPELINED_WHEN_BUSY if self._newcomers else _PIPELINED_AT_ONCE
        for address, accepted in self._pipelining.take(most):
            taken += self._take(accepted, address, taken)
        for _, request in self._pipelined.take(most):
            request.read()
        if taken or self._pipelining or self._pipelined:
            self._schedule_turn()
        elif self._newcomers and self._turn_due is None:
            self._turn_due = asyncio.get_running_loop().call_later(_SILENT_PAUSE, self._turn)

    def _wait_for_turn(self, address: str, request: PipelinedRequest) -> None:
        self._pipelined.add(address, request)
        self._schedule_turn()

    def _take(self, accepted: socket.socket, address: str, taken: int) -> bool:
        """Have tornado serve a connection; whether it does.

        *taken*: how many it was given in this turn, which are not among `connections` yet.
        """
        if self.connections + taken >= self.most_connections and not self._make_room(1):
            accepted.close()
            return False
        context = self._authenticator.tls()
        try:
            stream = plain(accepted) if context is None else encrypted(accepted, context)
        except OSError:  # it has gone already
            accepted.close()
            return False
        stream.wait_for_turn = functools.partial(self._wait_for_turn, address)
        client = _Client(address, "http" if context is None else "https")
        HTTP1ServerConnection(stream, self._parameters, client).start_serving(self)
        return True

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
        for connection in self._clients.busy_since(IOLoop.current().time() - self._limits.response_timeout):
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
    """Notifies the server of a request, and passes it on to the application."""

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
            # Pipelined requests of a connection that was closed: no client waits for the responses.
            self._end()
            return None
        if not _length_is_plain(headers):
            # Where this request ends cannot be known for certain: what follows may be another's words.
            self._end(_NO_BODY)
            return None
        self._server.begun(self._connection)
        return self._application.headers_received(start_line, headers)

    def _end(self, answer: bytes = b"") -> None:
        """Detach the connection from tornado; send *answer* if there is one, and close."""
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
