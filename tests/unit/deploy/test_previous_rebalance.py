"""The rebalance before: its id, and whether its processes have ended though glusterd calls it in progress."""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple, cast

import pytest

from ganeti_gluster_mon.deploy import apply as applying
from ganeti_gluster_mon.deploy.change_lock import LockHost
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.previous_rebalance import PreviousRebalance, previous_rebalance
from ganeti_gluster_mon.deploy.step import PreconditionFailed
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


def refusal(message: str) -> CommandResult:
    """The answer of Gluster 10.3 and 11.1 to a query that it refuses."""
    text = xml("").decode().replace("<opRet>0", "<opRet>-1").replace("<opErrno>0", "<opErrno>30800")
    return CommandResult(1, text.replace("<opErrstr/>", f"<opErrstr>{message}</opErrstr>"), "")


NEVER = refusal("Rebalance not started for volume gv0.")
ONE_SET = refusal("Volume gv0 is not a distribute volume or contains only 1 brick.\nNot performing rebalance")
UNKNOWN = r"^the last rebalance of gv0 is not known: node1\.example\.org: "
STOPPED = refusal("Volume gv0 needs to be started to perform rebalance")
BUSY = refusal("Glusterd Syncop Mgmt brick op 'Rebalance' failed. Please check brick log file for details.")
FILE = "/var/lib/glusterd/vols/gv0/node_state.info"
INFO = ok(f"rebalance_status=1\nstatus=3\nrebalance_op=19\nrebalance-id={TASK}\nrebalanced-files=0\n")


def previous(
    answers: Dict[str, CommandResult], bricks_change: bool = False, *later: CommandResult
) -> PreviousRebalance:
    """*later*: what `rebalance status` answers when it is queried again."""

    class Host(Answers):
        def query(
            self, node: str, queries: Sequence[Sequence[str]], timeout: float = 20.0
        ) -> Tuple[CommandResult, ...]:
            result = super().query(node, queries, timeout)
            if waiting and queries[0][-1] == "status":
                self.answers["status"] = waiting.pop(0)
            return result

    waiting: List[CommandResult] = list(later)
    context = Context(cluster(3), cast(LockHost, Host(dict(answers))), NODE1)
    return previous_rebalance(context, NODE1, "gv0", bricks_change)


@pytest.mark.parametrize("reply", [NEVER, ONE_SET])
def test_there_was_none(reply: CommandResult) -> None:
    assert previous({"status": reply}) == (None, False)


def test_of_a_stopped_volume_glusterd_has_written_it_down() -> None:
    """`rebalance status` reports it again once the volume is started: it would be taken for the one just begun."""
    assert previous({"status": STOPPED, FILE: INFO}, True) == (TASK, False)
    never = ok("rebalance-id=00000000-0000-0000-0000-000000000000\n")
    assert previous({"status": STOPPED, FILE: never}, True) == (None, False)


@pytest.mark.parametrize("content", [FAILED, ok("rebalance_status=1\n")])
def test_of_a_stopped_volume_it_is_not_known(content: CommandResult) -> None:
    with pytest.raises(PreconditionFailed, match=UNKNOWN):
        previous({"status": STOPPED, FILE: content})


def test_one_that_runs_while_bricks_are_added_is_not_the_next() -> None:
    answers = {"status": status({"localhost": "in progress"}), f"{NODE1}:gv0": RUNS}
    assert previous(answers, bricks_change=True) == (TASK, False)


def test_a_status_that_fails_as_a_process_ends_is_queried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "_PAUSE", 0.0)
    assert previous({"status": BUSY}, False, BUSY, status({"localhost": "completed"})) == (TASK, False)


@pytest.mark.parametrize("reply", [BUSY, FAILED, CommandResult(255, "", "ssh: connection refused")])
def test_a_status_that_goes_on_failing_is_not_known(
    monkeypatch: pytest.MonkeyPatch, reply: CommandResult
) -> None:
    monkeypatch.setattr(applying, "_LOCK_TIMEOUT", 0.0)
    with pytest.raises(PreconditionFailed, match=UNKNOWN) as raised:
        previous({"status": reply})
    if reply is BUSY:
        assert "op 'Rebalance' failed" in str(raised.value)
    assert "<" not in str(raised.value)
    assert "once gluster volume rebalance gv0 status answers" in str(raised.value)
