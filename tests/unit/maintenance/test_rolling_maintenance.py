"""One node after the other, with a command for each, until the first problem."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any, Callable, List, Sequence, Tuple

import pytest

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.deploy import prerequisites
from ganeti_gluster_mon.deploy.command_arguments import UsageError
from ganeti_gluster_mon.deploy.gluster_cli import POOL_LIST
from ganeti_gluster_mon.ganeti import ssconf
from ganeti_gluster_mon.ganeti.ssh import CommandResult, NodeUnavailable
from ganeti_gluster_mon.maintenance import rolling_maintenance
from ganeti_gluster_mon.maintenance.rolling_maintenance import nodes_and_command, run_command, wait_until_back
from tests.unit.deploy.fake_nodes import FAILED, cluster, ok, pool_list

MASTER, NODE, THIRD = (f"node{n}.example.org" for n in (1, 2, 3))
CLUSTER = cluster(3)


def split(*words: str, own: str = MASTER) -> Tuple[Tuple[str, ...], Tuple[str, ...]]:
    arguments = gnt_gluster.parser().parse_args(["maintenance", "run", *words])
    return nodes_and_command(CLUSTER, arguments.words, own)


def test_nodes_and_command_are_parted_by_two_dashes() -> None:
    assert split("node2", "node3", "--", "ssh", "{}", "--", "reboot") == (
        (NODE, THIRD),
        ("ssh", "{}", "--", "reboot"),
    )
    assert split("--for", "1h", "--wait-for-reboot", "node2", "--", "true") == ((NODE,), ("true",))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("node2", "reboot"), "a -- has to stand"),
        (("node2", "--"), "at least one node and a command"),
        (("node2", "--timeout", "5m", "--", "true"), "options come before the nodes: --timeout"),
        (("node9", "--", "true"), "'node9' is no node"),
        (("node1", "node2", "--", "true"), f"{MASTER} is this node: name it last"),
    ],
)
def test_what_is_wrong_with_the_words_is_one_line(words: Sequence[str], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        split(*words)
    assert split("node2", "node1", "--", "true")[0] == (NODE, MASTER)


def test_a_command_knows_its_node_and_is_run_without_a_shell(tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = f"import os, sys; open({str(out)!r}, 'w').write(os.environ['GNT_NODE'] + ' ' + sys.argv[1])"
    run_command([sys.executable, "-c", code, "$HOME; true"], NODE, 30.0)
    assert out.read_text() == f"{NODE} $HOME; true"


@pytest.mark.parametrize(
    ("argv", "timeout", "why"),
    [
        (["false"], 30.0, "false ended with exit status 1"),
        (["/nonexistent"], 30.0, "cannot start /nonexistent: No such file"),
        (["sleep", "60"], 0.1, "sleep did not end within"),
    ],
)
def test_a_command_that_fails_or_hangs_is_a_problem(argv: List[str], timeout: float, why: str) -> None:
    with pytest.raises(CommandError, match=why):
        run_command(argv, NODE, timeout)


class Booting:
    """A node that answers queries as *replies* say, one round after the other; the last one stays."""

    def __init__(self, *rounds: Callable[[Tuple[str, ...]], CommandResult]) -> None:
        self.rounds = list(rounds)

    def query(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = 20.0
    ) -> Tuple[CommandResult, ...]:
        return tuple(self.rounds[0](tuple(argv)) for argv in queries)

    def run(self, *_words: Any, **_more: Any) -> CommandResult:
        raise AssertionError

    def next(self, _seconds: float) -> None:
        if len(self.rounds) > 1:
            self.rounds.pop(0)


def node(boot: str, glusterd: bool = True, queue: bool = True) -> Callable[[Tuple[str, ...]], CommandResult]:
    def answer(argv: Tuple[str, ...]) -> CommandResult:
        if argv == POOL_LIST:
            return pool_list(NODE, MASTER) if glusterd else FAILED
        if argv == prerequisites.QUEUE:
            return ok() if queue else FAILED
        return ok(f"{boot}\n")

    return answer


def off(_argv: Tuple[str, ...]) -> CommandResult:
    raise NodeUnavailable(f"{NODE}: ssh: no route to host")


def test_a_node_that_reboots_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = (node("old"), off, node("new", glusterd=False), node("new", queue=False), node("new"))
    host = Booting(*rounds)
    monkeypatch.setattr(time, "sleep", host.next)
    wait_until_back(host, NODE, MASTER, "old", 60.0)
    assert len(host.rounds) == 1
    # without a reboot an answer is enough
    quick = Booting(*rounds)
    wait_until_back(quick, NODE, MASTER, None, 60.0)
    assert len(quick.rounds) == len(rounds)


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (node("old"), "has not booted again"),
        (off, "no route to host"),
        (node("new", queue=False), "Ganeti on"),
    ],
)
def test_a_node_that_does_not_come_back_is_a_problem(state: Any, why: str) -> None:
    with pytest.raises(CommandError, match=f"it is not back after 0 s: .*{why}"):
        wait_until_back(Booting(state), NODE, MASTER, "old", 0.0)


def test_this_machine_has_a_boot_that_can_be_known() -> None:
    import subprocess

    class Here(Booting):
        def query(self, node: str, queries: Any, timeout: float = 20.0) -> Tuple[CommandResult, ...]:
            done = subprocess.run(
                [sys.executable, *queries[0][1:]], capture_output=True, text=True, timeout=10, check=False
            )
            return (CommandResult(done.returncode, done.stdout, done.stderr),)

    first = rolling_maintenance.boot(Here(), NODE)
    assert len(first.split()) == 2
    assert rolling_maintenance.boot(Here(), NODE) == first


def rolling(monkeypatch: pytest.MonkeyPatch, calls: List[str], *fails: str) -> int:
    """`maintenance run` of two nodes, with everything that reaches a node replaced; *fails* are calls that fail."""

    def call(name: str) -> Callable[..., int]:
        def called(arguments: argparse.Namespace) -> int:
            calls.append(f"{name} {arguments.node}")
            return int(calls[-1] in fails)

        return called

    def command(argv: Sequence[str], name: str, _timeout: float) -> None:
        calls.append(" ".join(argv))
        if calls[-1] in fails:
            raise CommandError(f"{argv[0]} ended with exit status 1")

    monkeypatch.setattr(ssconf, "read", lambda: CLUSTER)
    for name in ("start", "finish"):
        monkeypatch.setattr(rolling_maintenance, name, call(name))
    monkeypatch.setattr(rolling_maintenance, "run_command", command)
    monkeypatch.setattr(rolling_maintenance, "boot", lambda host, name: "old")
    monkeypatch.setattr(
        rolling_maintenance, "wait_until_back", lambda *words: calls.append(f"back {words[1]}")
    )
    return gnt_gluster.main(["maintenance", "run", "node2", "node3", "--", "reboot", "{}"])


def test_nodes_are_done_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: List[str] = []
    assert rolling(monkeypatch, calls) == 0
    assert calls == [
        f"{what} {name}" for name in (NODE, THIRD) for what in ("start", "reboot", "back", "finish")
    ]


@pytest.mark.parametrize("what", ["start", "reboot", "finish"])
def test_it_stops_at_the_first_problem_and_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    calls: List[str] = []
    assert rolling(monkeypatch, calls, f"{what} {NODE}") == 1
    assert calls[-1] == f"{what} {NODE}"
    last = capsys.readouterr().err.splitlines()[-2:]
    assert f"gnt-gluster maintenance finish {NODE}" in last[0]
    assert last[1].endswith(f"gnt-gluster maintenance run {THIRD} -- reboot '{{}}'")
