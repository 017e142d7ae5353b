"""The open connections, and which of them is closed for another one."""

from __future__ import annotations

from typing import Any, Optional, cast

import pytest
from tornado.http1connection import HTTP1ServerConnection

from ganeti_gluster_mon.daemon.web.connections import BLOCKED_AFTER, NEW_FOR, Connections


class Stream:
    def __init__(self, writing: bool) -> None:
        self._writing = writing

    def writing(self) -> bool:
        return self._writing


class FakeConnection:
    def __init__(self, name: str, writing: bool) -> None:
        self.name = name
        self.stream = Stream(writing)

    def __repr__(self) -> str:
        return self.name


def connection(name: str, writing: bool = False) -> HTTP1ServerConnection:
    return cast(HTTP1ServerConnection, FakeConnection(name, writing))


def name_of(found: Optional[HTTP1ServerConnection]) -> Any:
    return found and cast(Any, found).name


def test_a_connection_is_idle_or_busy_or_forgotten() -> None:
    all_of_them = Connections()
    one = connection("one")
    all_of_them.add_idle(one, "10.0.0.1", 1.0)
    assert (list(all_of_them.idle()), list(all_of_them.busy())) == ([one], [])
    all_of_them.set_busy(one, 2.0)
    assert (list(all_of_them.idle()), list(all_of_them.busy())) == ([], [one])
    assert all_of_them.any_busy() and len(all_of_them) == 1
    all_of_them.add_idle(one, "10.0.0.1", 3.0)
    assert not all_of_them.any_busy() and len(all_of_them) == 1
    all_of_them.remove(one)
    assert len(all_of_them) == 0 and list(all_of_them.idle()) == []


def test_a_connection_that_is_not_known_changes_nothing() -> None:
    all_of_them = Connections()
    all_of_them.set_busy(connection("one"), 1.0)
    all_of_them.remove(connection("one"))
    assert len(all_of_them) == 0 and all_of_them.victim(9.0) is None


def test_busy_since_a_moment() -> None:
    all_of_them = Connections()
    for number in range(4):
        each = connection(str(number))
        all_of_them.add_idle(each, f"10.0.0.{number % 2}", 0.0)
        all_of_them.set_busy(each, float(number))
    assert sorted(map(name_of, all_of_them.busy_since(2.0))) == ["0", "1", "2"]


def test_the_address_with_the_most_connections_loses_one() -> None:
    all_of_them = Connections()
    all_of_them.add_idle(connection("alone"), "10.0.0.1", 0.0)
    for number in range(3):
        all_of_them.add_idle(connection(f"many{number}"), "10.0.0.2", 5.0 + number)
    assert name_of(all_of_them.victim(100.0)) == "many0"


@pytest.mark.parametrize(
    ("blocked_for", "idle_for", "closed"),
    [
        (BLOCKED_AFTER, NEW_FOR, "blocked"),
        (BLOCKED_AFTER - 0.01, NEW_FOR, "idle"),
        (BLOCKED_AFTER - 0.01, NEW_FOR - 0.01, "blocked"),
    ],
)
def test_blocked_before_idle_before_under_way(blocked_for: float, idle_for: float, closed: str) -> None:
    all_of_them = Connections()
    blocked, idle = connection("blocked", writing=True), connection("idle")
    all_of_them.add_idle(blocked, "10.0.0.1", 0.0)
    all_of_them.set_busy(blocked, 100.0 - blocked_for)
    all_of_them.add_idle(idle, "10.0.0.1", 100.0 - idle_for)
    assert name_of(all_of_them.victim(100.0)) == closed


def test_a_new_connection_is_closed_before_none() -> None:
    all_of_them = Connections()
    all_of_them.add_idle(connection("new"), "10.0.0.1", 100.0)
    assert name_of(all_of_them.victim(100.0)) == "new"


def test_a_connection_whose_response_is_not_ready_stays() -> None:
    all_of_them = Connections()
    waiting = connection("waiting")
    all_of_them.add_idle(waiting, "10.0.0.1", 0.0)
    all_of_them.set_busy(waiting, 0.0)
    assert all_of_them.victim(1000.0) is None
    other = connection("other")
    all_of_them.add_idle(other, "10.0.0.2", 0.0)
    assert name_of(all_of_them.victim(1000.0)) == "other"
