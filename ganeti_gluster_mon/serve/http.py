"""The paths of mond's protocol and of Prometheus, on tornado's event loop.

Everything that is sent was rendered before; a request costs finding it and sending it.  On
an event loop a client that is slow, or only there, costs a descriptor and no thread.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import socket
from dataclasses import dataclass
from typing import Any, List, Optional, Sequence, Tuple, Union

from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics import exposition as openmetrics
from tornado import iostream, netutil, web
from tornado.httpserver import HTTPServer

from ganeti_gluster_mon.serve.address import parse_listen
from ganeti_gluster_mon.serve.rendered import JSON, Body, Rendered, Reports, body

#: mond's own words, by its version 3.0.2
NO_REPORT = "Unable to produce a report for the requested resource"
NO_RESOURCE = "Resource not found"

_TEXT = "text/plain; charset=utf-8"
_NO_PICTURE = "nothing is known yet: Gluster is being asked for the first time"

#: bytes of a request's line and headers; of a body, which no path of ours takes
#: (tornado takes 0 for its own default)
_MOST_HEADERS, _MOST_BODY = 16 * 1024, 1
#: seconds that a connection may be silent, and that a client has to take an answer
_IDLE, _TAKING = 65.0, 30.0
#: connections at once; more than any Prometheus and all its friends need
_MOST_CONNECTIONS = 2000
#: descriptors that are left for all else
_RESERVE = 64


class NoAddress(Exception):
    """The address cannot be listened on; str() is one line for an administrator."""


@dataclass
class Screen:
    """What is shown at the moment.  Changed by setting, read by every request."""

    rendered: Optional[Rendered] = None


class _Handler(web.RequestHandler):
    """One path.  A subclass says in `body` what is there."""

    SUPPORTED_METHODS = ("GET", "HEAD")  # type: ignore[assignment] # typed as exactly tornado's seven

    def initialize(self, screen: Screen) -> None:
        self.screen = screen

    def set_default_headers(self) -> None:
        self.set_header("Server", "ganeti-gluster-mon")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")

    def prepare(self) -> None:
        if self.request.headers.get("Content-Length", "0") != "0":
            self.tell(400, "no path here takes a body")

    def compute_etag(self) -> Optional[str]:
        return None  # what is asked for changes all the time, and hashing it costs more than it saves

    async def get(self, *names: str) -> None:
        rendered = self.screen.rendered
        if rendered is None and self.needs_picture:
            taken = self.tell(503, _NO_PICTURE)
        else:
            found = self.body(rendered, *names)
            taken = self.tell(404, found) if isinstance(found, str) else self.send(found)
        if not taken.done():
            try:
                await asyncio.wait_for(asyncio.shield(taken), _TAKING)
            except iostream.StreamClosedError:
                return  # it went away, and wants no answer
            except asyncio.TimeoutError:
                # Who does not take an answer that long never will, and keeps it in our memory.
                self.detach().close()

    head = get

    needs_picture = True

    def body(self, rendered: Any, *names: str) -> Union[Body, str]:
        """What is at this path, or why there is nothing.  *rendered* is None only where no picture is needed."""
        raise NotImplementedError

    def send(self, what: Body) -> asyncio.Future[None]:
        """Send it packed, to who takes that; done when it was taken."""
        content = what.plain
        self.set_header("Content-Type", what.content_type)
        self.set_header("Vary", "Accept, Accept-Encoding")
        if what.gzipped is not None and _takes_gzip(self.request.headers.get("Accept-Encoding", "")):
            self.set_header("Content-Encoding", "gzip")
            content = what.gzipped
        return self.finish(content)

    def tell(self, status: int, line: str) -> asyncio.Future[None]:
        """A status that is no success, in one line."""
        self.set_status(status)
        self.set_header("Content-Type", _TEXT)
        return self.finish(line)

    def write_error(self, status_code: int, **_: object) -> None:
        if status_code == 405:
            self.set_header("Allow", "GET, HEAD")
        self.tell(status_code, self._reason)

    def verbose(self, rendered: Rendered) -> Reports:
        """The reports as the request wants them: ?verbose=1, by mond's protocol."""
        return rendered.verbose if self.get_query_argument("verbose", "0") == "1" else rendered.terse


class _Root(_Handler):
    needs_picture = False

    def body(self, rendered: Any, *names: str) -> Union[Body, str]:
        return body(JSON, b"[1]")


class _Version(_Handler):
    needs_picture = False

    def body(self, rendered: Any, *names: str) -> Union[Body, str]:
        return body(JSON, b"null")


class _Listing(_Handler):
    def body(self, rendered: Any, *names: str) -> Union[Body, str]:
        return body(JSON, json.dumps(rendered.listing).encode("ascii"))


class _All(_Handler):
    def body(self, rendered: Any, *names: str) -> Union[Body, str]:
        return self.verbose(rendered).all


class _Report(_Handler):
    def body(self, rendered: Any, *names: str) -> Union[Body, str]:
        category, name = names
        return self.verbose(rendered).single.get((category, name), NO_REPORT)


class _Metrics(_Handler):
    def body(self, rendered: Any, *names: str) -> Union[Body, str]:
        _, content_type = choose_encoder(self.request.headers.get("Accept", ""))
        chosen = rendered.openmetrics if content_type == openmetrics.CONTENT_TYPE_LATEST else rendered.metrics
        assert isinstance(chosen, Body)
        return chosen


class _Healthy(_Handler):
    needs_picture = False

    def body(self, rendered: Any, *names: str) -> Union[Body, str]:
        return body(_TEXT, b"healthy\n")


class _Ready(_Handler):
    def body(self, rendered: Any, *names: str) -> Union[Body, str]:
        return body(_TEXT, b"ready\n")


class _Nothing(_Handler):
    needs_picture = False

    def body(self, rendered: Any, *names: str) -> Union[Body, str]:
        return NO_RESOURCE


def application(screen: Screen) -> web.Application:
    """All paths, telling what is on *screen*."""
    shows = {"screen": screen}
    return web.Application(
        [
            (r"/", _Root, shows),
            (r"/1/?", _Version, shows),
            (r"/1/list/collectors", _Listing, shows),
            (r"/1/report/all", _All, shows),
            (r"/1/report/([^/]+)/([^/]+)", _Report, shows),
            (r"/metrics", _Metrics, shows),
            (r"/-/healthy", _Healthy, shows),
            (r"/-/ready", _Ready, shows),
        ],
        default_handler_class=_Nothing,
        default_handler_args=shows,
        log_function=_silent,
    )


def _silent(_: web.RequestHandler) -> None:
    """A line a request would say nothing that matters."""


def _takes_gzip(accepts: str) -> bool:
    """Whether an Accept-Encoding header allows gzip (RFC 9110, 12.5.3)."""
    quality = {}
    for part in accepts.lower().split(","):
        coding, _, parameter = part.partition(";")
        weight = re.fullmatch(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*", parameter)
        quality[coding.strip()] = float(weight[1]) if weight else 1.0
    return quality.get("gzip", quality.get("*", 0.0)) > 0


class _Bounded(HTTPServer):
    """A server that never has more connections than it has descriptors for.

    Without that, a newcomer that cannot be accepted would keep the event loop busy for ever.
    """

    def initialize(self, *args: Any, **more: Any) -> None:
        super().initialize(*args, **more)
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.most = max(1, min(_MOST_CONNECTIONS, limit - _RESERVE))
        self.open = 0

    def handle_stream(self, stream: iostream.IOStream, address: Tuple[Any, ...]) -> None:
        if self.open >= self.most:
            stream.close()
            return
        self.open += 1
        super().handle_stream(stream, address)

    def on_close(self, server_conn: object) -> None:
        self.open -= 1
        super().on_close(server_conn)


class Server:
    """Answers on one port, from `start` to `stop`.  To be used on a running event loop."""

    def __init__(self, screen: Screen) -> None:
        self._server = _Bounded(
            application(screen),
            max_header_size=_MOST_HEADERS,
            max_body_size=_MOST_BODY,
            idle_connection_timeout=_IDLE,
            body_timeout=_IDLE,
            decompress_request=False,
        )
        self._sockets: List[socket.socket] = []

    def start(self, listen: str) -> None:
        """Listen on *listen*, ADDR:PORT.  Raises NoAddress."""
        address, port = parse_listen(listen)
        try:
            self._sockets = netutil.bind_sockets(port, address or None, backlog=1024)
        except OSError as err:
            raise NoAddress(f"cannot listen on {listen}: {err.strerror or err}") from err
        self._server.add_sockets(self._sockets)

    def ports(self) -> Sequence[int]:
        """The ports that are listened on."""
        return sorted({each.getsockname()[1] for each in self._sockets})

    async def stop(self, grace: float = 1.0) -> None:
        """Take no more connections, and close those that are left after *grace* seconds at most."""
        self._server.stop()
        try:
            await asyncio.wait_for(self._server.close_all_connections(), grace)
        except asyncio.TimeoutError:
            return
