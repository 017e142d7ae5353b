"""A rebalance that glusterd calls in progress, and whose processes have ended."""

from __future__ import annotations

from typing import Dict, Optional, cast

import pytest

from ganeti_gluster_mon.deploy.change_lock import LockHost
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.task_queries import dead_rebalance
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
    ("reply", "on", "expected"),
    [
        (BOTH, {NODE1: NONE, NODE2: OTHER}, TASK),
        (BOTH, {NODE1: NONE, NODE2: RUNS}, None),
        (BOTH, {NODE1: RUNS, NODE2: NONE}, None),
        (ONE, {NODE1: NONE, NODE2: FAILED}, TASK),
        (ONE, {NODE1: RUNS, NODE2: NONE}, None),
        # what is not known is not dead
        (BOTH, {NODE1: NONE, NODE2: FAILED}, None),
        (BOTH, {NODE1: ok("nonsense"), NODE2: NONE}, None),
        (status({"10.9.9.9": "in progress"}), {NODE1: NONE, NODE2: NONE}, None),
        (status({"localhost": "in progress"}, ""), {NODE1: NONE}, None),
        (status({"localhost": "fix-layout in progress"}), {NODE1: NONE}, TASK),
        (status({"localhost": "completed"}), {NODE1: NONE}, None),
        (FAILED, {NODE1: NONE, NODE2: NONE}, None),
    ],
)
def test_a_rebalance_is_dead_where_no_node_has_its_process(
    reply: CommandResult, on: Dict[str, CommandResult], expected: Optional[str]
) -> None:
    host = Answers({"status": reply, **{f"{node}:gv0": found for node, found in on.items()}})
    context = Context(cluster(3), cast(LockHost, host), NODE1)
    assert dead_rebalance(context, NODE1, "gv0") == expected
