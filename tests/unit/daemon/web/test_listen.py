"""Where the daemon listens with ``@ganeti`` in --listen, and how it says that it is alive."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from pathlib import Path
from typing import Iterator, List, Tuple

import pytest

from ganeti_gluster_mon.daemon import run
from ganeti_gluster_mon.daemon.web import listen
from ganeti_gluster_mon.daemon.web.listen import ListenError

HERE = os.uname().nodename


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ganeti's files on a node with this machine's name; its primary address is 127.0.0.7."""
    for name, text in (
        ("node_list", f"{HERE}\nother.example.org\n"),
        ("master_node", "other.example.org\n"),
        ("node_primary_ips", f"{HERE} 127.0.0.7\nother.example.org 127.0.0.9\n"),
        ("node_secondary_ips", f"{HERE} 127.0.0.8\nother.example.org 127.0.0.9\n"),
    ):
        (tmp_path / f"ssconf_{name}").write_text(text)
    monkeypatch.setattr("ganeti_gluster_mon.daemon.web.listen.own.__defaults__", (str(tmp_path),))
    return tmp_path


@pytest.fixture
def port() -> int:
    """One that is free on every loopback address, as far as one can know."""
    with socket.create_server(("", 0)) as server:
        return int(server.getsockname()[1])


def addresses(sockets: List[socket.socket]) -> List[str]:
    found = [each.getsockname()[0] for each in sockets]
    for each in sockets:
        each.close()
    return found


def test_a_node_has_its_own_addresses_and_loopback(node: Path, port: int) -> None:
    assert listen.own() == ["127.0.0.1", "::1", "127.0.0.7", "127.0.0.8"]
    bound = addresses(listen.bind(f"@ganeti:{port}", 5))
    assert [each for each in bound if each != "::1"] == ["127.0.0.1", "127.0.0.7", "127.0.0.8"]


def test_one_network_is_one_address(node: Path) -> None:
    (node / "ssconf_node_secondary_ips").write_text(f"{HERE} 127.0.0.7\n")
    assert listen.own() == ["127.0.0.1", "::1", "127.0.0.7"]


@pytest.mark.parametrize("gone", ["node_list", "master_node"])
def test_no_node_has_loopback_alone(node: Path, gone: str) -> None:
    (node / f"ssconf_{gone}").unlink()
    assert listen.own() == ["127.0.0.1", "::1"]


def test_an_address_that_is_not_there_yet_is_left_out(node: Path, port: int) -> None:
    (node / "ssconf_node_primary_ips").write_text(f"{HERE} 192.0.2.1\n")
    assert "192.0.2.1" in listen.own()
    assert set(addresses(listen.bind(f"@ganeti:{port}", 5))) <= {"127.0.0.1", "::1", "127.0.0.8"}


def test_a_port_that_is_in_use_is_an_error_and_nothing_is_kept(node: Path, port: int) -> None:
    with socket.create_server(("127.0.0.7", port)):
        with pytest.raises(
            ListenError, match=f"cannot listen on 127.0.0.7 port {port}: Address already in use"
        ):
            listen.bind(f"@ganeti:{port}", 5)
        with socket.create_server(("127.0.0.1", port)):
            pass


@pytest.mark.parametrize("where", ["@other:1816", "@ganeti", "@ganeti:x", "@:1"])
def test_what_is_no_place(where: str) -> None:
    with pytest.raises(ListenError, match=r"is no ADDR:PORT"):
        listen.parse(where)


class Server:
    """As much of HttpServer as is listened with."""

    def __init__(self) -> None:
        self.sockets: List[socket.socket] = []

    def listen(self, where: str) -> List[Tuple[str, int]]:
        before = [each.getsockname()[:2] for each in self.sockets]
        new = listen.bind(where, 5, before)
        self.sockets += new
        return [each.getsockname()[:2] for each in new]


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    for each in made.sockets:
        each.close()


def test_a_machine_that_becomes_a_node_is_listened_on_there(
    node: Path, port: int, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = node / "ssconf_node_list"
    text = hidden.read_text()
    hidden.unlink()
    monkeypatch.setattr(run, "_LOOK_AGAIN", 0.01)
    where = f"@ganeti:{port}"

    async def join() -> None:
        assert "127.0.0.7" not in [address for address, _ in server.listen(where)]
        looking = asyncio.ensure_future(run._listen_on(server, where))  # type: ignore[arg-type]
        hidden.write_text(text)
        deadline = time.monotonic() + 20
        while "127.0.0.7" not in [each.getsockname()[0] for each in server.sockets]:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        looking.cancel()

    asyncio.run(join())


def test_any_other_place_is_not_looked_at_again(server: Server) -> None:
    asyncio.run(asyncio.wait_for(run._listen_on(server, ":1816"), 5))  # type: ignore[arg-type]
    assert server.sockets == []
