"""Does it answer?  Against real sockets that answer, refuse, are silent, or talk nonsense."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, Optional

import pytest

from ganeti_gluster_mon.gluster import probe
from ganeti_gluster_mon.gluster.probe import Reply

Server = Callable[[socket.socket], None]


def answer(connection: socket.socket) -> None:
    """As a brick does: the record mark, the xid of the call, "reply", and the programs it serves."""
    call = connection.recv(44)
    assert len(call) == 44
    body = call[4:8] + struct.pack(">6I", 1, 0, 0, 0, 0, 0)
    for byte in struct.pack(">I", 0x80000000 | len(body)) + body:
        connection.sendall(bytes([byte]))  # in as many pieces as there can be


def talk_nonsense(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u6\r\n")


def hang_up(connection: socket.socket) -> None:
    connection.recv(44)


@contextmanager
def listening(
    serve: Optional[Server], family: int = socket.AF_INET, where: str = "127.0.0.1"
) -> Iterator[int]:
    """A server on a free port; with no *serve* it takes connections and is silent, like a frozen process."""
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.bind((where, 0))
        server.listen(1000)

        def run() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(ConnectionError):  # the probe has its answer
                    assert serve is not None
                    serve(connection)

        if serve is not None:
            threading.Thread(target=run, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def called(host: str, port: int, connect_only: bool = False, timeout: float = 0.5) -> Reply:
    return probe.probe_ports([(host, port)], timeout, connect_only)[(host, port)]


def test_a_process_that_answers() -> None:
    with listening(answer) as port:
        assert called("127.0.0.1", port) is Reply.ANSWERS
        assert called("localhost", port) is Reply.ANSWERS


def test_ipv6() -> None:
    with listening(answer, socket.AF_INET6, "::1") as port:
        assert called("::1", port) is Reply.ANSWERS


def test_a_frozen_process_is_silent_though_the_kernel_takes_the_connection() -> None:
    with listening(None) as port:
        began = time.monotonic()
        assert called("127.0.0.1", port) is Reply.SILENT
        assert 0.4 < time.monotonic() - began < 5
        assert called("127.0.0.1", port, connect_only=True) is Reply.ANSWERS


@pytest.mark.parametrize("serve", [talk_nonsense, hang_up])
def test_what_is_no_gluster_is_recognised(serve: Server) -> None:
    with listening(serve) as port:
        assert called("127.0.0.1", port) is Reply.FOREIGN


def test_nothing_listens() -> None:
    assert called("127.0.0.1", free_port()) is Reply.REFUSED


def test_no_such_name() -> None:
    assert called("no.such.host.invalid", 24007, timeout=2) in (Reply.UNREACHABLE, Reply.UNKNOWN)
    assert called("x" * 300, 24007) is Reply.UNREACHABLE


def test_a_name_server_that_does_not_answer_costs_the_timeout_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = threading.Event()

    def slow(*_words: object, flags: int = 0, **_options: object) -> None:
        if not flags & socket.AI_NUMERICHOST:
            answered.wait(30)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    began = time.monotonic()
    try:
        assert called("node9.lab.test", 24007, timeout=0.3) is Reply.UNKNOWN
        assert time.monotonic() - began < 10  # the name takes 30
    finally:
        answered.set()


@pytest.mark.slow
def test_a_thousand_at_once_some_of_them_silent() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with listening(answer) as good, listening(None) as frozen:
        refused = free_port()
        ports = {good: Reply.ANSWERS, frozen: Reply.SILENT, refused: Reply.REFUSED}
        addresses = [(f"127.0.{i // 200}.{i % 200 + 1}", port) for i in range(300) for port in ports]
        began = time.monotonic()
        replies = probe.probe_ports(addresses[:3], 0.5)
        assert time.monotonic() - began < 10
        assert {port: replies[("127.0.0.1", port)] for port in ports} == ports
        everywhere = probe.probe_ports(addresses, 1.0)
        assert len(everywhere) == 900
        # with more silent ones than there are connections, some are not known, and none is slandered
        for (host, port), reply in everywhere.items():
            assert host != "127.0.0.1" or reply in (ports[port], Reply.UNKNOWN)
    assert len(os.listdir("/proc/self/fd")) == before


def test_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    assert probe.probe_socket(path, 0.5) is Reply.UNREACHABLE
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(path)
        assert probe.probe_socket(path, 0.5) is Reply.REFUSED
        server.listen()
        assert probe.probe_socket(path, 0.3) is Reply.SILENT

        def serve() -> None:
            while True:
                connection, _ = server.accept()
                with connection:
                    try:
                        answer(connection)
                    except OSError:
                        continue
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        replies = [probe.probe_socket(path, 1.0) for _ in range(2)]
        assert Reply.ANSWERS in replies
        thread.join(5)
