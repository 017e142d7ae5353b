"""Daemons that do not run, and a self-heal daemon that glusterd has lost track of."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Optional

import pytest

from ganeti_gluster_mon.deploy import daemon_steps
from ganeti_gluster_mon.deploy.daemon_steps import EndSelfHealDaemon, HealBacklog, StartDaemon
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.step import DONE, WAIT, PreconditionFailed
from tests.unit.deploy.fake_nodes import FAILED, ok
from tests.unit.deploy.test_heal_steps import summary
from tests.unit.deploy.test_repairing import NODES, Hosts

END = EndSelfHealDaemon(NODES[2], NODES[0], "gv0", NODES[2])
OFFLINE, ONLINE = Hosts(daemons=NODES[2:])._status(), Hosts()._status()


def test_a_daemon_that_runs_and_is_called_offline_is_ended() -> None:
    commands = END.remaining([ok("[7, 9]"), OFFLINE])
    assert commands is not None and [one.argv for one in commands] == [("kill", "-TERM", "7", "9")]
    assert commands[0].node == NODES[2]


def test_a_daemon_that_is_online_or_does_not_run_is_left_alone() -> None:
    assert END.remaining([ok("[7]"), ONLINE]) is DONE
    assert END.remaining([ok("[]"), OFFLINE]) is DONE


@pytest.mark.parametrize("answers", [[ok("[7]"), FAILED], [ok(""), OFFLINE], [ok('["x"]'), OFFLINE]])
def test_nothing_is_ended_while_the_state_is_not_known(answers: list) -> None:  # type: ignore[type-arg]
    with pytest.raises(PreconditionFailed, match="known"):
        END.remaining(answers)


def test_the_self_heal_daemons_of_a_node_are_found() -> None:
    script = "import sys; sys.stdin.read()"
    argv = ["glusterfs", "-c", script, "-s", "localhost", "--volfile-id", "shd/gv0"]
    with subprocess.Popen(argv, executable=sys.executable, stdin=subprocess.PIPE) as running:
        query = END.queries()[0].argv
        found = subprocess.run(
            [sys.executable, *query[1:]], check=True, capture_output=True, text=True, timeout=60
        )
        assert running.stdin is not None
        running.stdin.close()
        assert str(running.pid) in found.stdout


def test_a_daemon_is_started_by_force() -> None:
    step = StartDaemon(NODES[0], "gv0", "Self-heal Daemon", NODES[2])
    commands = step.remaining([OFFLINE])
    assert commands is not None and commands[0].argv[-4:] == ("volume", "start", "gv0", "force")
    assert step.remaining([ONLINE]) is DONE
    for reply in (FAILED, Hosts(daemons=NODES[2:])._status()):
        with pytest.raises(PreconditionFailed, match="not known"):
            StartDaemon(NODES[0], "gv0", "Quota Daemon", NODES[2]).remaining([reply])


def test_a_backlog_is_healed_by_a_round_and_then_in_full() -> None:
    step = HealBacklog("node1", "gv0", (BrickAddress("node1", "/b"),), replicated=False)
    commands = step.remaining([summary({BrickAddress("node1", "/b"): 3})])
    assert commands is not WAIT and commands is not None
    assert [one.argv[-1] for one in commands] == ["gv0", "full"]
    # of a daemon that has just been started, and is not connected to each brick
    of_another_node = "Commit failed on node2. Please check log file for details."
    of_this_node = (
        "Glusterd Syncop Mgmt brick op 'Heal' failed. Please check glustershd log file for details."
    )
    for failure in (of_another_node, of_this_node):
        assert all(re.search(one.transient, failure) for one in commands)
    assert step.remaining([summary({BrickAddress("node1", "/b"): 0})]) is DONE


@pytest.mark.parametrize(
    ("failure", "node"),
    [
        ("Commit failed on node2.lab.test. Please check log file for details.", "node2.lab.test"),
        ("Commit failed on localhost. Please check log file for details.", "node1.lab.test"),
        ("Glusterd Syncop Mgmt brick op 'Heal' failed. Please check glustershd log file.", "node1.lab.test"),
        ("Commit failed on node9.lab.test. Please check log file for details.", None),
        ("Volume gv0 is not started.", None),
    ],
)
def test_a_self_heal_daemon_that_takes_no_command_is_started_anew(failure: str, node: Optional[str]) -> None:
    bricks = tuple(BrickAddress(name, "/b") for name in ("node1.lab.test", "node2.lab.test"))
    cure = HealBacklog("node1.lab.test", "gv0", bricks, others=("gv1",)).cure(failure)
    if node is None:
        assert cure == ()
        return
    end, start, other = cure
    assert end.node == node
    assert "signal.SIGTERM" in end.argv[-1]
    assert (start.node, start.argv[-4:]) == ("node1.lab.test", ("volume", "start", "gv0", "force"))
    # the process that ended served this one, too
    assert other.argv[-4:] == ("volume", "start", "gv1", "force")


def test_what_is_not_known_of_a_daemon() -> None:
    assert daemon_steps.daemon_online(FAILED, "gv0", "Quota Daemon", "node1") is None
