"""The answer to `volume geo-replication status detail`, as GlusterFS 10.3 gave it between two pools of the lab."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Iterator

import pytest

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.geo_replication import GeoReplication, GeoReplicationWorker
from tests.unit.answers import xml

ANSWERS = Path(__file__).parents[2] / "answers"
#: 2026-11-26 23:30:00 UTC
NOW = 1795735800 * 10**9
SYNCED = 1795734576
NODE1, NODE2 = "node1.lab.test", "node2.lab.test"
BRICK = "/export/b1/gv0"
PASSIVE = GeoReplicationWorker(NODE2, BRICK, "passive")


def recorded(name: str) -> bytes:
    return (ANSWERS / f"geo-replication-{name}.xml").read_bytes()


def workers(name: str) -> list[GeoReplicationWorker]:
    parsed = parse.geo_replication(recorded(name), NOW)
    assert parsed.faults == ()
    (session,) = parsed.facts
    assert replace(session, workers=()) == GeoReplication("gv0", "node3.lab.test::backup", NOW)
    return list(session.workers)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The time zone of the lab."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_an_active_worker_and_a_passive_one() -> None:
    active = GeoReplicationWorker(NODE1, BRICK, "active", "changelog crawl", 1795734476, 0, 0, 0, 0)
    assert workers("active") == [active, PASSIVE]
    assert active.label == f"{NODE1}:{BRICK}" and active.pending == 0 and PASSIVE.pending is None


def test_a_checkpoint() -> None:
    known = workers("checkpoint")[0]
    assert (known.checkpoint_at, known.checkpoint_completed_at) == (SYNCED - 5, SYNCED + 7)
    assert known.last_synced_at == SYNCED


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("paused", ["paused", "paused"]),
        ("faulty", ["faulty", "passive"]),
        ("monitor-dead", ["stopped", "passive"]),
    ],
)
def test_statuses(name: str, statuses: list[str]) -> None:
    assert [worker.status for worker in workers(name)] == statuses


def test_another_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC-1")
    time.tzset()
    assert workers("checkpoint")[0].last_synced_at == SYNCED - 3600
    monkeypatch.setenv("TZ", "UTC+1")
    time.tzset()
    assert workers("checkpoint")[0].last_synced_at is None  # it is to come


def test_the_words_before_version_10() -> None:
    old = recorded("active").replace(b"primary", b"master").replace(b"secondary", b"slave")
    assert parse.geo_replication(old, NOW) == parse.geo_replication(recorded("active"), NOW)


def test_two_sessions_of_a_volume() -> None:
    answer = recorded("active")
    session = answer[answer.index(b"<session>") : answer.index(b"</session>") + len(b"</session>")]
    other = session.replace(b"ssh://node3.lab.test::backup", b"ssh://geo@node4::other")
    parsed = parse.geo_replication(answer.replace(session, session + other), NOW)
    assert [each.secondary for each in parsed.facts] == ["node3.lab.test::backup", "geo@node4::other"]
    assert [len(each.workers) for each in parsed.facts] == [2, 2]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("<status>Active<", "<status>Sleeping<", "status of the worker of node1.lab.test:/export/b1/gv0 is 'Sleeping'"),
        ("<data>0<", "<data>-1<", "data of the worker of node1.lab.test:/export/b1/gv0 is '-1'"),
        ("Changelog Crawl", "Walk", "crawl_status of the worker"),
        ("2026-11-26 23:07:56", "yesterday", "last_synced of the worker of node1.lab.test:/export/b1/gv0 is '"),
        ("ssh://node3.lab.test::backup", "nowhere", "a worker is of 'node1.lab.test'"),
        ("<primary_node>node1.", "<primary_node>node2.", "node2.lab.test:/export/b1/gv0 is there twice"),
        ("<name>gv0<", "<name>-x<", "a volume is called '-x'"),
    ],
)  # fmt: skip
def test_a_fault_is_named(old: str, new: str, fault: str) -> None:
    whole = recorded("active").decode()
    assert old in whole
    assert any(fault in each for each in parse.geo_replication(whole.replace(old, new).encode(), NOW).faults)


@pytest.mark.parametrize(
    "answer", [b"", b"geo-replication command failed\n", xml("<volInfo/>"), recorded("active")[:900]]
)
def test_what_is_no_answer(answer: bytes) -> None:
    with pytest.raises(parse.NoAnswer):
        parse.geo_replication(answer, NOW)


@pytest.mark.parametrize(("ahead", "known"), [(60, True), (61, False)])
def test_a_clock_that_is_a_little_ahead(ahead: int, known: bool) -> None:
    queried_at = (SYNCED - ahead) * 10**9
    (session,) = parse.geo_replication(recorded("checkpoint"), queried_at).facts
    assert session.workers[0].last_synced_at == (SYNCED if known else None)


def test_only_the_scheme_is_taken_from_the_name_of_the_secondary() -> None:
    odd = recorded("active").replace(b"ssh://node3.lab.test::backup", b"ssh://a://b::c")
    (session,) = parse.geo_replication(odd, NOW).facts
    assert session.secondary == "a://b::c"
