"""Where a command has the pool from: the daemon where its snapshot is fresh, else Gluster."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Iterator, List

import pytest

from ganeti_gluster_mon import cli, cli_options, snapshot
from ganeti_gluster_mon.daemon.spool import CycleRecord, Spool, SpooledCapture, boottime
from ganeti_gluster_mon.gluster import capture, capture_archive, cycle, session
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.health import Limits
from tests.unit.gluster.test_merge import NODE1, NODE2, RECORDED, own, read

LIMITS = Limits()
SECOND = 10**9


class Daemon:
    """What a daemon leaves in its directory."""

    def __init__(self, directory: Path) -> None:
        self.path = str(directory)
        self.spool = Spool(self.path)
        self.spool.prepare()
        self.running = ExitStack()
        self.running.enter_context(self.spool.poller_running())

    def publish(self, name: str, age: float = 0.0, **more: object) -> None:
        self.hand(read(name), age, **more)

    def hand(self, taken: Capture, age: float = 0.0, **more: object) -> None:
        moment = boottime() - round(age * SECOND)
        self.spool.publish(SpooledCapture(taken, replace(CycleRecord(moment, 0.25), **more)))  # type: ignore[arg-type]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    running = Daemon(tmp_path / "run")
    with running.running:
        yield running


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> List[cycle.Settings]:
    """The queries of Gluster from now on; each finds a killed brick."""
    made: List[cycle.Settings] = []

    def query(settings: cycle.Settings, _previous: object = None) -> Capture:
        made.append(settings)
        return capture.read(str(RECORDED / "brick-killed"))

    monkeypatch.setattr(cycle, "query_gluster", query)
    return made


def test_a_fresh_snapshot_of_the_daemon_is_used(daemon: Daemon, queries: List[object]) -> None:
    daemon.publish("healthy", age=20)
    result = snapshot.from_daemon(daemon.path, LIMITS)
    assert result is not None
    assert (result.health.code, result.source, result.seconds) == (0, "the daemon, 20 s ago", 0.25)
    for words in (["check"], ["collect", "gluster"], ["metrics"]):
        assert cli.main([*words, "--run-dir", daemon.path]) == 0
    assert queries == []


def test_query_queries_all_the_same(
    daemon: Daemon, queries: List[object], capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.publish("healthy")
    assert cli.main(["check", "--query", "--run-dir", daemon.path]) == 2
    assert "offline" in capsys.readouterr().out
    assert len(queries) == 1


def test_the_limits_are_those_of_the_command(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.publish("healthy")
    assert cli.main(["check", "--critical-free", "99.9%", "--run-dir", daemon.path]) == 2
    assert "free" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("interval", "age", "used"), [(30.0, 80, True), (30.0, 100, False), (5.0, 16, False)]
)
def test_how_old_it_may_be_depends_on_the_daemons_interval(
    daemon: Daemon, queries: List[object], interval: float, age: float, used: bool
) -> None:
    daemon.publish("healthy", age=age, interval=interval)
    assert (cli.main(["check", "--run-dir", daemon.path]) == 0) is used
    assert len(queries) == (0 if used else 1)


def test_a_long_interval_makes_nothing_stale(daemon: Daemon, queries: List[object]) -> None:
    daemon.publish("healthy", age=500, interval=300.0)
    assert cli.main(["check", "--run-dir", daemon.path]) == 0
    assert queries == []


def test_what_a_dead_daemon_left_is_not_used(daemon: Daemon, queries: List[object]) -> None:
    daemon.publish("healthy")
    daemon.running.close()
    assert cli.main(["check", "--run-dir", daemon.path]) == 2
    assert len(queries) == 1


def test_a_follower_has_the_leaders_pool(daemon: Daemon) -> None:
    daemon.hand(own(), leads=False)
    assert snapshot.from_daemon(daemon.path, LIMITS) is None, "the leader has sent nothing yet"
    daemon.spool.write_leader_capture(
        capture_archive.pack(read("brick-killed")), boottime() - 5 * SECOND, NODE2
    )
    result = snapshot.from_daemon(daemon.path, LIMITS)
    assert result is not None
    assert result.health.code == 4
    assert [peer.hostname for peer in result.pool.peers or () if peer.local] == ["node2.lab.test"]
    assert NODE1 != NODE2


def test_a_daemon_of_a_later_version_may_write_more(daemon: Daemon) -> None:
    daemon.publish("healthy")
    path = Path(daemon.path) / "current" / "cycle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "later": 1}))
    assert snapshot.from_daemon(daemon.path, LIMITS) is not None


def test_where_gluster_cannot_be_queried_nothing_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def query(_settings: object) -> Capture:
        raise session.GlusterdDown("glusterd does not run")

    monkeypatch.setattr(cycle, "query_gluster", query)
    assert cli.main(["metrics", "--run-dir", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert "glusterd does not run" in printed.err
    assert 'gluster_collect_failures_total{reason="glusterd-down"} 1.0' in printed.out


@pytest.mark.parametrize("error", [session.GlusterdDown, session.GlusterdHangs])
def test_where_glusterd_does_not_answer_the_processes_of_this_node_are_known(
    error: type[session.GlusterUnavailable], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def query(_settings: object) -> Capture:
        raise error("glusterd does not answer")

    monkeypatch.setattr(cycle, "query_gluster", query)
    found = snapshot.from_gluster(cycle.Settings(processes=True), LIMITS, str(tmp_path))
    assert found.pool.processes is not None
    assert [problem.code for problem in found.health.problems] == ["NOT_KNOWN"]
    assert found.error == "glusterd does not answer"


def test_the_deadline_of_a_check_bounds_the_query(
    queries: List[cycle.Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli_options.running_seconds() > 0.01
    monkeypatch.setattr(cli_options, "running_seconds", lambda: 0.2)
    cli.main(["check", "--run-dir", str(tmp_path)])
    cli.main(["check", "--run-dir", str(tmp_path), "--deadline", "4"])
    cli.main(["collect", "gluster", "--run-dir", str(tmp_path)])
    deadlines = [settings.deadline for settings in queries]
    assert deadlines[0] is not None and 6 < deadlines[0] < 8
    assert deadlines[1] is not None and 2 < deadlines[1] < 4
    assert deadlines[2] is None
