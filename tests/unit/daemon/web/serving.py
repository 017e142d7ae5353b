"""A server of its own for a test, on a loop in a thread, and clients that are plain sockets."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Coroutine, Dict, Iterator, Optional, Sequence, TypeVar

import pytest

from ganeti_gluster_mon.daemon.web.allowed_hosts import AllowedHosts
from ganeti_gluster_mon.daemon.web.auth import Authenticator
from ganeti_gluster_mon.daemon.web.content import Content, CurrentContent, render
from ganeti_gluster_mon.daemon.web.handlers import application
from ganeti_gluster_mon.daemon.web.mond_proxy import MondProxy
from ganeti_gluster_mon.daemon.web.server import ClientLimits, HttpServer
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.health import Health
from tests.unit.example_pool import HEALTH, NOW, POOL

#: seconds; only a test that fails waits so long
GENEROUS = 60.0

STYLE = "body { margin: 0 }"
PAGE = f"<!doctype html><title>gv0</title><style>{STYLE}</style>".encode() + b"<p>gv0</p>" * 500

_T = TypeVar("_T")


def a_page(pool: Pool, health: Health, now: int) -> bytes:
    """Stands for the page, which has tests of its own."""
    return PAGE


def a_node_page(pool: Pool, health: Health, now: int, name: str) -> bytes:
    """Stands for the pages of nodes."""
    return PAGE + name.encode()


RUNBOOK_PAGE = PAGE + b"runbook"
RENDERED: Content = render(POOL, HEALTH, NOW, leader=True, make_page=a_page, make_node_page=a_node_page)


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """What *work* gives, done on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(GENEROUS)

    def call(self, function: Callable[[], _T]) -> _T:
        """What *function* gives, called on the loop."""
        result: Future[_T] = Future()

        def called() -> None:
            try:
                result.set_result(function())
            except BaseException as error:
                result.set_exception(error)

        self._loop.call_soon_threadsafe(called)
        return result.result(GENEROUS)

    def close(self) -> None:
        self.run(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _finish(self) -> None:
        """End what still runs, as asyncio.run does."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def a_loop() -> Iterator[Loop]:
    loop = Loop()
    try:
        yield loop
    finally:
        loop.close()


@dataclass
class Answer:
    """What came back for one request."""

    status: int
    headers: Dict[str, str]
    body: bytes

    @property
    def unpacked(self) -> bytes:
        return gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body


class Client:
    """One connection."""

    def __init__(self, address: Any, tls: Optional[ssl.SSLContext] = None, source: str = "") -> None:
        """*source*: the address that it comes from; "": the kernel's choice."""
        plain = socket.create_connection(address, timeout=GENEROUS, source_address=(source, 0))
        self.socket = plain if tls is None else tls.wrap_socket(plain, server_hostname="localhost")
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def send(self, content: bytes) -> None:
        self.socket.sendall(content)

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Ask for *path*; the headers' names with _ for -."""
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self.send(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode("latin-1"))
        return self.answer(with_body=method != "HEAD")

    def answer(self, with_body: bool = True) -> Answer:
        """The next answer.  Raises ConnectionError when there is none."""
        line = self._file.readline()
        if not line:
            raise ConnectionError("closed")
        headers = {}
        while True:
            header = self._file.readline().strip()
            if not header:
                break
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", 0)) if with_body else 0
        body = self._file.read(length)
        assert len(body) == length
        return Answer(int(line.split()[1]), headers, body)

    def send_until_closed(self, content: bytes) -> None:
        """Send *content* again and again, until the server has enough of it."""
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            self._send_for_ever(content)

    def _send_for_ever(self, content: bytes) -> None:
        while True:
            self.send(content)

    def closed(self) -> bool:
        """Wait until the server closes; what it still says is dropped.  False after a minute."""
        try:
            while self._file.read(65536):
                pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True


class Served:
    """A server that runs, and its clients."""

    def __init__(
        self, loop: Loop, server: HttpServer, current: CurrentContent, authenticator: Authenticator
    ) -> None:
        self.loop = loop
        self.server = server
        self.current = current
        self.authenticator = authenticator
        self.address = server.addresses[0]

    def client(self, tls: Optional[ssl.SSLContext] = None) -> Client:
        return Client(self.address, tls)

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """One request on a connection of its own."""
        with self.client() as client:
            return client.ask(path, method, **headers)


@contextmanager
def serving(
    rendered: Optional[Content] = RENDERED,
    *,
    front: Optional[str] = None,
    deadline: float = GENEROUS,
    web_config: Optional[Path] = None,
    handlers: Sequence[Any] = (),
    limits: Optional[ClientLimits] = None,
    listen: str = "127.0.0.1:0",
    allowed_hosts: Optional[AllowedHosts] = None,
) -> Iterator[Served]:
    current = CurrentContent(rendered)
    with a_loop() as loop:

        async def start() -> Any:
            authenticator = Authenticator(web_config)
            mond = None if front is None else MondProxy(front, deadline)
            made = application(
                current,
                mond,
                handlers,
                authenticator=authenticator,
                allowed_hosts=allowed_hosts,
                style=STYLE,
                runbook=lambda: RUNBOOK_PAGE,
            )
            server = HttpServer(made, authenticator, limits)
            server.listen(listen)
            return server, authenticator, mond

        server, authenticator, mond = loop.run(start())
        try:
            yield Served(loop, server, current, authenticator)
        finally:
            loop.run(server.stop(0))
            authenticator.close()
            if mond is not None:
                loop.call(mond.close)
