"""Sessions of geo-replication that do not replicate, or not all."""

from __future__ import annotations

from typing import Optional, Sequence

import pytest

from ganeti_gluster_mon.gluster.geo_replication import GeoReplication, GeoReplicationWorker
from ganeti_gluster_mon.gluster.model import Brick, Subvolume, Volume
from ganeti_gluster_mon.health import CRITICAL, HEALING, OK, UNKNOWN
from ganeti_gluster_mon.health.geo_sessions import geo_replication_problems
from ganeti_gluster_mon.health.problem import Problem

NOW = 1795735800
HOSTS = ("n1", "n2", "n3", "n4")


def worker(host: str, status: Optional[str], **more: int) -> GeoReplicationWorker:
    return GeoReplicationWorker(host, "/b", status, **more)  # type: ignore[arg-type]


def problems(*workers: GeoReplicationWorker, sets: int = 1, failure: Optional[str] = None) -> list[Problem]:
    """Those of a volume of *sets* replica sets of two."""
    bricks = tuple(Brick("gv0", host, "/b") for host in HOSTS[: 2 * sets])
    subvolumes = tuple(Subvolume("replicate", bricks[first : first + 2]) for first in range(0, 2 * sets, 2))
    session = GeoReplication("gv0", "far::backup", NOW * 10**9, workers, failure)
    volume = Volume(
        "gv0", "u", "replicate", "started", "tcp", bricks, subvolumes, geo_replications=(session,)
    )
    found = list(geo_replication_problems(volume))
    assert all((each.volume, each.subject) == ("gv0", "far::backup") for each in found)
    return found


def short(found: Sequence[Problem]) -> list[tuple[str, int, str]]:
    prefix = "gv0: geo-replication to far::backup "
    assert all(each.text.startswith(prefix) for each in found)
    return [(each.code, each.severity, each.text[len(prefix) :]) for each in found]


def statuses(*words: Optional[str]) -> list[GeoReplicationWorker]:
    return [worker(host, word) for host, word in zip(HOSTS, words)]


def test_a_volume_without_a_session() -> None:
    assert list(geo_replication_problems(Volume("gv0", "u", "replicate", "started", "tcp", (), ()))) == []


@pytest.mark.parametrize(
    "words", [("active", "passive"), ("passive", "active"), ("active", "passive", "passive", "active")]
)
def test_a_passive_worker_is_no_problem(words: tuple[str, ...]) -> None:
    assert problems(*statuses(*words), sets=len(words) // 2) == []


def test_a_session_of_which_nothing_is_known_has_a_problem_of_its_own_elsewhere() -> None:
    assert problems(failure="no answer") == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("stopped", "stopped"), "is stopped"),
        (("paused", "paused"), "is paused"),
        (("created", "created"), "is not started"),
        (("stopped", "created"), "is stopped"),
        (("stopped", "paused", "created"), "is paused"),
    ],
)
def test_a_session_that_rests_is_a_warning(words: tuple[str, ...], text: str) -> None:
    found = problems(*statuses(*words), sets=2)
    assert short(found) == [("GEO_REPLICATION_STOPPED", OK, text)]
    assert found[0].kind == f"geo-replication {text}"


@pytest.mark.parametrize(
    ("words", "severity", "text"),
    [
        (("faulty", "passive"), CRITICAL, "is faulty: not replicated: n1:/b"),
        (("faulty", "faulty"), CRITICAL, "is faulty: not replicated: n1:/b, n2:/b"),
        (("stopped", "passive"), CRITICAL, "is faulty: not replicated: n1:/b"),
        (("faulty", "initializing"), CRITICAL, "is faulty: not replicated: n1:/b"),
        (("faulty", None), CRITICAL, "is faulty: not replicated: n1:/b"),
        (("initializing", "passive"), HEALING, "begins: no worker is active of n1:/b, n2:/b"),
        (("passive", "passive"), HEALING, "begins: no worker is active of n1:/b, n2:/b"),
        (("active", "faulty"), OK, "has workers that are faulty: n2:/b; another copy is replicated"),
    ],
)
def test_a_worker_that_fails(words: tuple[Optional[str], ...], severity: int, text: str) -> None:
    assert short(problems(*statuses(*words))) == [("GEO_REPLICATION_FAULTY", severity, text)]


def test_each_subvolume_needs_an_active_worker() -> None:
    found = problems(*statuses("active", "passive", "faulty", "passive"), sets=2)
    assert short(found) == [("GEO_REPLICATION_FAULTY", CRITICAL, "is faulty: not replicated: n3:/b")]


@pytest.mark.parametrize("words", [("passive",), ("passive", None)])
def test_a_worker_that_no_node_reports_may_be_active(words: tuple[Optional[str], ...]) -> None:
    text = "is not known to replicate n1:/b, n2:/b: no node reports it active"
    assert short(problems(*statuses(*words))) == [("NOT_KNOWN", UNKNOWN, text)]


def test_an_active_worker_is_enough_where_a_node_does_not_report() -> None:
    assert problems(*statuses("active")) == []


@pytest.mark.parametrize(("failures", "entries"), [(1, "1 entry"), (7, "7 entries")])
def test_failures_are_a_warning(failures: int, entries: str) -> None:
    found = problems(worker("n1", "active", failures=failures), worker("n2", "passive"))
    text = f"has failures: {entries} could not be replicated"
    assert short(found) == [("GEO_REPLICATION_FAILURES", OK, text)]


@pytest.mark.parametrize(
    ("ago", "pending", "behind"),
    [
        (3601, 1, True),
        (3600, 1, False),
        (36000, 0, False),
        (36000, None, False),
    ],
)
def test_changes_that_wait_for_long_are_a_warning(ago: float, pending: Optional[int], behind: bool) -> None:
    late = GeoReplicationWorker(
        "n1", "/b", "active", last_synced_at=round(NOW - ago), entry=0, data=pending, meta=0
    )
    found = problems(late, worker("n2", "passive"))
    text = "is behind: changes wait, and the last ones were replicated 1 h ago"
    assert short(found) == ([("GEO_REPLICATION_BEHIND", OK, text)] if behind else [])


def test_changes_that_wait_are_no_problem_while_it_is_not_known_since_when() -> None:
    assert problems(GeoReplicationWorker("n1", "/b", "active", entry=9, data=9, meta=9)) == []


@pytest.mark.parametrize(
    ("ago", "completed_at", "behind"),
    [(3601, None, True), (3600, None, False), (3601, NOW - 5, False)],
)
def test_a_checkpoint_that_is_not_completed_is_a_warning(
    ago: float, completed_at: Optional[int], behind: bool
) -> None:
    """Gluster may report that nothing waits, and replicate nothing."""
    idle = GeoReplicationWorker(
        "n1",
        "/b",
        "active",
        last_synced_at=NOW - 20,
        entry=0,
        data=0,
        meta=0,
        checkpoint_at=round(NOW - ago),
        checkpoint_completed_at=completed_at,
    )
    text = "is behind: its checkpoint of 1 h ago is not completed"
    assert short(problems(idle)) == ([("GEO_REPLICATION_BEHIND", OK, text)] if behind else [])
