"""Bricks are stopped where the pool, queried once more, bears it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Dict, List, Optional

import pytest

from ganeti_gluster_mon.deploy.step import DONE, WAIT, PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster import capture, query
from ganeti_gluster_mon.maintenance.brick_stop import MayStopBricks, StopBricks
from tests.unit.deploy.fake_nodes import FAILED, ok

CAPTURES = Path(__file__).parents[2] / "captures"
NODE, COORDINATOR = "node3.lab.test", "node1.lab.test"
VOLUMES = ("arb-vm", "disp", "distrep", "gv0")
RUNNING = ok(json.dumps([[4711, "S", "/export/b1/gv0"], [4712, "S", "/export/b2/arb"]]))
STEP = MayStopBricks(NODE, COORDINATOR, (NODE,), VOLUMES)


def answers(
    state: str, processes: CommandResult = RUNNING, without: Optional[query.Query] = None
) -> List[CommandResult]:
    """The answers of a pool that was recorded."""
    recorded = capture.read(str(CAPTURES / state))
    known: Dict[query.Query, CommandResult] = {
        each.query: CommandResult(each.returncode or 0, each.output.decode(), "") for each in recorded.answers
    }
    missing = CommandResult(124, "", "gluster: no answer within 60 s")
    return [processes, *(missing if each == without else known[each] for each in STEP._queries())]


def test_a_healthy_pool_bears_it() -> None:
    assert STEP.remaining(answers("healthy/node1")) is DONE
    assert {each.node for each in STEP.queries()} == {NODE, COORDINATOR}


def test_a_pool_with_a_brick_offline_does_not() -> None:
    with pytest.raises(PreconditionFailed, match="gv0: replica set would lose its quorum"):
        STEP.remaining(answers("brick-down/node1"))


def test_entries_that_are_pending_are_waited_for_and_healed() -> None:
    """A guest that writes at this moment must not end a maintenance for which instances were migrated for an hour."""
    found = answers("healthy/node1")
    last = found[-1]
    found[-1] = ok(
        last.stdout.replace("HealPending>0<", "HealPending>3<").replace(
            "totalNumberOfEntries>0<", "totalNumberOfEntries>3<"
        )
    )
    assert found[-1] != last
    assert STEP.remaining(found) is WAIT
    assert STEP.progress(found).startswith("gv0: replica set is not healed: 3 entries are pending")
    assert [command.argv[-3:] for command in STEP.kick()] == [("volume", "heal", name) for name in VOLUMES]
    assert {command.node for command in STEP.kick()} == {COORDINATOR}
    # what healing does not end is refused all the same
    status = found[3]
    found[3] = CommandResult(124, "", "gluster: no answer within 60 s")
    with pytest.raises(PreconditionFailed, match="not known"):
        STEP.remaining(found)
    found[3] = status
    assert STEP.remaining([ok("[]"), *found[1:]]) is DONE


@pytest.mark.parametrize(
    "without", [query.VOLUME_INFO, query.POOL_LIST, query.VOLUME_STATUS, query.heal_summary("gv0")]
)
def test_what_is_not_known_counts_as_no(without: query.Query) -> None:
    with pytest.raises(PreconditionFailed, match="not known"):
        STEP.remaining(answers("healthy/node1", without=without))


def test_a_node_whose_bricks_are_stopped_already_is_passed_over() -> None:
    """After an interruption the pool need not bear another stop: others may have gone meanwhile."""
    assert STEP.remaining(answers("brick-down/node1", ok("[]"))) is DONE
    assert StopBricks(NODE).remaining([ok("[]")]) is DONE


def test_all_bricks_of_the_node_get_sigterm_and_no_other_signal() -> None:
    (command,) = StopBricks(NODE).remaining([RUNNING]) or ()
    assert (command.node, command.argv) == (NODE, ("kill", "-TERM", "4711", "4712"))
    assert "process 4711" in StopBricks(NODE).progress([RUNNING])


@pytest.mark.parametrize("reply", [FAILED, ok("nonsense"), ok("[[1]]")])
def test_processes_that_are_not_known_are_not_none(reply: CommandResult) -> None:
    for step in (STEP, StopBricks(NODE)):
        with pytest.raises(PreconditionFailed, match="not known which bricks run"):
            step.remaining([reply] + [ok()] * 7)
