"""Problems in repair, by their codes: what is planned, and what is only named."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Sequence, Tuple, cast

import pytest

from ganeti_gluster_mon.deploy import problem_repair
from ganeti_gluster_mon.deploy.change_lock import LockHost
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.deploy.daemon_steps import HealBacklog
from ganeti_gluster_mon.deploy.gluster_cli import volumes
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.health import CRITICAL, HEALING, OK, REMEDIES, Problem, remedy_of
from ganeti_gluster_mon.health.repair_scope import BY_ITSELF, NAMES, REPAIRS, SCOPES, SILENT
from tests.unit.deploy.fake_nodes import FAILED, cluster, ok, volume, volume_info

VOLUMES = volumes(volume_info(volume("gv0", ["node1:/b", "node2:/b", "node3:/b"])))
#: what repair plans or names by other modules
ELSEWHERE = {"HEAL_DAEMON_DOWN", "SPLIT_BRAIN"}


class Info:
    """Answers `heal info`."""

    reply = FAILED

    def query(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = 20.0
    ) -> Tuple[CommandResult, ...]:
        assert [argv[-1] for argv in queries] == ["info"]
        return (self.reply,)


def planned(
    monkeypatch: pytest.MonkeyPatch,
    *problems: Problem,
    error: str = "",
    whole: bool = True,
    host: Info = Info(),
) -> Tuple[List[str], List[str]]:
    monkeypatch.setattr(problem_repair, "query_problems", lambda: (problems, error))
    context = Context(cluster(3), cast(LockHost, host), "node1.example.org")
    steps, notes = problem_repair.repair_problems(context, "node1", VOLUMES, whole)
    return [step.description for step in steps], notes


@pytest.mark.parametrize("code", sorted(set(REMEDIES) - ELSEWHERE - {"DAEMON_DOWN", "HEAL_STUCK"}))
def test_each_other_problem_is_named_with_its_command(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, notes = planned(monkeypatch, Problem(code, CRITICAL, "something is wrong", "gv0", "node2:/b"))
    assert steps == []
    assert notes[0].startswith("something is wrong; a decision is needed: ")


@pytest.mark.parametrize("code", sorted(REMEDIES))
def test_each_problem_is_treated_as_the_table_has_it(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """BY_ITSELF: not waited for.  SILENT: nothing.  NAMES: the command of the runbook, and no step."""
    kind = SCOPES[code].kind
    severity = {SILENT: OK, BY_ITSELF: HEALING}.get(kind, CRITICAL)
    problem = Problem(code, severity, "something is wrong", "gv0", "node2:/b")
    steps, notes = planned(monkeypatch, problem)
    if kind == SILENT:
        assert (steps, notes) == ([], [])
    elif kind == BY_ITSELF:
        assert steps == [] and notes == [
            "something is wrong: Gluster does that by itself; it is not waited for"
        ]
    elif kind == NAMES:
        assert steps == [] and notes[0].endswith(f"a decision is needed: {remedy_of(problem).fix}")
    else:
        assert kind == REPAIRS


def test_daemons_are_started(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem("DAEMON_DOWN", CRITICAL, "text", "gv0", "Quota Daemon on node2")
    assert planned(monkeypatch, problem) == (["Quota Daemon of gv0 on node2 online"], [])


def test_a_daemon_of_the_coordinator_is_the_one_that_its_glusterd_calls_localhost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`volume status` lists the daemons of the glusterd that answers as those of localhost."""
    monkeypatch.setattr(
        problem_repair,
        "query_problems",
        lambda: (
            (Problem("DAEMON_DOWN", CRITICAL, "text", "gv0", "Scrubber Daemon on node1.example.org"),),
            "",
        ),
    )
    context = Context(cluster(3), cast(LockHost, Info()), "node1.example.org")
    (step,), _ = problem_repair.repair_problems(context, "node1.example.org", VOLUMES, True)
    assert step.description == "Scrubber Daemon of gv0 on node1.example.org online"
    nodes = "".join(
        f"<node><hostname>Scrubber Daemon</hostname><path>{path}</path><peerid>{peer}</peerid>"
        f"<status>{status}</status><port>N/A</port><pid>-1</pid></node>"
        for path, peer, status in (("localhost", "u1", 0), ("node2.example.org", "u2", 1))
    )
    reply = ok(
        "<?xml version='1.0'?>\n<cliOutput><opRet>0</opRet><opErrno>0</opErrno><opErrstr/><volStatus><volumes>"
        f"<volume><volName>gv0</volName><nodeCount>2</nodeCount>{nodes}<tasks/></volume></volumes></volStatus>"
        "</cliOutput>"
    )
    (command,) = step.remaining([reply]) or ()
    assert command.argv[-4:] == ("volume", "start", "gv0", "force")


def test_the_other_volumes_that_a_self_heal_daemon_serves_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem("HEAL_STUCK", CRITICAL, "text", "gv0")
    monkeypatch.setattr(problem_repair, "query_problems", lambda: ((problem,), ""))
    context = Context(cluster(3), cast(LockHost, Info()), "node1.example.org")
    (gv0,) = VOLUMES
    every = (gv0, replace(gv0, name="gv1"), replace(gv0, name="idle", state="created"))
    (step,), _ = problem_repair.repair_problems(context, "node1", VOLUMES, False, all_volumes=every)
    assert isinstance(step, HealBacklog)
    assert step.others == ("gv1",)


def test_healing_that_is_stuck_is_begun_again_and_its_entries_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = Info()
    problem = Problem("HEAL_STUCK", CRITICAL, "text", "gv0")
    steps, notes = planned(monkeypatch, problem, host=host)
    assert steps == ["gv0 healed, by a round of healing and then a full heal"]
    assert notes == [
        "gv0: which entries wait to be healed is not known: gluster does not answer: exit status 1"
    ]
    host.reply = ok(
        "<?xml version='1.0'?><cliOutput><healInfo><bricks><brick><name>node1:/b</name><status>Connected</status>"
        "<file>/a</file><file>/b</file><numberOfEntries>2</numberOfEntries></brick></bricks></healInfo>"
        "<opRet>0</opRet><opErrno>0</opErrno><opErrstr/></cliOutput>"
    )
    assert planned(monkeypatch, problem, host=host)[1] == ["gv0: to be healed: /a, /b"]


def test_a_backlog_with_split_brain_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = (Problem("SPLIT_BRAIN", CRITICAL, "s", "gv0"), Problem("HEAL_STUCK", CRITICAL, "stuck", "gv0"))
    steps, (note,) = planned(monkeypatch, *problems)
    assert steps == [] and note.startswith("stuck; ")


def test_what_gluster_repairs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    _, (note,) = planned(monkeypatch, Problem("HEAL_PENDING", HEALING, "gv0: 3 entries", "gv0"))
    assert "by itself" in note and "decision" not in note


def test_a_peer_that_is_away_and_a_volume_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    _, notes = planned(monkeypatch, Problem("PEER_DISCONNECTED", CRITICAL, "away", subject="node2"))
    assert "replace-brick VOLUME node2:PATH NODE" in notes[1] and "remove-node node2" in notes[1]
    _, notes = planned(monkeypatch, Problem("VOLUME_NEARLY_FULL", OK, "little space", "gv0"))
    assert "expand-volume gv0" in notes[0] and "snapshot list gv0" in notes[1]


def test_problems_of_other_volumes_and_of_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    of_pool = Problem("PEER_REJECTED", CRITICAL, "rejected", subject="node2")
    other = Problem("DAEMON_DOWN", CRITICAL, "text", "gv1", "Quota Daemon on node2")
    assert planned(monkeypatch, of_pool, other, whole=False) == ([], [])
    steps, notes = planned(monkeypatch, of_pool, other)
    assert steps == [] and len(notes) == 1


def test_problems_that_are_not_known_are_not_none(monkeypatch: pytest.MonkeyPatch) -> None:
    _, notes = planned(monkeypatch, error="glusterd does not run")
    assert notes == ["what else needs attention is not known: glusterd does not run"]
