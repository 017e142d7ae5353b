"""The hooks of node-add and node-remove."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, Mapping, cast

import pytest

from ganeti_gluster_mon import etc_default
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.deploy.change_lock import LockHost
from ganeti_gluster_mon.deploy.context import Context
from ganeti_gluster_mon.ganeti import ssconf
from ganeti_gluster_mon.hooks import node_join
from ganeti_gluster_mon.maintenance.maintenance_record import MaintenanceRecord
from tests.unit.deploy.fake_nodes import cluster

ENVIRONMENT = {"GANETI_NODE_NAME": "node4", "GANETI_MASTER": "node1"}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"GANETI_NODE_NAME": "node4"},
        {"GANETI_MASTER": "node1"},
        {"GANETI_NODE_NAME": "", "GANETI_MASTER": "node1"},
    ],
)
def test_without_a_node_there_is_one_line(
    environment: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    for hook in (node_join.added, node_join.removed):
        assert hook(environment) == 1
        assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize("line", ["one line", "two\nlines", "\x1b[2J"])
def test_what_ganeti_shows_is_one_line(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert node_join.fail_in_hook(line) == 1
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and "\x1b" not in out


def here(monkeypatch: pytest.MonkeyPatch, own: str, **more: Any) -> None:
    monkeypatch.setattr(ssconf, "read", lambda: SimpleNamespace(tags=(), nodes=(), **more))
    monkeypatch.setattr(node_join, "Nodes", lambda cluster: SimpleNamespace(own=own))


def test_only_the_master_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch, "node2")
    monkeypatch.setattr(
        node_join, "_join", lambda context, node: pytest.fail("a node that is not the master acts")
    )
    assert node_join.added(ENVIRONMENT) == 0


def test_a_cluster_whose_nodes_bring_nothing_along(monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch, "node1")
    monkeypatch.setattr(etc_default, "text", lambda: "")
    assert node_join.added(ENVIRONMENT) == 0


def test_storage_that_did_not_join_is_reported_with_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here(monkeypatch, "node1")
    monkeypatch.setattr(node_join, "described", lambda tags, text: object())

    def lock(_: object) -> Any:
        raise CommandError("node4: no disk\nnode4: no glusterd")

    monkeypatch.setattr(Context, "lock", lock)
    assert node_join.added(ENVIRONMENT) == 1
    assert capsys.readouterr().out == (
        "gluster: node4 is a node, and its storage did not join: node4: no disk; node4: no glusterd. "
        "When that is put right: gnt-gluster add-node --join node4\n"
    )


def test_a_node_that_ganeti_does_not_know(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read() -> Any:
        raise CommandError("this node is in no cluster")

    monkeypatch.setattr(ssconf, "read", read)
    assert node_join.removed(ENVIRONMENT) == 1
    assert capsys.readouterr().out == "gluster: this node is in no cluster\n"


def test_both_streams_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    assert node_join.main(lambda environment: int(sys.stderr is sys.stdout)) == 1


def test_no_brick_joins_while_a_node_is_in_maintenance(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A volume that grows has all its bricks started."""
    record = MaintenanceRecord("node2.example.org", 1, 2, drained=True)
    tags = ("gluster:join:gv0:/dev/vdb", record.tag)
    monkeypatch.setattr(Context, "lock", lambda _context: nullcontext())
    monkeypatch.setattr(node_join, "join_node", lambda *_words: pytest.fail("it joined"))
    context = Context(cluster(3, tags=tags), cast(LockHost, None), "node1.example.org")
    assert node_join._join(context, "node3.example.org") == 1
    out = capsys.readouterr().out
    assert "node2.example.org is in maintenance since" in out
    assert "gnt-gluster add-node --join node3.example.org" in out
