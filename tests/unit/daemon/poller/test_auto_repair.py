"""Automatic repairs: their limits, and what is recorded, logged and reported of them."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, FrozenSet, List, Tuple, cast

import pytest

from ganeti_gluster_mon.daemon.poller import auto_repair
from ganeti_gluster_mon.daemon.poller.auto_repair import AutoRepair, RepairSettings
from ganeti_gluster_mon.deploy.change_lock import ChangeLock, LockHost, Owner
from ganeti_gluster_mon.ganeti.ssconf import Cluster, NoCluster
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.health import Limits
from ganeti_gluster_mon.repair_tries import (
    ACTIONS,
    FAILED,
    FILE,
    INTERRUPTED,
    START_BRICK,
    SUCCEEDED,
    decode,
)
from tests.unit.daemon.poller.repair_nodes import FORCED, RepairNodes
from tests.unit.daemon.poller.test_repair_decision import pool_of
from tests.unit.deploy.fake_nodes import FAILED as FAILED_COMMAND
from tests.unit.deploy.fake_nodes import cluster, ok

CAPTURE = Capture(recorded_at=1, answers=(), node="node1")
LOGGER = "ganeti_gluster_mon"


@dataclass
class Bench:
    """The automatic repairs of node1, in a directory of the test."""

    directory: Path
    nodes: RepairNodes
    pool: Pool
    tags: Tuple[str, ...] = ()
    enabled: FrozenSet[str] = frozenset(ACTIONS)
    no_cluster: bool = False
    #: how often the watchdog was notified
    alive: List[float] = field(default_factory=list)

    def repairs(self) -> AutoRepair:
        """As of a daemon that starts."""
        settings = RepairSettings(
            self.enabled,
            str(self.directory),
            Limits(),
            self._cluster,
            lambda _: cast(LockHost, self.nodes),
        )
        return AutoRepair(settings, lambda: self.alive.append(time.monotonic()))

    def _cluster(self) -> Cluster:
        if self.no_cluster:
            raise NoCluster("this is no node of a Ganeti cluster")
        return cluster(3, tags=self.tags)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path, RepairNodes(tmp_path), pool_of())
    monkeypatch.setattr("socket.gethostname", lambda: "node1")
    monkeypatch.setattr(auto_repair, "build_pool", lambda _: replace(made.pool, taken_at=time.time_ns()))
    return made


def cycles(repairs: AutoRepair, count: int = 2) -> bool:
    """So many cycles; returns what the last one did."""
    return [repairs.after_cycle(CAPTURE) for _ in range(count)][-1]


def reasons(caplog: pytest.LogCaptureFixture, event: str = "no automatic repair") -> List[str]:
    """The reasons in the log."""
    return [cast(Any, one).fields["why"] for one in caplog.records if one.getMessage() == event]


def test_a_brick_whose_process_died_is_started_in_the_second_cycle(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    repairs = bench.repairs()
    with caplog.at_level(logging.INFO, LOGGER):
        assert not cycles(repairs, 1)
        assert bench.nodes.changes == []
        assert cycles(repairs, 1)
    assert bench.nodes.changes == [("node1.example.org", FORCED)]
    (line,) = [one for one in caplog.records if one.getMessage() == "automatic repair"]
    assert cast(Any, line).fields == {
        "volume": "gv0",
        "action": START_BRICK,
        "why": "brick node2:/export/b1/gv0 is offline",
        "result": SUCCEEDED,
    }
    report = repairs.report()
    assert report.counts == {("gv0", START_BRICK, SUCCEEDED): 1}
    assert [(one.volume, one.result) for one in report.last] == [("gv0", SUCCEEDED)]
    assert decode((bench.directory / FILE).read_bytes()).tries == report.last
    assert bench.alive


def test_a_cycle_that_failed_begins_the_count_anew(bench: Bench) -> None:
    repairs = bench.repairs()
    cycles(repairs, 1)
    repairs.forget()
    assert not cycles(repairs, 1)
    assert bench.nodes.changes == []


@pytest.mark.parametrize(
    "tag", ["gluster:maintenance:node3.example.org:1:2:kept", "gluster:maintenance:damaged"]
)
def test_nothing_is_done_while_a_node_is_in_maintenance(
    bench: Bench, tag: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench.tags = ("other", tag)
    # no cycle comes earlier because of that
    assert not cycles(bench.repairs())
    assert bench.nodes.changes == []
    assert reasons(caplog) == ["a node is in maintenance: gnt-gluster maintenance status"]


def test_a_maintenance_that_began_before_the_lock_was_taken_is_noticed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = bench.nodes.start

    def begins(node: str, argv: Any) -> Any:
        bench.tags = ("gluster:maintenance:node3.example.org:1:2:kept",)
        return start(node, argv)

    monkeypatch.setattr(bench.nodes, "start", begins)
    cycles(bench.repairs())
    assert bench.nodes.changes == []


def test_nothing_is_done_outside_of_a_cluster(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.no_cluster = True
    cycles(bench.repairs())
    assert bench.nodes.changes == []
    assert reasons(caplog) == ["this is no node of a Ganeti cluster"]


def test_nothing_is_done_on_a_host_that_is_no_node(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "node9")
    cycles(bench.repairs())
    assert bench.nodes.changes == []


def test_nothing_is_done_while_an_administrator_changes_the_pool(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    owner = Owner("alice", "node3", 1, "gnt-gluster deploy", "2026-11-26 03:40:12 +0000")
    with ChangeLock(cast(LockHost, bench.nodes), ["node3.example.org"], owner):
        cycles(bench.repairs())
    assert bench.nodes.changes == []
    assert "gnt-gluster deploy is running: started by alice" in reasons(caplog)[0]
    cycles(bench.repairs())
    assert bench.nodes.changes == [("node1.example.org", FORCED)]


def test_a_brick_that_is_not_mounted_is_left_alone_and_no_try_is_counted(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.nodes.probe = {"volume_id": None}
    repairs = bench.repairs()
    assert not any(cycles(repairs, 1) for _ in range(6))
    assert bench.nodes.changes == []
    assert repairs.report().last == ()
    # logged once, and the nodes are not queried in each cycle
    assert reasons(caplog) == ["node2:/export/b1/gv0 has no volume id: its filesystem may not be mounted"]


def test_the_result_of_a_command_that_fails(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.nodes.result = replace(FAILED_COMMAND, stderr="volume start: gv0: failed: Commit failed\n")
    repairs = bench.repairs()
    cycles(repairs)
    assert repairs.report().counts == {("gv0", START_BRICK, FAILED): 1}
    fields = [cast(Any, one).fields for one in caplog.records if one.getMessage() == "automatic repair"]
    assert [one["reason"] for one in fields] == ["volume start: gv0: failed: Commit failed"]


def test_a_command_that_does_not_end_has_failed(bench: Bench) -> None:
    bench.nodes.hangs = True
    repairs = bench.repairs()
    cycles(repairs)
    assert repairs.report().counts == {("gv0", START_BRICK, FAILED): 1}


def test_three_tries_within_an_hour_also_over_restarts_of_the_daemon(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = [time.time()]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    monkeypatch.setattr(
        auto_repair, "build_pool", lambda _: replace(bench.pool, taken_at=round(clock[0] * 1e9))
    )
    for _ in range(5):
        cycles(bench.repairs())
        clock[0] += 61
    assert len(bench.nodes.changes) == 3
    assert "it was tried 3 times within an hour" in reasons(caplog)
    clock[0] += 3600
    cycles(bench.repairs())
    assert len(bench.nodes.changes) == 4


def test_a_damaged_file_of_tries_allows_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    (bench.directory / FILE).write_bytes(b"{")
    cycles(bench.repairs())
    assert bench.nodes.changes == []
    assert len(reasons(caplog, "no automatic repair for an hour")) == 1


def test_a_try_that_cannot_be_recorded_is_not_made(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    repairs = bench.repairs()
    (bench.directory / FILE).mkdir()
    cycles(repairs)
    assert bench.nodes.changes == []
    assert "cannot record the try" in reasons(caplog)[0]


def test_a_try_is_recorded_before_its_command(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that is killed while the command runs does not forget it."""
    recorded: List[str] = []

    def run(node: str, argv: Any, timeout: float = 60.0, text: Any = None) -> Any:
        recorded.extend(one.result for one in decode((bench.directory / FILE).read_bytes()).tries)
        return ok()

    monkeypatch.setattr(bench.nodes, "run", run)
    cycles(bench.repairs())
    assert recorded == [INTERRUPTED]
