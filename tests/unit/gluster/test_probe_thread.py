"""What changes between two cycles is found by probes of real sockets, and is found once."""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Iterator, List, Optional, Tuple

import pytest

from ganeti_gluster_mon.gluster import probe_thread
from ganeti_gluster_mon.gluster.probe import Reply
from ganeti_gluster_mon.gluster.probe_thread import BrickPort, ProbeThread, Targets
from tests.unit.gluster.test_probe import answer

#: seconds between two probes in these tests
PERIOD = 0.1
#: seconds; for what must come on a busy machine
LONG = 20.0


class Server:
    """A process that answers the dump call, until it is frozen."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._thaw = threading.Event()
        self._thaw.set()
        #: connections that were accepted and are open
        self.open = 0
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def freeze(self) -> None:
        self._thaw.clear()

    def thaw(self) -> None:
        self._thaw.set()

    def close(self) -> None:
        self._thaw.set()
        self._listening.close()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.open += 1
            with connection:
                self._thaw.wait()
                with suppress(OSError, AssertionError):  # the probe has not waited
                    answer(connection)
            self.open -= 1


@contextmanager
def server(family: int = socket.AF_INET, where: Any = ("127.0.0.1", 0)) -> Iterator[Server]:
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.bind(where)
    listening.listen(100)
    running = Server(listening)
    try:
        yield running
    finally:
        running.close()


@contextmanager
def probing(socket_path: str, targets: Targets) -> Iterator[ProbeThread]:
    running = ProbeThread(socket_path, PERIOD)
    running.watch(targets)
    running.start()
    try:
        yield running
    finally:
        running.end()


def changes(running: ProbeThread, timeout: float = LONG) -> Tuple[str, ...]:
    """The next changes; none if there are none within *timeout* seconds."""
    with selectors.DefaultSelector() as selector:
        selector.register(running.descriptor, selectors.EVENT_READ)
        return running.take_changes() if selector.select(timeout) else ()


@pytest.fixture
def glusterd(tmp_path: Path) -> Iterator[Server]:
    with server(socket.AF_UNIX, str(tmp_path / "glusterd.socket")) as running:
        yield running


def brick(running: Server, encrypted: bool = False) -> BrickPort:
    return BrickPort("127.0.0.1", "/b", running.port, encrypted)


@pytest.mark.slow
def test_a_brick_that_freezes_and_goes_on(tmp_path: Path, glusterd: Server) -> None:
    with (
        server() as process,
        probing(str(tmp_path / "glusterd.socket"), Targets(bricks=(brick(process),))) as running,
    ):
        assert changes(running, 1.0) == (), "nothing happened"
        assert running.replies().bricks == {("127.0.0.1", "/b"): True}
        process.freeze()
        began = time.monotonic()
        assert changes(running) == ("brick 127.0.0.1:/b does not answer",)
        assert time.monotonic() - began >= probe_thread.SUSPECTED_AFTER
        assert running.replies().suspected == (("127.0.0.1", "/b"),)
        assert changes(running, 2.5) == (), "it is reported once"
        assert running.replies().bricks == {("127.0.0.1", "/b"): False}
        process.thaw()
        assert changes(running) == ("brick 127.0.0.1:/b answers again",)
        assert running.replies().suspected == ()


def test_each_silence_is_reported_once_and_no_return(tmp_path: Path, glusterd: Server) -> None:
    path, silences = str(tmp_path / "glusterd.socket"), threading.Semaphore(0)
    with server() as peer:
        running = ProbeThread(path, PERIOD, on_silence=silences.release)
        running.watch(Targets(peers=("127.0.0.1",), peer_port=peer.port))
        running.start()
        try:
            for freezes in (peer, glusterd):
                assert not silences.acquire(timeout=0.5), "all answer"
                freezes.freeze()
                assert silences.acquire(timeout=LONG)
                assert not silences.acquire(timeout=2.5), "it is still the same silence"
                freezes.thaw()
                assert any("answers again" in change for change in all_changes(running, 2))
        finally:
            running.end()


def all_changes(running: ProbeThread, most: int) -> List[str]:
    """The next changes, *most* of them."""
    found: List[str] = []
    while len(found) < most:
        more = changes(running)
        assert more, found
        found += more
    return found


def test_a_brick_that_is_slow_is_suspected_and_cleared(tmp_path: Path, glusterd: Server) -> None:
    with (
        server() as process,
        probing(str(tmp_path / "glusterd.socket"), Targets(bricks=(brick(process),))) as running,
    ):
        assert changes(running, 0.5) == ()
        process.freeze()
        assert changes(running) == ("brick 127.0.0.1:/b does not answer",)
        process.thaw()  # well before TIMEOUT has passed
        assert changes(running) == ("brick 127.0.0.1:/b answers again",)


def test_glusterd_that_freezes_goes_on_and_ends(tmp_path: Path, glusterd: Server) -> None:
    path = tmp_path / "glusterd.socket"
    with probing(str(path), Targets()) as running:
        assert changes(running, 0.5) == ()
        glusterd.freeze()
        assert changes(running) == ("glusterd of this node does not answer",)
        assert running.replies().glusterd is Reply.SILENT
        glusterd.thaw()
        assert changes(running) == ("glusterd of this node answers again",)
        path.unlink()
        assert changes(running) == ("glusterd of this node refuses connections",)
        assert running.replies().glusterd is Reply.REFUSED


def test_a_peer_that_ends_and_comes_back(tmp_path: Path, glusterd: Server) -> None:
    with server() as process:
        port = process.port
        targets = Targets(peers=("127.0.0.1",), peer_port=port)
        with probing(str(tmp_path / "glusterd.socket"), targets) as running:
            assert changes(running, 0.5) == ()
            process.close()
            assert changes(running) == ("peer 127.0.0.1 refuses connections",)
            assert running.replies().peers == {"127.0.0.1": False}
            with server(where=("127.0.0.1", port)):
                assert changes(running) == ("peer 127.0.0.1 answers again",)


@pytest.mark.slow
def test_one_probe_is_outstanding_for_each_target(tmp_path: Path, glusterd: Server) -> None:
    with (
        server() as process,
        probing(str(tmp_path / "glusterd.socket"), Targets(bricks=(brick(process),))) as running,
    ):
        process.freeze()
        changes(running)
        before = len(os.listdir("/proc/self/fd"))
        most = 0
        for _ in range(30):
            most = max(most, len(os.listdir("/proc/self/fd")))
            time.sleep(0.1)
        assert most <= before + 8, "three rounds a second would have left more"
        assert [each.name for each in threading.enumerate()].count("probes") == 1


def test_tls_needs_a_connection_only(tmp_path: Path, glusterd: Server) -> None:
    with server() as process:
        process.freeze()
        targets = Targets(bricks=(brick(process, encrypted=True),))
        with probing(str(tmp_path / "glusterd.socket"), targets) as running:
            assert changes(running, 2.0) == ()
            assert running.replies().bricks == {("127.0.0.1", "/b"): True}


def test_what_is_not_watched_any_more_is_forgotten(tmp_path: Path, glusterd: Server) -> None:
    with (
        server() as process,
        probing(str(tmp_path / "glusterd.socket"), Targets(bricks=(brick(process),))) as running,
    ):
        process.freeze()
        assert changes(running)
        running.watch(Targets())
        assert running.replies().bricks == {}
        assert running.replies().suspected == ()
        assert changes(running, 1.5) == ()


@pytest.mark.slow
@pytest.mark.parametrize("known", [True, False])
def test_a_resolver_that_hangs_delays_no_probe(
    tmp_path: Path, glusterd: Server, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """The addresses that were known go on being used; without any, the peer is not known."""
    hang = threading.Event()
    resolved: List[str] = []

    def getaddrinfo(host: Optional[str], _port: object, *, type: int = 0, flags: int = 0) -> object:
        if flags:
            raise OSError
        resolved.append(str(host))
        if len(resolved) > known:
            hang.wait(LONG)
        return [(socket.AF_INET, type, 0, "", ("127.0.0.1", 0))]

    monkeypatch.setattr(probe_thread.lookup.socket, "getaddrinfo", getaddrinfo)  # type: ignore[attr-defined]
    monkeypatch.setattr(probe_thread, "_NAME_LIFETIME", 0.3)
    try:
        with server() as process:
            targets = Targets(peers=("node9",), peer_port=process.port)
            with probing(str(tmp_path / "glusterd.socket"), targets) as running:
                assert changes(running, 1.5) == ()
                assert running.replies().peers == ({"node9": True} if known else {})
                assert len(resolved) == 1 + known, "a name is resolved once at a time"
                process.freeze()
                assert bool(changes(running, LONG if known else 2.0)) is known
                glusterd.freeze()
                assert "glusterd of this node does not answer" in changes(running)
    finally:
        hang.set()
