"""What a plan needs on its nodes is checked before its first command."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

import pytest

from ganeti_gluster_mon.deploy import prerequisites
from ganeti_gluster_mon.deploy.apply import PlanRefused, apply, precheck
from ganeti_gluster_mon.deploy.prerequisites import QUEUE, Requirements, faults, requirements
from ganeti_gluster_mon.deploy.step import Command, NodeQuery, Remaining, Step
from ganeti_gluster_mon.ganeti.ssh import CommandResult, Nodes

HERE = "here"


@dataclass(frozen=True)
class Runs(Step):
    """Runs commands, whatever there is."""

    commands: Tuple[Tuple[str, ...], ...]
    asks: Tuple[str, ...] = ("true",)

    @property
    def description(self) -> str:
        return "something"

    def queries(self) -> Tuple[NodeQuery, ...]:
        return (NodeQuery(self.node, self.asks),)

    def remaining(self, answers: Sequence[CommandResult]) -> Remaining:
        return tuple(Command(self.node, argv) for argv in self.commands)


def checked(needed: Requirements) -> List[str]:
    """What is missing on this machine."""
    question = needed.query(HERE)
    (reply,) = Nodes(None, HERE).query(HERE, [question.argv])
    return list(faults({question: reply}))


def test_nothing_is_run_where_a_later_command_lacks_its_program(tmp_path: Path) -> None:
    steps = [Runs(HERE, (("touch", str(tmp_path / "a")),)), Runs(HERE, (("mkfs.nope", "/dev/vdb"),))]
    with pytest.raises(PlanRefused) as refused:
        apply(Nodes(None, HERE), steps, lambda line: None)
    assert str(refused.value) == "here: mkfs.nope is missing there"
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_only_looks_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(prerequisites.PACKAGES, "xfs_nope", "xfsprogs")
    with pytest.raises(PlanRefused) as refused:
        precheck(Nodes(None, HERE), [Runs(HERE, (), ("xfs_nope", "-r"))])
    assert str(refused.value) == "here: xfs_nope is missing there: apt-get install xfsprogs"


def test_what_is_written_has_to_be_writable_and_have_room(tmp_path: Path) -> None:
    file = tmp_path / "fstab"
    file.touch()
    made = tmp_path / "a" / "b"
    assert checked(Requirements(("true",), ((str(file), 1), (str(made), 1)))) == []
    assert list(tmp_path.iterdir()) == [file]
    (full,) = checked(Requirements(paths=((str(made), 1 << 60),)))
    assert full.startswith(f"here: {made} cannot be written to: only ") and full.endswith(" are free there")
    # a kernel file system that is read-only to root, too, in any container
    (ro,) = checked(Requirements(paths=(("/proc/version", 1),)))
    assert ro.startswith("here: /proc/version cannot be written to: ")


def test_a_port_that_nothing_listens_on_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(prerequisites, "GLUSTERD_PORT", server.getsockname()[1])
        assert checked(Requirements(hosts=("127.0.0.1",))) == []
    (line,) = checked(Requirements(hosts=("127.0.0.1",)))
    assert line.startswith("here: glusterd of 127.0.0.1 cannot be reached on port ")
    assert "Connection refused" in line and "firewall" in line


def test_requirements_come_from_the_commands() -> None:
    needed = requirements(
        [
            Command("node1", ("mkfs.xfs", "-q", "/dev/vdb")),
            Command("node1", ("mkdir", "--parents", "/export/brick1")),
            Command("node1", ("tee", "--append", "/etc/fstab"), "line\n"),
            Command("node1", ("gluster", "--mode=script", "peer", "probe", "node2")),
            Command("node2", ("gnt-cluster", "modify", "--x")),
        ]
    )
    assert needed["node1"].programs == ("mkfs.xfs", "mkdir", "tee", "gluster")
    paths: Dict[str, int] = dict(needed["node1"].paths)
    assert set(paths) == {"/export/brick1", "/etc/fstab", "/var/lib/glusterd"}
    # both ways: each calls the other
    assert needed["node1"].hosts == ("node2",) and needed["node2"].hosts == ("node1",)
    assert {path for path, _ in needed["node2"].paths} == {"/var/lib/ganeti", "/var/lib/glusterd"}


def test_every_program_that_a_step_runs_has_a_package() -> None:
    """A command of deploy/ is found by its words in the source."""
    for name in (
        "mkfs.xfs",
        "xfs_db",
        "wipefs",
        "lsblk",
        "findmnt",
        "setfattr",
        "getfattr",
        "tee",
        "gluster",
    ):
        assert prerequisites.PACKAGES[name]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (CommandResult(0, "The drain flag is unset\n", ""), None),
        (CommandResult(0, "The drain flag is set\n", ""), "job queue is drained: gnt-cluster queue undrain"),
        (
            CommandResult(1, "", "Cannot communicate with the master daemon.\n"),
            "Cannot communicate with the master daemon",
        ),
        (CommandResult(127, "", "gnt-cluster: No such file or directory"), None),
    ],
)
def test_ganeti_has_to_take_jobs(reply: CommandResult, words: object) -> None:
    found = faults({NodeQuery("node1", QUEUE): reply})
    assert len(found) == (words is not None)
    assert words is None or str(words) in found[0]


def test_an_answer_that_cannot_be_understood_is_no_consent() -> None:
    (line,) = faults({Requirements(("true",)).query("node1"): CommandResult(1, "", "python3: killed")})
    assert line == "node1: it cannot be checked what is missing there: python3: killed"
