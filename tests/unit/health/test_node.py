"""How this node's processes are judged."""

from __future__ import annotations

from typing import Optional

import pytest

from ganeti_gluster_mon.gluster.model import Pool, Process
from ganeti_gluster_mon.health import CRITICAL, OK, UNKNOWN, Health, evaluate_node


def process(name: str, pid: int, state: str = "sleeping", path: Optional[str] = None) -> Process:
    return Process(name, pid, 1.0, 0.0, 0, "gv0" if path else None, path, state)


GLUSTERD = process("glusterd", 23)
BRICK = process("brick", 89, path="/export/b1/gv0")


def judged(*processes: Process) -> Health:
    return evaluate_node(Pool(0, processes=processes))


def test_glusterd_and_bricks_run() -> None:
    health = judged(GLUSTERD, BRICK)
    assert (health.code, health.message, health.problems) == (OK, "glusterd is running, 1 brick process", ())
    assert judged(GLUSTERD).message == "glusterd is running, 0 brick processes"


def test_not_looked_at_is_not_known() -> None:
    health = evaluate_node(Pool(0))
    assert health.code == UNKNOWN
    assert "not looked at" in health.message


@pytest.mark.parametrize("processes", [(), (BRICK,), (process("glusterd", 23, "zombie"),)])
def test_no_glusterd(processes: tuple[Process, ...]) -> None:
    health = judged(*processes)
    assert (health.code, health.message) == (CRITICAL, "glusterd is not running")


def test_glusterd_stopped() -> None:
    health = judged(process("glusterd", 23, "stopped"))
    assert (health.code, health.message) == (CRITICAL, "glusterd (pid 23) is stopped")


def test_a_child_that_glusterd_has_not_reaped_is_no_matter() -> None:
    assert judged(GLUSTERD, process("glusterd", 24, "zombie")).code == OK


def test_bricks_that_do_not_run() -> None:
    health = judged(
        GLUSTERD, BRICK, process("brick", 90, "stopped", "/export/b2/gv0"), process("brick", 91, "zombie")
    )
    assert health.code == CRITICAL
    assert [problem.text for problem in health.problems] == [
        "a brick process (pid 91) is a zombie",
        "brick /export/b2/gv0 of gv0 (pid 90) is stopped",
    ]
    assert health.message == "; ".join(problem.text for problem in health.problems)
    assert [problem.volume for problem in health.problems] == ["", "gv0"]


def test_only_bricks_and_glusterd_count() -> None:
    assert judged(GLUSTERD, process("mount", 95, "stopped")).code == OK


def test_one_glusterd_that_runs_is_enough() -> None:
    assert judged(GLUSTERD, process("glusterd", 24, "stopped")).code == OK
    assert judged(GLUSTERD, BRICK, process("brick", 90, path="/b")).message.endswith(", 2 brick processes")


def test_the_code_and_subject_of_a_brick_that_does_not_run() -> None:
    stopped = judged(GLUSTERD, process("brick", 90, "stopped", "/b")).problems[0]
    assert (stopped.code, stopped.volume, stopped.subject) == ("BRICK_HANGS", "gv0", "/b")
    zombie = judged(GLUSTERD, process("brick", 90, "zombie")).problems[0]
    assert (zombie.code, zombie.volume, zombie.subject) == ("BRICK_OFFLINE", "", "")
