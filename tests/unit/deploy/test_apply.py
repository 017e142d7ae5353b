"""Applying a plan: real commands on this machine, of steps as small as can be."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import List, Sequence, Tuple

import pytest

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.deploy import apply as applying
from ganeti_gluster_mon.deploy import wait
from ganeti_gluster_mon.deploy.apply import (
    PlanRefused,
    PlanStopped,
    apply,
    dry_run_text,
    precheck,
    query_nodes,
)
from ganeti_gluster_mon.deploy.step import DONE, WAIT, Command, NodeQuery, PreconditionFailed, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import _QUERY_PROGRAM, CommandResult, Nodes

HERE = "here"


@dataclass(frozen=True)
class Touch(Step):
    """A file that is there, by a command of one's own."""

    path: Path
    command: Tuple[str, ...] = ()
    given: float = 0.2

    @property
    def description(self) -> str:
        return f"the file {self.path.name}"

    @property
    def effect_timeout(self) -> float:
        return self.given

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.node, ("test", "-e", str(self.path))),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        if self.path.name == "forbidden":
            raise PreconditionFailed(f"{self.node}: forbidden")
        return DONE if answers[0].status == 0 else (self.does,)

    @property
    def does(self) -> Command:
        return Command(self.node, self.command or ("touch", str(self.path)))


class Waits(Touch):
    """Waits until another process makes the file."""

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        return DONE if answers[0].status == 0 else WAIT


class Urged(Waits):
    """Waits, and helps on."""

    def kick(self) -> Tuple[Command, ...]:
        return (self.does,)


class Cured(Touch):
    """Its command fails as long as its directory is missing; the cure makes the directory."""

    def cure(self, failure: str) -> Tuple[Command, ...]:
        return (
            (Command(self.node, ("mkdir", "-p", str(self.path.parent))),) if "No such file" in failure else ()
        )


@pytest.fixture
def host() -> Nodes:
    return Nodes(None, HERE)


def touches(directory: Path, *names: str) -> List[Step]:
    return [Touch(HERE, directory / name) for name in names]


def test_what_is_done_is_passed_over(host: Nodes, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    before = (tmp_path / "a").stat().st_mtime_ns
    reply: List[str] = []
    steps = touches(tmp_path, "a", "b")
    assert apply(host, steps, reply.append)
    assert reply == ["[2/2] here: the file b", "1 of 2 steps was already done (--verbose names them)"]
    assert not apply(host, steps, reply.append, verbose=True)
    assert reply[2:] == ["[1/2] here: the file a: already done", "[2/2] here: the file b: already done"]
    assert (tmp_path / "b").exists()
    assert (tmp_path / "a").stat().st_mtime_ns == before


def test_nothing_is_done_where_anything_is_refused(host: Nodes, tmp_path: Path) -> None:
    steps = [*touches(tmp_path, "a", "forbidden"), Touch("a host", tmp_path / "b")]
    with pytest.raises(PlanRefused) as refused:
        apply(host, steps, lambda line: None)
    assert str(refused.value).splitlines() == ["here: forbidden", "'a host' is no name of a host"]
    assert list(tmp_path.iterdir()) == []


def test_it_stops_at_the_first_that_fails_and_goes_on_from_there(host: Nodes, tmp_path: Path) -> None:
    steps = touches(tmp_path, "a", "gone/b", "c")
    reply: List[str] = []
    with pytest.raises(
        PlanStopped, match=r"touch: .*No such file.*; stopped at step 2 of 3, 1 is done"
    ) as stopped:
        apply(host, steps, reply.append)
    assert "\n" not in str(stopped.value)
    assert reply[-3:] == [
        "done: here: the file a",
        "not done: here: the file b",
        "not done: here: the file c",
    ]
    assert not (tmp_path / "c").exists()
    (tmp_path / "gone").mkdir()
    apply(host, steps, reply.append)
    assert (tmp_path / "c").exists()


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_reports_how_far_it_came(
    host: Nodes, tmp_path: Path, interruption: type[BaseException]
) -> None:
    reply: List[str] = []

    def say(line: str) -> None:
        reply.append(line)
        if line == "[2/2] here: the file b":
            raise interruption

    with pytest.raises(PlanStopped, match="interrupted; stopped at step 2 of 2"):
        apply(host, touches(tmp_path, "a", "b"), say)
    assert reply[-2:] == ["done: here: the file a", "not done: here: the file b"]


def test_a_command_that_worked_and_changed_nothing_is_no_success(host: Nodes, tmp_path: Path) -> None:
    with pytest.raises(PlanStopped, match=r"here: the file a: not done after 0\.2 s"):
        apply(host, [Touch(HERE, tmp_path / "a", ("true",))], lambda line: None)


def test_what_is_waited_for_and_does_not_come(host: Nodes, tmp_path: Path) -> None:
    with pytest.raises(PlanStopped, match=r"not done after 0\.2 s"):
        apply(host, [Waits(HERE, tmp_path / "a")], lambda line: None)


def test_what_does_not_come_on_is_helped_on(
    host: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "_PAUSE", 0.01)
    with pytest.raises(PlanStopped, match=r"not done after 0\.2 s"):  # it is given time first
        apply(host, [Urged(HERE, tmp_path / "a")], lambda line: None)
    monkeypatch.setattr(wait, "_KICK_AFTER", 0.05)
    apply(host, [Urged(HERE, tmp_path / "a", given=30.0)], lambda line: None)
    assert (tmp_path / "a").exists()
    with pytest.raises(PlanStopped, match=r"not done after 0\.2 s"):  # that the help fails is not why
        apply(host, [Urged(HERE, tmp_path / "b", ("false",))], lambda line: None)
    steps = [Urged(HERE, tmp_path / "c", ("heal", "it"))]
    assert dry_run_text(steps, precheck(host, steps)) == (
        "# here: the file c\n# if nothing changes: here: heal it\n"
    )


def test_a_step_cures_the_failure_of_its_command_once(host: Nodes, tmp_path: Path) -> None:
    reply: List[str] = []
    apply(host, [Cured(HERE, tmp_path / "missing" / "a")], reply.append)
    assert (tmp_path / "missing" / "a").exists()
    assert [
        line for line in reply if line.startswith(f"    here: mkdir -p {tmp_path}/missing, for: here: touch ")
    ]
    with pytest.raises(PlanStopped, match="No such file"):  # the cure did not help
        apply(host, [Cured(HERE, tmp_path / "b", ("cat", str(tmp_path / "c")))], lambda line: None)
    with pytest.raises(PlanStopped, match="exit status 1"):  # nothing is known to help
        apply(host, [Cured(HERE, tmp_path / "b", ("false",))], lambda line: None)


@pytest.mark.parametrize(
    "refusal",
    [
        "Another transaction is in progress for gv0. Please try again after some time.",
        # what was stopped, or is completed, has not ended everywhere
        "volume stop: gv0: failed: Pre Validation failed on node5. rebalance session is in progress for the "
        "volume 'gv0'",
    ],
)
def test_while_another_holds_the_lock_it_is_tried_again(
    host: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: str
) -> None:
    monkeypatch.setattr(applying, "_PAUSE", 0.01)
    monkeypatch.setattr(applying, "_REPORT_AFTER", 0.0)
    reply: List[str] = []
    tries, made = tmp_path / "tries", tmp_path / "made"
    script = (
        f'echo x >> "{tries}"; if [ "$(wc -l < "{tries}")" -lt 3 ]; then '
        f'echo "{refusal}" >&2; exit 1; fi; '
        f'touch "{made}"'
    )
    apply(host, [Touch(HERE, made, ("sh", "-c", script))], reply.append)
    (parsed,) = [line for line in reply if "waiting for Gluster, 200 s at most: " in line]
    assert parsed.split(": ")[1] in refusal
    assert tries.read_text() == "x\n" * 3
    tries.unlink()
    made.unlink()
    monkeypatch.setattr(applying, "_LOCK_TIMEOUT", 0.0)
    with pytest.raises(CommandError, match=re.escape(refusal)):
        apply(host, [Touch(HERE, made, ("sh", "-c", script))], lambda line: None)


def test_a_transient_failure_is_tried_again(
    host: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`volume heal` fails while a self-heal daemon is not connected to each brick."""
    monkeypatch.setattr(applying, "_PAUSE", 0.01)
    tries = tmp_path / "tries"
    failing = "echo 'Commit failed on node2. Please check log file for details.' >&2; exit 1"
    script = f'echo x >> "{tries}"; [ "$(wc -l < "{tries}")" -ge 3 ] || {{ {failing}; }}'
    command = Command(HERE, ("sh", "-c", script))
    with pytest.raises(CommandError, match="Commit failed"):
        applying.run(host, command, lambda line: None)
    applying.run(host, replace(command, transient="Commit failed on"), lambda line: None)
    assert tries.read_text() == "x\n" * 3
    monkeypatch.setattr(applying, "_LOCK_TIMEOUT", 0.0)
    with pytest.raises(CommandError, match="Commit failed on node2"):
        applying.run(host, Command(HERE, ("sh", "-c", failing), transient="Commit failed"), lambda line: None)


def test_what_is_shown_is_what_is_left(host: Nodes, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    steps = touches(tmp_path, "a", "b c")
    assert dry_run_text(steps, precheck(host, steps)) == (
        f"# here: the file a: already done\n# here: the file b c\nhere: touch '{tmp_path}/b c'\n"
    )
    assert not (tmp_path / "b c").exists()


def test_questions_whose_programs_are_long_are_sent_by_several_connections(host: Nodes) -> None:
    """One argument of a command takes 128 KiB, and a node may have many disks."""
    quotes = "'" * 3000
    queried = [NodeQuery(HERE, ("echo", f"{number}", quotes)) for number in range(60)]
    queried += [NodeQuery(HERE, ("echo", "slow"), timeout=30.0)]
    parsed = query_nodes(host, queried)
    assert [parsed[question].stdout for question in queried[:-1]] == [f"{n} {quotes}\n" for n in range(60)]
    assert parsed[queried[-1]].stdout == "slow\n"
    for batch in applying._batches(queried):
        argv = ("python3", "-c", _QUERY_PROGRAM, json.dumps([20, [question.argv for question in batch]]))
        assert all(len(word) < 131072 for word in Nodes(None, own="another").ssh("node1", argv))
