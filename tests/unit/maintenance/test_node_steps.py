"""Ganeti's side of a maintenance: drained, and without running instances."""

from __future__ import annotations

from typing import List

import pytest

from ganeti_gluster_mon.deploy.step import DONE, PreconditionFailed, Remaining
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.maintenance.node_steps import MigrateInstances, SetDrained, primary_instances
from tests.unit.deploy.fake_nodes import ok

MASTER, NODE, TARGET = "node1.example.org", "node2.example.org", "node3.example.org"


def lines(found: Remaining) -> List[str]:
    assert found is not None
    assert all(command.node == MASTER for command in found)
    return [str(command) for command in found]


def test_a_node_is_drained_and_undrained_once() -> None:
    drain, undrain = SetDrained(NODE, MASTER, drained=True), SetDrained(NODE, MASTER, drained=False)
    assert lines(drain.remaining([ok(f"{NODE}|N\n")])) == [
        f"gnt-node modify --drained=yes --auto-promote {NODE}"
    ]
    assert drain.remaining([ok(f"{NODE}|Y\n")]) is DONE
    assert lines(undrain.remaining([ok(f"{NODE}|Y\n")])) == [f"gnt-node modify --drained=no {NODE}"]
    assert undrain.remaining([ok(f"{NODE}|N\n")]) is DONE


@pytest.mark.parametrize(
    "reply", [ok(), ok(f"{NODE}|?\n"), ok("node22|Y\n"), CommandResult(1, "", "no master")]
)
def test_a_node_whose_state_is_not_known_is_not_taken_as_drained(reply: CommandResult) -> None:
    with pytest.raises(PreconditionFailed, match=f"not known whether {NODE} is drained"):
        SetDrained(NODE, MASTER, drained=True).remaining([reply])


def test_running_instances_migrate_and_others_stay() -> None:
    listed = ok("a|gluster|running\nb|ext|ADMIN_down\nc|drbd|ERROR_up\nd|plain|USER_down\n")
    assert lines(MigrateInstances(NODE, MASTER).remaining([listed])) == [
        "gnt-instance migrate --force a",
        "gnt-instance migrate --force c",
    ]
    # the secondary of an instance on DRBD is the only target that it can have
    assert lines(MigrateInstances(NODE, MASTER, TARGET).remaining([listed])) == [
        f"gnt-instance migrate --force --target-node={TARGET} a",
        "gnt-instance migrate --force c",
    ]
    assert MigrateInstances(NODE, MASTER).remaining([ok("b|ext|ADMIN_down\n")]) is DONE
    assert MigrateInstances(NODE, MASTER).remaining([ok()]) is DONE


def test_an_instance_that_cannot_migrate_is_named_and_never_shut_down() -> None:
    with pytest.raises(PreconditionFailed, match=r"b \(plain\) cannot migrate.*--no-migrate"):
        MigrateInstances(NODE, MASTER).remaining([ok("a|gluster|running\nb|plain|running\n")])


@pytest.mark.parametrize(
    "reply",
    [
        CommandResult(1, "", "no master"),
        ok("a|gluster|ERROR_nodedown\n"),
        ok("a|gluster|?\n"),
        ok("a|gluster\n"),
        ok("nonsense\n"),
    ],
)
def test_an_instance_whose_state_is_not_known_is_not_passed_over(reply: CommandResult) -> None:
    with pytest.raises(PreconditionFailed, match="it is not known"):
        primary_instances(reply, NODE)


def test_progress_names_those_that_are_still_there() -> None:
    assert MigrateInstances(NODE, MASTER).progress([ok("a|gluster|running\n")]) == "still there: a"
    assert MigrateInstances(NODE, MASTER).progress([ok()]) == ""
