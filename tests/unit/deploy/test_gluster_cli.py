"""The answers of gluster to steps: what is not certain refuses a change."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.deploy import gluster_cli
from ganeti_gluster_mon.deploy.step import PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.gluster.model import Peer
from tests.unit.answers import BROKEN, HEALTHY, answer_of


def reply(directory: object, name: str) -> CommandResult:
    return CommandResult(0, answer_of(directory, name).decode(), "")  # type: ignore[arg-type]


NOTHING = CommandResult(1, "", "Connection failed. Please check if gluster daemon is operational.")
NONSENSE = CommandResult(0, "<html/>", "")


def test_members_and_volumes() -> None:
    peers = gluster_cli.peers(reply(HEALTHY, "pool-list"))
    assert [peer.hostname for peer in peers] == ["node2.lab.test", "node3.lab.test", "localhost"]
    assert gluster_cli.own(peers).hostname == "localhost"
    info = reply(HEALTHY, "volume-info")
    assert gluster_cli.existing_volume(info, "gv0").name == "gv0"
    assert gluster_cli.volume(info, "gv9") is None
    with pytest.raises(PreconditionFailed, match="there is no volume gv9"):
        gluster_cli.existing_volume(info, "gv9")


@pytest.mark.parametrize("answer", [NOTHING, NONSENSE, CommandResult(0, " \n", "")])
def test_what_is_not_known_refuses_a_change_and_is_never_an_empty_pool(answer: CommandResult) -> None:
    for function in (gluster_cli.peers, gluster_cli.volumes):
        with pytest.raises(PreconditionFailed):
            function(answer)
    with pytest.raises(PreconditionFailed):
        gluster_cli.volume(answer, "gv0")


def test_a_volume_that_could_not_be_understood_refuses_too() -> None:
    text = answer_of(HEALTHY, "volume-info").decode()
    wrong = CommandResult(0, text.replace("<count>6", "<count>7"), "")
    with pytest.raises(
        PreconditionFailed, match="not known which volumes there are: the answer counts 7 volumes"
    ):
        gluster_cli.volumes(wrong)


@pytest.mark.parametrize("answer", [NOTHING, NONSENSE])
def test_the_state_of_bricks_and_their_backlog_may_be_unknown(answer: CommandResult) -> None:
    assert gluster_cli.status(answer, "gv0") is None
    assert gluster_cli.heal_counts(answer) is None


def test_the_state_of_bricks_and_their_backlog() -> None:
    found = gluster_cli.status(reply(BROKEN, "volume-status-detail"), "gv0")
    assert found is not None and [node.online for node in found.nodes] == [True, False, True]
    assert gluster_cli.status(reply(BROKEN, "volume-status-detail"), "gv9") is None
    counts = gluster_cli.heal_counts(reply(BROKEN, "heal-summary-gv0"))
    assert counts is not None and [count.connected for count in counts] == [True, False, True]


def test_a_pool_without_the_node_itself() -> None:
    other = Peer("node2", "u2", "Peer in Cluster", connected=True)
    with pytest.raises(PreconditionFailed, match="which member of the pool it is itself"):
        gluster_cli.own((other,))


def test_bytes_that_are_not_utf_8_come_back() -> None:
    assert gluster_cli.output(CommandResult(0, "a\udcff", "")) == b"a\xff"


def test_each_query_has_a_timeout() -> None:
    for argv in (
        gluster_cli.POOL_LIST,
        gluster_cli.VOLUME_INFO,
        gluster_cli.volume_status("gv0"),
        gluster_cli.heal("gv0"),
    ):
        assert "--timeout=5" in argv and "--mode=script" in argv
