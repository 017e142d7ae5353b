"""Rebalance, fix-layout and remove-brick, and the next command."""

from __future__ import annotations

from typing import Any, Optional

import pytest

from ganeti_gluster_mon.gluster.model import Volume
from ganeti_gluster_mon.gluster.rebalance import Rebalance, RebalanceNode
from ganeti_gluster_mon.health import CRITICAL, HEALING
from ganeti_gluster_mon.health.tasks import stalled_problems, task_problems


def found(kind: str = "rebalance", status: str = "completed", **changes: Any) -> list[tuple[str, int, str]]:
    volume = Volume(
        "gv0", "u", "distribute", "started", "tcp", (), (), rebalance=Rebalance(kind, status, **changes)
    )
    return [(one.code, one.severity, one.text) for one in task_problems(volume)]


def test_a_task_that_is_done_is_no_problem() -> None:
    assert found() == found(failures=0) == found(status="stopped") == []
    assert list(task_problems(Volume("gv0", "u", "distribute", "started", "tcp", (), ()))) == []


@pytest.mark.parametrize(
    ("status", "what"), [("in progress", "rebalance"), ("fix-layout in progress", "fix-layout")]
)
@pytest.mark.parametrize("failures", [None, 0, 3])
def test_failures_are_counted_when_the_task_has_ended(
    status: str, what: str, failures: Optional[int]
) -> None:
    running = found(status=status, failures=failures)
    assert running == [("REBALANCE_RUNNING", HEALING, f"gv0: {what} in progress")]


def test_a_task_that_failed_names_the_host_and_the_next_command() -> None:
    again = "start it again: gnt-gluster rebalance gv0"
    assert found(status="failed") == [("REBALANCE_FAILED", CRITICAL, f"gv0: rebalance failed; {again}")]
    nodes = (RebalanceNode("node1", "completed"), RebalanceNode("node2", "failed", 2))
    text = f"gv0: rebalance failed on node2, 2 failures; {again}"
    assert found(nodes=nodes, failures=2) == [("REBALANCE_FAILED", CRITICAL, text)]
    assert found(status="fix-layout failed")[0][2] == (
        "gv0: fix-layout failed; start it again: gluster volume rebalance gv0 fix-layout start"
    )


def test_files_that_were_not_moved() -> None:
    nodes = (RebalanceNode("node1", "completed", 0), RebalanceNode("node2", "completed", 1))
    assert found(nodes=nodes, failures=1) == [
        (
            "REBALANCE_FAILURES",
            CRITICAL,
            "gv0: rebalance completed with failures: 1 files were not moved (node2: 1); start it again: "
            "gnt-gluster rebalance gv0",
        )
    ]
    assert "were not moved; start" in found(failures=1)[0][2]


@pytest.mark.parametrize(
    ("bricks", "named"), [((), "BRICK…"), (("node1:/b", "node2:/b"), "node1:/b node2:/b")]
)
def test_a_remove_brick_waits_for_its_commit(bricks: tuple[str, ...], named: str) -> None:
    (problem,) = found("remove-brick", bricks=bricks)
    assert problem[:2] == ("REMOVE_BRICK_UNCOMMITTED", CRITICAL)
    assert f"`gluster volume remove-brick gv0 {named} status` shows no failures" in problem[2]
    (failed,) = found("remove-brick", "failed", bricks=bricks)
    assert failed[2].endswith(
        f"start it again: gluster volume remove-brick gv0 {named} stop && "
        f"gluster --mode=script volume remove-brick gv0 {named} start"
    )


def test_the_subject_and_kind_of_a_remove_brick() -> None:
    def problem(failures: Optional[int]) -> Any:
        task = Rebalance("remove-brick", "completed", bricks=("node1:/b",), failures=failures)
        return list(task_problems(Volume("gv0", "u", "", "started", "tcp", (), (), rebalance=task)))[-1]

    assert problem(None).subject == "node1:/b"
    assert problem(0).kind == "remove-brick has moved the data and is not committed"
    assert problem(1).kind == "remove-brick has moved the data, with failures"
    (running,) = task_problems(
        Volume("gv0", "u", "", "started", "tcp", (), (), rebalance=Rebalance("rebalance", "in progress"))
    )
    assert running.subject == ""


@pytest.mark.parametrize(
    ("status", "what", "again"),
    [
        ("in progress", "rebalance", "gnt-gluster rebalance gv0"),
        ("fix-layout in progress", "fix-layout", "gluster volume rebalance gv0 fix-layout start"),
    ],
)
def test_a_task_whose_run_time_does_not_grow_failed(status: str, what: str, again: str) -> None:
    def problems(stalled_since: Optional[float]) -> Any:
        task = Rebalance("rebalance", status, "id", stalled_since=stalled_since)
        return list(stalled_problems(Volume("gv0", "u", "", "started", "tcp", (), (), rebalance=task)))

    assert problems(None) == []
    (problem,) = problems(0.0)
    assert (problem.code, problem.severity, problem.volume, problem.subject) == (
        "REBALANCE_FAILED",
        CRITICAL,
        "gv0",
        "",
    )
    assert problem.text.startswith(f"gv0: {what} failed: its process has ended")
    assert problem.text.endswith(f"start it again: {again}")
    assert (problem.kind, problem.since) == (f"{what} failed", 0.0)
    assert list(stalled_problems(Volume("gv0", "u", "", "started", "tcp", (), ()))) == []
