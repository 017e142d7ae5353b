"""The base of all handlers: authentication, refused requests, compression."""

from __future__ import annotations

import logging
import traceback
from typing import Any, Awaitable, Optional, Sequence

from tornado.web import HTTPError, RequestHandler, stream_request_body

from ganeti_gluster_mon.daemon.web import accept
from ganeti_gluster_mon.daemon.web.auth import Authenticator, TooManyPending
from ganeti_gluster_mon.daemon.web.bodies import AnyBody
from ganeti_gluster_mon.daemon.web.content import Content, CurrentContent
from ganeti_gluster_mon.text import one_line

LOG = logging.getLogger("ganeti_gluster_mon")

#: bytes; no valid request is longer
LONGEST_URI = 4096
LONGEST_HEADERS = 16384

_TEXT = "text/plain; charset=utf-8"
#: above so many bytes the copy that tornado makes to put headers and body together is avoided
_LARGE = 16384


@stream_request_body
class BaseHandler(RequestHandler):
    """The base of all handlers: each of them authenticates its clients here.

    A subclass has a method for each HTTP method that it accepts, `get` and the like.  No request has a body; the server
    has checked that the headers leave no doubt about where the request ends.
    """

    #: True where a signature authenticates the sender, so that no password is needed
    signed = False

    def set_default_headers(self) -> None:
        """Set the headers of every response, errors too."""
        self.set_header("Server", "ganeti-gluster-mon")
        self.set_header("Content-Type", _TEXT)
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        for name, value in self.authenticator.headers.items():
            self.set_header(name, value)

    @property
    def current(self) -> CurrentContent:
        """The content that is served now."""
        current = self.settings["current"]
        assert isinstance(current, CurrentContent)
        return current

    @property
    def authenticator(self) -> Authenticator:
        """Authenticates clients, and has the headers of every response."""
        authenticator = self.settings["authenticator"]
        assert isinstance(authenticator, Authenticator)
        return authenticator

    async def prepare(self) -> None:
        """Refuse requests that are not valid, and close the connection where its rest cannot be trusted."""
        headers = self.request.headers
        if len(self.request.uri or "") > LONGEST_URI:
            self._refuse(414, "The URI is too long")
        elif sum(len(name) + len(value) + 4 for name, value in headers.get_all()) > LONGEST_HEADERS:
            self._refuse(431, "The headers are too long")
        elif not self.signed and not self.settings["allowed_hosts"].accept(headers.get("Host")):
            host = one_line(headers.get("Host", ""), 100)
            self._refuse(421, f"This node is not called {host}: add the name to --web.allowed-hosts")
        elif not self.signed and not await self._admitted():
            return
        elif self.request.method not in self._allowed():
            raise HTTPError(405)
        elif int(headers.get("Content-Length", "0")):
            self._refuse(413, "No request here has a body")

    async def _admitted(self) -> bool:
        try:
            if await self.authenticator.accepts(
                self.request.headers.get("Authorization"), self.request.remote_ip or ""
            ):
                return True
        except TooManyPending:
            self.set_header("Retry-After", "1")
            self.send_line(503, "Too many passwords to check")
            return False
        self.set_header("WWW-Authenticate", 'Basic realm="ganeti-gluster-mon", charset="UTF-8"')
        self.send_line(401, "Unauthorized")
        return False

    def _refuse(self, status: int, text: str) -> None:
        self.set_header("Connection", "close")
        self.send_line(status, text)

    def _allowed(self) -> Sequence[str]:
        # tornado's own methods all do one thing: refuse
        return [
            method
            for method in self.SUPPORTED_METHODS
            if getattr(type(self), method.lower()) is not getattr(RequestHandler, method.lower())
        ]

    def data_received(self, chunk: bytes) -> Optional[Awaitable[None]]:
        """Drop the bytes of a body that was refused."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """One line, whatever went wrong."""
        if status_code == 405:
            self.set_header("Allow", ", ".join(self._allowed()))
        self.finish(f"{self._reason}\n")

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """One line for an error that is not the client's, at most one for each client and minute."""
        if isinstance(value, HTTPError):
            return  # an error of the client
        client = self.request.remote_ip or ""
        if self.settings["client_log"].allows(client):
            place = traceback.extract_tb(tb)[-1:]
            where = "".join(f" at {frame.filename}:{frame.lineno}" for frame in place)
            LOG.error(
                "request failed: %s: %s%s; from %s: %s %s",
                typ.__name__,
                one_line(str(value), 200),
                where,
                client,
                self.request.method,
                one_line(self.request.path, 200),
            )

    def compute_etag(self) -> Optional[str]:
        """None: the content changes between two requests of a client, and an ETag costs more than it saves."""
        return None

    def send_line(self, status: int, text: str) -> None:
        """Respond with one line of text; 404 has no line end, as mond's."""
        self.set_status(status)
        self.finish(text if status == 404 else f"{text}\n")

    def send(self, answer: AnyBody, vary: str = "Accept-Encoding") -> None:
        """Respond with *answer*, compressed if the client accepts it; *vary*: the request headers it depends on."""
        self.set_header("Content-Type", answer.content_type)
        self.set_header("Vary", vary)
        if answer.gzipped is not None and accept.gzip(self.request.headers.get("Accept-Encoding", "")):
            self.set_header("Content-Encoding", "gzip")
            content = answer.gzipped
        else:
            content = answer.plain
        self.set_header("Content-Length", len(content))
        if len(content) > _LARGE:
            # Headers first: then a thousand clients that are slow to read share one body.
            self.flush()
        self.finish(content)

    def content_or_503(self) -> Optional[Content]:
        """The content; None before the first is rendered, and then the client gets 503."""
        content = self.current.content  # once: a thread puts the first one there at any moment
        if content is None:
            self.send_line(503, self.current.not_ready_reason or "Gluster has not been queried yet")
        return content
