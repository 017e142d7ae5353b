"""The steps of a rebalance: started once, waited for, and never taken for the one before."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.deploy import task_steps
from ganeti_gluster_mon.deploy.step import DONE, WAIT, PreconditionFailed, Remaining
from ganeti_gluster_mon.deploy.task_steps import Rebalanced, StartRebalance
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.answers import TASK, xml

OTHER = "11111111-2222-4333-8444-555555555555"
STATES = {
    "in progress": 1,
    "stopped": 2,
    "completed": 3,
    "failed": 4,
    "fix-layout in progress": 5,
    "fix-layout completed": 7,
}


def answer(
    state: str, task: str = TASK, files: int = 3, skipped: int = 0, failures: int = 0
) -> CommandResult:
    number = STATES[state]
    figures = (
        f"<files>{files}</files><size>5242880</size><lookups>10</lookups><failures>{failures}</failures>"
        f"<skipped>{skipped}</skipped><status>{number}</status><statusStr>{state}</statusStr>"
    )
    body = (
        f"<volRebalance><task-id>{task}</task-id><op>3</op><nodeCount>1</nodeCount>"
        f"<node><nodeName>localhost</nodeName>{figures}</node><aggregate>{figures}</aggregate></volRebalance>"
    )
    return CommandResult(0, xml(body).decode(), "")


NEVER = CommandResult(0, xml("").decode().replace("<opRet>0", "<opRet>-1"), "")
NOTHING = CommandResult(255, "", "ssh: Connection refused")


def start(reply: CommandResult, before: str | None = None, layout_only: bool = False) -> Remaining:
    return StartRebalance("node1", "gv0", layout_only, before).remaining((reply,))


@pytest.mark.parametrize("reply", [answer("in progress"), answer("completed"), answer("failed")])
def test_one_that_runs_or_is_another_than_before_is_started(reply: CommandResult) -> None:
    assert start(reply, before=OTHER) == DONE


@pytest.mark.parametrize("reply", [answer("completed"), answer("failed"), answer("stopped"), NEVER, NOTHING])
def test_the_one_before_is_none(reply: CommandResult) -> None:
    found = start(reply, before=TASK)
    assert isinstance(found, tuple)
    (command,) = found
    assert command.argv[-4:] == ("volume", "rebalance", "gv0", "start")


def test_one_that_runs_already_is_not_started_again_though_it_is_the_one_before() -> None:
    assert start(answer("in progress"), before=TASK) == DONE


@pytest.mark.parametrize("state", ["in progress", "fix-layout in progress"])
def test_one_in_progress_whose_processes_ended_is_started_again_once(state: str) -> None:
    step = StartRebalance("node1", "gv0", before=TASK, died=True)
    found = step.remaining((answer(state),))
    assert isinstance(found, tuple) and found[0].argv[-4:] == ("volume", "rebalance", "gv0", "start")
    assert step.remaining((answer("in progress", OTHER),)) == DONE
    assert step.remaining((answer("completed", OTHER),)) == DONE
    assert Rebalanced("node1", "gv0", TASK).remaining((answer(state),)) == WAIT


def test_a_layout_that_is_being_fixed_is_waited_for() -> None:
    fixing = answer("fix-layout in progress")
    assert start(fixing, before=TASK) == WAIT
    assert start(fixing, before=TASK, layout_only=True) == DONE


def test_the_layout_only() -> None:
    found = start(NEVER, layout_only=True)
    assert isinstance(found, tuple) and found[0].argv[-2:] == ("fix-layout", "start")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (answer("in progress"), WAIT),
        (answer("completed", OTHER), WAIT),
        (NOTHING, WAIT),
        (NEVER, WAIT),
        (answer("completed"), DONE),
        (answer("fix-layout completed"), DONE),
    ],
)
def test_the_end_of_a_rebalance(reply: CommandResult, expected: Remaining) -> None:
    assert Rebalanced("node1", "gv0", OTHER).remaining((reply,)) == expected


@pytest.mark.parametrize("state", ["failed", "stopped"])
def test_a_rebalance_that_did_not_complete_names_its_log(state: str) -> None:
    with pytest.raises(PreconditionFailed, match=f"is {state}: see /var/log/glusterfs/gv0-rebalance.log"):
        Rebalanced("node1", "gv0").remaining((answer(state),))


@pytest.mark.parametrize(
    ("reply", "all_moved"),
    [
        (answer("completed"), True),
        (answer("completed", skipped=1), False),
        (answer("completed", failures=1), False),
        (NOTHING, False),
        (NEVER, False),
        (CommandResult(0, answer("completed").stdout.replace("<skipped>0</skipped>", ""), ""), False),
    ],
)
def test_whether_all_files_were_moved(reply: CommandResult, all_moved: bool) -> None:
    assert task_steps.has_moved_all(reply) is all_moved


def test_how_far_it_is() -> None:
    assert task_steps.moved(answer("in progress")) == "10 files looked at, 3 moved, 5.0M"
    assert task_steps.moved(answer("in progress", failures=2)).endswith(", 2 failed")
    assert task_steps.moved(NOTHING) == "how far it is is not known yet"
