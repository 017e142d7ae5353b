"""The volfile of a volume, and its bricks."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager
from typing import Iterator, List, Tuple

import pytest

from ganeti_gluster_mon.gluster import volfile
from tests.unit.backend.test_same_volume import BRICKS, VOLFILE


def test_the_bricks_of_a_volfile() -> None:
    assert volfile.client_bricks(VOLFILE) == BRICKS
    for nonsense in (
        "",
        "volume\ntype\noption a\nend-volume",
        "end-volume\n" * 3,
        "option remote-host x y\0",
    ):
        assert volfile.client_bricks(nonsense) == frozenset()


@contextmanager
def answering(reply: bytes) -> Iterator[Tuple[Tuple[str, int], List[bytes]]]:
    """A server that gives *reply* to one client; its address, and what it received."""
    received: List[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            link, _ = server.accept()
            with link:
                received.append(link.recv(4096))
                link.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname(), received
        thread.join(10)


def reply(text: bytes, result: int = 0, transaction: int = volfile._TRANSACTION, accepted: int = 0) -> bytes:
    body = (
        struct.pack(">6I", transaction, 1, accepted, 0, 0, 0)
        + struct.pack(">iiI", result, 2, len(text))
        + text
    )
    half = len(body) // 2
    # In two fragments: RFC 5531, 11.
    return struct.pack(">I", half) + body[:half] + struct.pack(">I", 1 << 31 | len(body) - half) + body[half:]


def test_a_volfile_is_fetched() -> None:
    with answering(reply(VOLFILE.encode())) as (address, received):
        assert volfile.fetch(socket.AF_INET, address, "gv0", 10) == VOLFILE
    assert b"\0\0\0\x03gv0\0" in received[0]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (reply(b"", result=-1), "no volfile"),
        (reply(b"", transaction=1), "not an answer"),
        (reply(b"", accepted=1), "not an answer"),
        (b"", "closed"),
        (reply(b"abc")[:20], "closed"),
        (struct.pack(">I", 1 << 31 | 4) + b"abcd", "unpack"),
        (struct.pack(">I", (1 << 31) - 1), "more than"),
    ],
)
def test_an_answer_without_a_volfile(answer: bytes, why: str) -> None:
    with answering(answer) as (address, _), pytest.raises(volfile.VolfileError, match=why):
        volfile.fetch(socket.AF_INET, address, "gv0", 10)


def test_a_server_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with pytest.raises(volfile.VolfileError, match="timed out"):
            volfile.fetch(socket.AF_INET, server.getsockname(), "gv0", 0.2)
        address = server.getsockname()
    with pytest.raises(volfile.VolfileError, match="refused"):
        volfile.fetch(socket.AF_INET, address, "gv0", 10)
