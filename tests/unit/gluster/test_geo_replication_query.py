"""When geo-replication is queried, by a `gluster` that gives a recorded answer."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

import pytest

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.geo_replication import GeoReplication, GeoReplicationWorker
from ganeti_gluster_mon.gluster.geo_replication_query import GeoReplicationQuery, sessions_of

RECORDED = Path(__file__).parents[1] / "answers/geo-replication-active.xml"
VOLUME = parse.VolumeInfo("gv0", "u", "started", "replicate", "tcp", (), 2, 0, 0, 0)
SECONDARY = "node3.lab.test::backup"
UUID = "a760b55a-7b12-4cf4-b005-26fd4a6a2afb"


@dataclass
class Site:
    """A `gluster` that writes down its arguments and PYTHON, and a directory of volumes with one session."""

    directory: Path

    @property
    def gluster(self) -> str:
        return str(self.directory / "gluster")

    def answer(self, script: str) -> None:
        file = self.directory / "gluster"
        file.write_text(f'#!/bin/sh\necho "$* ${{PYTHON-unset}}" >> {self.directory}/log\n{script}\n')
        file.chmod(0o755)

    def queries(self) -> list[str]:
        log = self.directory / "log"
        return log.read_text().splitlines() if log.exists() else []

    def found(
        self,
        previous: Optional[Capture] = None,
        volume: parse.VolumeInfo = VOLUME,
        may_run: bool = True,
        timeout: float = 20.0,
    ) -> tuple[GeoReplication, ...]:
        query = GeoReplicationQuery(self.gluster, [volume], previous, may_run, str(self.directory))
        try:
            return query.result(time.monotonic() + timeout)
        finally:
            query.end()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "gv0").mkdir()
    (tmp_path / "gv0/info").write_text(
        f"type=2\nsecondary1={UUID}:ssh://{SECONDARY}:{UUID}\nbrick-0=node1:-b\n"
    )
    made = Site(tmp_path)
    made.answer(f"exec cat {RECORDED}")
    return made


def kept(seconds_ago: float, status: str = "active", failure: Optional[str] = None) -> Capture:
    at = time.time_ns() - round(seconds_ago * 1e9)
    workers = (GeoReplicationWorker("node9", "/b", status),)
    return Capture(
        recorded_at=1, answers=(), geo_replications=(GeoReplication("gv0", SECONDARY, at, workers, failure),)
    )


def hosts(sessions: tuple[GeoReplication, ...]) -> list[str]:
    return [worker.host for session in sessions for worker in session.workers]


def test_a_volume_with_a_session_is_queried_without_its_name_and_with_gsyncd(site: Site) -> None:
    (session,) = site.found()
    assert (session.volume, session.secondary, session.failure) == ("gv0", SECONDARY, None)
    assert [worker.status for worker in session.workers] == ["active", "passive"]
    assert site.queries() == ["--mode=script --xml volume geo-replication status detail unset"]


def test_a_volume_without_a_session_and_one_that_is_not_started_are_not(site: Site) -> None:
    assert site.found(volume=replace(VOLUME, state="stopped")) == ()
    (site.directory / "gv0/info").write_text("geo-replication.indexing=on\n")
    assert site.found() == () and site.queries() == []


@pytest.mark.parametrize(
    ("age", "status", "queried"),
    [
        (290, "active", False),
        (310, "active", True),
        (50, "faulty", False),
        (70, "faulty", True),
        (70, "initializing", True),
        (290, "stopped", False),
        (-100, "active", True),
    ],
)
def test_a_new_status_is_kept_and_an_old_one_queried_again(
    site: Site, age: float, status: str, queried: bool
) -> None:
    found = site.found(kept(age, status))
    assert hosts(found) == (["node1.lab.test", "node2.lab.test"] if queried else ["node9"])
    assert len(site.queries()) == int(queried)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("exec sleep 60", "no answer to `volume geo-replication status detail` in time"),
        ("exec true", "no answer to `volume geo-replication status detail` in time"),
        (
            "echo geo-replication command failed",
            "`volume geo-replication status detail`: the answer is not XML",
        ),
        (f"sed s/::backup/::other/ {RECORDED}", "`volume geo-replication status detail` leaves it out"),
    ],
)
def test_a_status_that_cannot_be_had_again_stays_for_a_while_and_then_is_not_known(
    site: Site, script: str, why: str
) -> None:
    site.answer(script)
    timeout = 0.3 if "sleep" in script else 20.0
    assert hosts(site.found(kept(800), timeout=timeout)) == ["node9"]
    for previous in (kept(1000), None):
        (session,) = site.found(previous, timeout=timeout)
        assert session.workers == () and (session.failure or "").startswith(why)


def test_a_fault_of_the_answer_is_the_reason_why_not_all_is_known(site: Site) -> None:
    site.answer(f"sed s/Passive/Sleeping/ {RECORDED}")
    (session,) = site.found()
    assert [worker.status for worker in session.workers] == ["active", None]
    assert session.failure == "status of the worker of node2.lab.test:/export/b1/gv0 is 'Sleeping'"


def test_while_a_peer_does_not_answer_it_is_not_queried(site: Site) -> None:
    assert hosts(site.found(kept(800), may_run=False)) == ["node9"]
    (session,) = site.found(kept(1000), may_run=False)
    assert session.failure == "not queried, since it would hang: a peer does not answer"
    assert site.queries() == []


def test_what_was_not_known_is_queried_again_at_once(site: Site) -> None:
    unknown = Capture(
        recorded_at=1,
        answers=(),
        geo_replications=(GeoReplication("gv0", SECONDARY, time.time_ns(), failure="no answer"),),
    )
    assert hosts(site.found(unknown)) == ["node1.lab.test", "node2.lab.test"]


def test_a_query_that_another_thread_kills_is_not_waited_for(site: Site) -> None:
    site.answer("exec sleep 60")
    query = GeoReplicationQuery(site.gluster, [VOLUME], None, True, str(site.directory))
    killing = threading.Timer(0.2, query.kill)
    killing.start()
    began = time.monotonic()
    (session,) = query.result(began + 20)
    assert session.failure is not None and "no answer" in session.failure
    assert time.monotonic() - began < 9
    killing.join()
    query.kill()
    query.end()


def test_a_gluster_that_is_not_there(site: Site) -> None:
    Path(site.gluster).unlink()
    (session,) = site.found()
    assert session.failure is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"secondary1={UUID}:ssh://node3::backup:{UUID}", ("node3::backup",)),
        (f"slave1={UUID}:ssh://geo@node3::backup:{UUID}", ("geo@node3::backup",)),
        (
            f"slave1={UUID}:ssh://node3::backup\nslave2={UUID}:ssh://node4::b:{UUID}",
            ("node3::backup", "node4::b"),
        ),
        ("secondary1=\nbrick-0=node1:-secondary1=x:ssh://a::b", ()),
        ("", ()),
    ],
)
def test_sessions_by_what_glusterd_has_stored(tmp_path: Path, text: str, expected: tuple[str, ...]) -> None:
    (tmp_path / "gv0").mkdir()
    (tmp_path / "gv0/info").write_text(f"type=2\n{text}\n")
    assert sessions_of("gv0", str(tmp_path)) == expected


def test_no_file_is_no_session(tmp_path: Path) -> None:
    assert sessions_of("gv0", str(tmp_path)) == ()
