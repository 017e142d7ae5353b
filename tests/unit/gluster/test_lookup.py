"""Addresses of host names, looked up in threads."""

from __future__ import annotations

import socket
import threading
from typing import Any, List

import pytest

from ganeti_gluster_mon.gluster import lookup

#: seconds; only a test that fails waits so long
LONG = 30.0


@pytest.mark.parametrize(
    ("host", "families"),
    [
        ("127.0.0.1", [socket.AF_INET]),
        ("::1", [socket.AF_INET6]),
        ("localhost", []),
        ("node1.example", []),
        ("", []),
        ("a\0b", []),
        ("x" * 300, []),
    ],
)
def test_an_address_needs_no_lookup(host: str, families: List[socket.AddressFamily]) -> None:
    if host:
        assert [family for family, _ in lookup.literal(host)] == families


class Resolver:
    """Names that are resolved when a test lets them."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.queries: List[str] = []

    def getaddrinfo(self, host: str, *_: Any, **__: Any) -> Any:
        self.queries.append(host)
        assert self.may_answer.wait(LONG)
        if host.startswith("no-"):
            raise socket.gaierror
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0)),
            (socket.AF_UNIX, 1, 0, "", ("x",)),
        ]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    fake = Resolver()
    monkeypatch.setattr("ganeti_gluster_mon.gluster.lookup.socket.getaddrinfo", fake.getaddrinfo)
    return fake


def test_each_lookup_is_reported_when_it_is_done(resolver: Resolver) -> None:
    done = threading.Semaphore(0)
    one, other = lookup.look_up(["node1", "no-such"], done.release)
    assert one.addresses is None and other.addresses is None
    resolver.may_answer.set()
    assert done.acquire(timeout=LONG) and done.acquire(timeout=LONG)
    assert one.addresses == ((socket.AF_INET, ("192.0.2.1", 0)),)
    assert other.addresses == ()


def test_a_name_that_is_being_looked_up_is_not_looked_up_once_more(resolver: Resolver) -> None:
    done = threading.Semaphore(0)
    lookups = [lookup.look_up(["node1"], done.release)[0] for _ in range(50)]
    assert len(set(map(id, lookups))) == 1
    resolver.may_answer.set()
    for _ in range(50):
        assert done.acquire(timeout=LONG)
    assert resolver.queries == ["node1"]


def test_threads_are_bounded(resolver: Resolver) -> None:
    done = threading.Semaphore(0)
    names = [f"node{number}" for number in range(100)]
    lookup.look_up(names, done.release)
    assert sum(thread.name == "look up" for thread in threading.enumerate()) <= lookup._MOST_THREADS
    resolver.may_answer.set()
    for _ in names:
        assert done.acquire(timeout=LONG)
    assert sorted(resolver.queries) == sorted(names)
