"""Stopped processes go on by SIGCONT, and are never ended."""

from __future__ import annotations

from typing import ClassVar, Dict, Sequence, Tuple

import pytest

from ganeti_gluster_mon.deploy.step import DONE, PreconditionFailed
from ganeti_gluster_mon.deploy.stopped_steps import ContinueProcesses, continue_steps
from ganeti_gluster_mon.ganeti.ssh import CommandResult, NodeUnavailable
from tests.unit.deploy.fake_nodes import FAILED, ok

STOPPED = ok(
    '[[7, "T", "brick /b"], [8, "S", "brick /c"], [9, "T", "mount /mnt/gv0"], [10, "t", "brick /d"]]'
)


class Nodes:
    """node1 has stopped processes, node2 has none, node3 answers nonsense, node4 is off."""

    ANSWERS: ClassVar[Dict[str, CommandResult]] = {
        "node1": STOPPED,
        "node2": ok('[[7, "S", "brick /b"]]'),
        "node3": ok("x"),
    }

    def query(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = 20.0
    ) -> Tuple[CommandResult, ...]:
        if node not in self.ANSWERS:
            raise NodeUnavailable(f"{node}: no route to host")
        assert [argv[-2:] for argv in queries] == [("gv0", "gv1")]
        return (self.ANSWERS[node],)

    def run(
        self, node: str, argv: Sequence[str], timeout: float = 60.0, text: object = None
    ) -> CommandResult:
        raise AssertionError("nothing is run while a plan is made")


def test_a_node_with_stopped_processes_has_a_step() -> None:
    steps = continue_steps(Nodes(), ["node1", "node2", "node3", "node4"], ["gv0", "gv1"])
    assert [(step.node, step.description) for step in steps] == [
        ("node1", "what a signal has stopped goes on: brick /b, mount /mnt/gv0")
    ]
    assert continue_steps(Nodes(), [], ["gv0"]) == []


def test_what_is_stopped_at_the_time_goes_on() -> None:
    step = ContinueProcesses("node1", ("gv0",), ("brick /b",))
    (command,) = step.remaining([STOPPED]) or ()
    assert (command.node, command.argv) == ("node1", ("kill", "-CONT", "7", "9"))
    assert step.remaining([ok("[]")]) is DONE


@pytest.mark.parametrize("reply", [FAILED, ok(""), ok('["x"]'), ok("[[1]]"), ok('[["x", "T", "y"]]')])
def test_nothing_is_signalled_where_the_answer_is_not_understood(reply: CommandResult) -> None:
    with pytest.raises(PreconditionFailed, match="node1: it is not known which processes"):
        ContinueProcesses("node1", ("gv0",), ()).remaining([reply])
