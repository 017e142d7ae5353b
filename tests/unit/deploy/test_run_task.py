"""A task from its proposal to its last line, and what an administrator reads where it is not done."""

from __future__ import annotations

import argparse
import io
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, List, Sequence, cast

import pytest

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.deploy.apply import PlanRefused, PlanStopped
from ganeti_gluster_mon.deploy.change_lock import LockHost
from ganeti_gluster_mon.deploy.command_arguments import UsageError
from ganeti_gluster_mon.deploy.context import Context, Proposal
from ganeti_gluster_mon.deploy.layout import NoLayout
from ganeti_gluster_mon.deploy.run_task import run_task
from ganeti_gluster_mon.ganeti import ssconf
from ganeti_gluster_mon.ganeti.ssh import Nodes
from ganeti_gluster_mon.maintenance.maintenance_record import MaintenanceRecord
from tests.unit.deploy.fake_nodes import cluster
from tests.unit.deploy.test_apply import HERE, touches


class FakeLock:
    def check(self) -> None:
        """It is held."""


@dataclass(frozen=True)
class Locked(Context):
    """A context whose lock records that it was taken."""

    taken: List[str]

    @contextmanager
    def lock(self) -> Iterator[Any]:  # type: ignore[override]
        self.taken.append("taken")
        try:
            yield FakeLock()
        finally:
            self.taken.append("released")


@pytest.fixture
def context() -> Locked:
    return Locked(cluster(1), cast(Any, Nodes(None, HERE)), HERE, [])


def arguments(**more: Any) -> argparse.Namespace:
    return argparse.Namespace(**{"dry_run": False, "force": False, "verbose": False, **more})


def proposing(proposal: Proposal) -> Any:
    def some_task(context: Context, arguments: argparse.Namespace) -> Proposal:
        return proposal

    return some_task


def failing(error: BaseException) -> Any:
    def some_task(context: Context, arguments: argparse.Namespace) -> Proposal:
        raise error

    return some_task


def test_steps_are_applied_under_the_lock(
    context: Locked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proposal = Proposal(tuple(touches(tmp_path, "a")), ("a note",), "", "the result", ("advice",))
    assert run_task(proposing(proposal), arguments(), context) == 0
    assert (tmp_path / "a").exists() and context.taken == ["taken", "released"]
    lines = capsys.readouterr().err.splitlines()
    assert (lines[0], lines[-2:]) == ("a note", ["advice", "the result"])
    assert run_task(proposing(proposal), arguments(), context) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "nothing to do; the result"


def test_without_a_result_there_is_a_last_line_all_the_same(
    context: Locked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_task(proposing(Proposal(tuple(touches(tmp_path, "a")))), arguments(), context) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "done"


def test_a_dry_run_changes_nothing_and_takes_no_lock(
    context: Locked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proposal = Proposal(tuple(touches(tmp_path, "a")), ("a note",), "Lose it?")
    assert run_task(proposing(proposal), arguments(dry_run=True), context) == 0
    captured = capsys.readouterr()
    assert f"touch {tmp_path}/a" in captured.out and captured.err == "a note\n"
    assert list(tmp_path.iterdir()) == [] and context.taken == []


@pytest.mark.parametrize(("force", "status", "made"), [(False, 1, False), (True, 0, True)])
def test_what_would_be_lost_is_confirmed(
    context: Locked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool, status: int, made: bool
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))  # no terminal
    proposal = Proposal(tuple(touches(tmp_path, "a")), (), "Lose it?")
    assert run_task(proposing(proposal), arguments(force=force), context) == status
    assert (tmp_path / "a").exists() is made
    assert context.taken == ["taken", "released"]


def test_what_cannot_be_done_is_refused_before_a_person_is_to_confirm_it(
    context: Locked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proposal = Proposal(tuple(touches(tmp_path, "a", "forbidden")), (), "Lose it?")
    assert run_task(proposing(proposal), arguments(force=True), context) == 1
    assert capsys.readouterr().err == f"gnt-gluster: {HERE}: forbidden\nnothing was done\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (UsageError("two at most"), 2, "gnt-gluster some-task: two at most\n"),
        (NoLayout("one more brick"), 2, "gnt-gluster some-task: one more brick\n"),
        (PlanRefused("one\ntwo"), 1, "gnt-gluster: one\ngnt-gluster: two\nnothing was done\n"),
    ],
)
def test_why_nothing_is_done(
    context: Locked, capsys: pytest.CaptureFixture[str], error: Exception, status: int, text: str
) -> None:
    assert run_task(failing(error), arguments(), context) == status
    assert capsys.readouterr().err == text
    assert context.taken == ["taken", "released"]


def test_an_interruption_before_the_first_step(context: Locked) -> None:
    with pytest.raises(PlanStopped, match="interrupted before anything was done"):
        run_task(failing(KeyboardInterrupt()), arguments(), context)


def test_only_root_may(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert run_task(proposing(Proposal(())), arguments()) == 1
    assert "some-task runs commands on the nodes, which only root can do" in capsys.readouterr().err


# --- while a node is in maintenance ---------------------------------------------------------------------------

NODE = "node2.example.org"
RECORD = MaintenanceRecord(NODE, 1, 2, drained=True)
IN_MAINTENANCE = cluster(3, tags=(RECORD.tag,))
#: no query reaches a node
NO_HOST = cast(LockHost, None)


def never(_context: Context, _arguments: argparse.Namespace) -> Proposal:
    raise AssertionError("it was run")


@pytest.mark.parametrize("words", [(), ("--dry-run", "--force")])
def test_a_task_that_may_start_bricks_is_refused_while_a_node_is_in_maintenance(
    capsys: pytest.CaptureFixture[str], words: Sequence[str]
) -> None:
    given = gnt_gluster.parser().parse_args(["deploy", "--device", "/dev/vdb", *words])
    assert run_task(never, given, Context(IN_MAINTENANCE, NO_HOST, NODE)) == 1
    assert f"gnt-gluster: {NODE} is in maintenance since" in capsys.readouterr().err


def test_a_maintenance_that_begins_while_the_lock_is_waited_for_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command before may have begun it after this one has read the tags."""
    found: List[ssconf.Cluster] = [cluster(3), IN_MAINTENANCE]
    monkeypatch.setattr(ssconf, "read", lambda: found.pop(0))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(Context, "lock", lambda _context: nullcontext())
    given = gnt_gluster.parser().parse_args(["deploy", "--device", "/dev/vdb"])
    assert run_task(never, given) == 1
    assert f"gnt-gluster: {NODE} is in maintenance since" in capsys.readouterr().err
    assert found == []


def test_a_task_of_maintenance_is_run_with_the_tags_that_hold_under_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: List[Any] = [cluster(3), IN_MAINTENANCE]
    known: List[Any] = []

    def maintenance_finish(context: Context, _arguments: argparse.Namespace) -> Proposal:
        known.append(context.cluster)
        return Proposal(())

    monkeypatch.setattr(ssconf, "read", lambda: found.pop(0))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(Context, "lock", lambda _context: nullcontext())
    given = gnt_gluster.parser().parse_args(["maintenance", "finish", "node2"])
    assert run_task(maintenance_finish, given, of_maintenance=True) == 0
    assert known == [IN_MAINTENANCE]
