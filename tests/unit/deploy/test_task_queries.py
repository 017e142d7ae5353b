"""A rebalance that glusterd calls in progress, and whose processes have ended."""

from __future__ import annotations

from typing import Dict, cast

import pytest

from ganeti_gluster_mon.deploy.change_lock import LockHost
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.task_queries import PreviousRebalance, previous_rebalance
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.answers import TASK, xml
from tests.unit.deploy.fake_nodes import FAILED, cluster, ok
from tests.unit.deploy.test_balance import Answers

NODE1, NODE2 = "node1.example.org", "node2.example.org"
NONE, OTHER = ok('[[7, "S", "brick /b"], [8, "S", "daemon rebalance/gv01"]]'), ok("[]")
RUNS = ok('[[7, "S", "brick /b"], [8, "S", "daemon rebalance/gv0"]]')


def status(words: Dict[str, str], task: str = f"<task-id>{TASK}</task-id>") -> CommandResult:
    codes = {"in progress": 1, "completed": 3, "fix-layout in progress": 5}
    figures = "<files>0</files><size>0</size><lookups>9</lookups><failures>0</failures><skipped>0</skipped>"
    nodes = "".join(
        f"<node><nodeName>{host}</nodeName>{figures}<status>{codes[word]}</status><statusStr>{word}</statusStr></node>"
        for host, word in words.items()
    )
    total = next((word for word in words.values() if "in progress" in word), "completed")
    return ok(
        xml(
            f"<volRebalance>{task}<op>3</op><nodeCount>{len(words)}</nodeCount>{nodes}<aggregate>{figures}"
            f"<status>{codes[total]}</status><statusStr>{total}</statusStr></aggregate></volRebalance>"
        ).decode()
    )


BOTH = status({NODE2: "in progress", "localhost": "in progress"})
ONE = status({NODE2: "completed", "localhost": "in progress"})


@pytest.mark.parametrize(
    ("reply", "on", "died"),
    [
        (BOTH, {NODE1: NONE, NODE2: OTHER}, True),
        (BOTH, {NODE1: NONE, NODE2: RUNS}, False),
        (BOTH, {NODE1: RUNS, NODE2: NONE}, False),
        (ONE, {NODE1: NONE, NODE2: FAILED}, True),
        (ONE, {NODE1: RUNS, NODE2: NONE}, False),
        # what is not known is not dead
        (BOTH, {NODE1: NONE, NODE2: FAILED}, False),
        (BOTH, {NODE1: ok("nonsense"), NODE2: NONE}, False),
        (status({"10.9.9.9": "in progress"}), {NODE1: NONE, NODE2: NONE}, False),
        (status({"localhost": "in progress"}, ""), {NODE1: NONE}, False),
        (status({"localhost": "fix-layout in progress"}), {NODE1: NONE}, True),
        (status({"localhost": "completed"}), {NODE1: NONE}, False),
        (FAILED, {NODE1: NONE, NODE2: NONE}, False),
    ],
)
def test_a_rebalance_has_died_where_no_node_has_its_process(
    reply: CommandResult, on: Dict[str, CommandResult], died: bool
) -> None:
    host = Answers({"status": reply, **{f"{node}:gv0": found for node, found in on.items()}})
    context = Context(cluster(3), cast(LockHost, host), NODE1)
    found = previous_rebalance(context, NODE1, "gv0")
    assert found.died is died
    if died:
        assert found.id == TASK


def test_a_rebalance_that_runs_is_not_the_one_before() -> None:
    def before(reply: CommandResult, process: CommandResult) -> PreviousRebalance:
        host = Answers({"status": reply, f"{NODE1}:gv0": process})
        return previous_rebalance(Context(cluster(3), cast(LockHost, host), NODE1), NODE1, "gv0")

    assert before(status({"localhost": "in progress"}), RUNS) == (None, False)
    assert before(status({"localhost": "completed"}), NONE) == (TASK, False)
    assert before(FAILED, NONE) == (None, False)
