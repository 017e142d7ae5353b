"""restart-brick: the process of a brick is ended and started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any, Dict, Optional, Sequence, Tuple

import pytest

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.deploy import restarting
from ganeti_gluster_mon.deploy.context import Context, Proposal
from ganeti_gluster_mon.deploy.gluster_cli import volumes
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.pool_steps import StartVolume
from ganeti_gluster_mon.deploy.restarting import EndBrick, processes
from ganeti_gluster_mon.deploy.step import DONE, WAIT, PreconditionFailed
from ganeti_gluster_mon.deploy.survey import NodeSurvey
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from tests.unit.deploy.fake_nodes import FAILED, cluster, ok
from tests.unit.deploy.test_heal_steps import summary
from tests.unit.deploy.test_replacing import INFO, NODE1, NODE3, OLD, A, Answers, B, status


def test_a_brick_is_killed_once_and_waited_for() -> None:
    step = EndBrick(NODE3, NODE1, "gv0", OLD, (17,))
    (command,) = step.remaining([ok('[[17, "T"]]'), INFO, status()]) or ()
    assert (command.node, command.argv) == (NODE3, ("kill", "-KILL", "17"))
    assert step.remaining([ok("[]"), INFO, status()]) == WAIT  # glusterd has not noticed yet
    assert step.remaining([ok("[]"), INFO, FAILED]) == WAIT
    assert step.remaining([ok("[]"), INFO, status(OLD)]) is DONE
    assert step.remaining([ok('[[18, "S"]]'), INFO, status(OLD)]) is DONE
    assert "waits for its disk" in step.progress([ok('[[17, "D"]]'), INFO, status()])
    for reply in (FAILED, ok("{}"), ok("[1]"), ok("")):
        if reply.stdout == "{}":
            assert processes(reply) == ()
            continue
        with pytest.raises(PreconditionFailed, match="not known which process"):
            processes(reply)


def test_the_processes_of_a_brick_are_known_by_its_exact_path() -> None:
    """Those of other paths that begin with it, and of other volumes, are left alone."""
    sleeper = "import sys, time; sys.stdout.write('x'); sys.stdout.flush(); time.sleep(60)"
    words = ["--volfile-id", "gv0.node1.export-b", "--brick-name"]
    others = (["gv0.n.b", "/export/b2"], ["gv01.n.b", "/export/b"], ["other.n.b", "/export/b"])
    lines = [[*words, "/export/b"], *(["--volfile-id", one, "--brick-name", path] for one, path in others)]
    running = [
        subprocess.Popen([sys.executable, "-c", sleeper, *line], stdout=subprocess.PIPE) for line in lines
    ]
    try:
        for process in running:
            assert process.stdout is not None and process.stdout.read(1) == b"x"
        queried = restarting.processes_query("node1", "gv0", "/export/b")
        reply = subprocess.run(queried.argv, check=True, stdout=subprocess.PIPE, text=True, timeout=20).stdout
        assert running[0].pid in [pid for pid, _ in json.loads(reply)]
        assert not {process.pid for process in running[1:]} & {pid for pid, _ in json.loads(reply)}
        assert os.getpid() not in [pid for pid, _ in json.loads(reply)]
    finally:
        for process in running:
            process.kill()
            process.communicate()


class Restarting(Answers):
    def query(
        self, node: str, queries: Sequence[Sequence[str]], timeout: float = 0
    ) -> Tuple[CommandResult, ...]:
        if any("--brick-name" in word for argv in queries for word in argv):
            return (ok('[[17, "T"]]'),) * len(queries)
        return super().query(node, queries, timeout)


def restarted(
    monkeypatch: pytest.MonkeyPatch,
    parsed: CommandResult,
    pending: Dict[BrickAddress, Optional[int]],
    **more: Any,
) -> Proposal:
    (found,) = volumes(INFO)
    monkeypatch.setattr(
        restarting, "find_volume", lambda context, name: (replace(found, **more), NodeSurvey(NODE1), {})
    )
    arguments = gnt_gluster.parser().parse_args(["restart-brick", "gv0", f"node3:{OLD.path}"])
    context = Context(cluster(3), Restarting(parsed, summary(pending)), NODE1)
    return restarting.restart_brick(context, arguments)


def test_restart_brick_asks_only_where_guests_lose_access(monkeypatch: pytest.MonkeyPatch) -> None:
    proposal = restarted(monkeypatch, status(), {A: 3, B: 3, OLD: None})
    assert proposal.question == ""
    assert proposal.steps == (
        EndBrick(NODE3, NODE1, "gv0", OLD, (17,)),
        StartVolume(NODE1, "gv0", (OLD,)),
    )
    assert f"{B.label} is offline. Guests may" in restarted(monkeypatch, status(B), {A: 0}).question
    assert "2 entries are to be healed from" in restarted(monkeypatch, status(), {A: 0, OLD: 2}).question
    with pytest.raises(PreconditionFailed, match="not known which bricks"):
        restarted(monkeypatch, FAILED, {})
    with pytest.raises(PreconditionFailed, match="brick-multiplex is on"):
        restarted(monkeypatch, status(), {}, options={"cluster.brick-multiplex": "on"})
    with pytest.raises(PreconditionFailed, match="gv0 is not started: gluster volume start gv0"):
        restarted(monkeypatch, status(), {}, state="stopped")
