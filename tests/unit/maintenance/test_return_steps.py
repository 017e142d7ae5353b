"""A node is back when its bricks are healed and every client is connected to them again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ganeti_gluster_mon.deploy.heal_steps import Healed
from ganeti_gluster_mon.deploy.layout import BrickAddress
from ganeti_gluster_mon.deploy.step import DONE, WAIT, PreconditionFailed
from ganeti_gluster_mon.ganeti.ssh import CommandResult
from ganeti_gluster_mon.maintenance.return_steps import ClientsConnected, HealedAgain, PeerConnected, clients
from tests.unit.deploy.fake_nodes import FAILED, ok, pool_list, uuid

HEALTHY = Path(__file__).parents[2] / "captures" / "healthy" / "node1"
CLIENTS = (HEALTHY / "volume-status-clients.xml").read_text()
BRICKS = tuple(BrickAddress(f"node{n}.lab.test", "/export/b1/gv0") for n in (1, 2, 3))
NODE1, NODE2, NODE3 = "node1.example.org", "node2.example.org", "node3.example.org"


def test_a_peer_is_waited_for() -> None:
    step = PeerConnected(NODE2, NODE1, uuid(NODE2))
    assert step.remaining([pool_list(NODE1, NODE2, NODE3)]) is DONE
    away = [pool_list(NODE1, NODE2, NODE3, connected={NODE2: False})]
    assert step.remaining(away) == WAIT
    assert "not connected to it yet" in step.progress(away)
    assert step.remaining([pool_list(NODE1, NODE2, states={NODE2: "Probe Sent to Peer"})]) == WAIT
    with pytest.raises(PreconditionFailed, match=r"no peer of .* any more: gnt-gluster add-node"):
        step.remaining([pool_list(NODE1, NODE3)])


def heal_answer(*pending: str, split: int = 0) -> CommandResult:
    bricks = "".join(
        f'<brick hostUuid="{"-" if count == "-" else uuid(str(number))}"><name>{brick.label}</name>'
        + (
            "<status>Transport endpoint is not connected</status>"
            if count == "-"
            else f"<status>Connected</status><totalNumberOfEntries>{count}</totalNumberOfEntries>"
            f"<numberOfEntriesInHealPending>{count}</numberOfEntriesInHealPending>"
            f"<numberOfEntriesInSplitBrain>{split}</numberOfEntriesInSplitBrain>"
            "<numberOfEntriesPossiblyHealing>0</numberOfEntriesPossiblyHealing>"
        )
        + "</brick>"
        for number, (brick, count) in enumerate(zip(BRICKS, pending), 1)
    )
    return ok(
        f"<?xml version='1.0'?>\n<cliOutput><healInfo><bricks>{bricks}</bricks></healInfo><opRet>0</opRet>"
        "<opErrno>0</opErrno><opErrstr/></cliOutput>"
    )


def test_split_brain_does_not_keep_bricks_from_being_started() -> None:
    """The plan is checked as a whole before its first command, while the bricks are still offline."""
    connected = ok("".join(f"Brick {brick.label}\nNumber of entries: 0\n\n" for brick in BRICKS))
    offline, online = heal_answer("3", "-", "3", split=1), heal_answer("3", "3", "3", split=1)
    step = HealedAgain(NODE1, "gv0", BRICKS)
    with pytest.raises(PreconditionFailed, match="split-brain"):
        Healed(NODE1, "gv0", BRICKS).remaining([offline, connected])
    assert step.remaining([offline, connected]) == WAIT
    with pytest.raises(PreconditionFailed, match="split-brain"):
        step.remaining([online, connected])
    assert step.remaining([heal_answer("0", "0", "0"), connected]) is DONE
    assert step.remaining([heal_answer("0", "1", "0"), connected]) == WAIT
    assert step.remaining([FAILED, connected]) == WAIT


def test_the_clients_of_each_brick_are_counted_by_address() -> None:
    found = clients(ok(CLIENTS))
    assert dict(found[BRICKS[1]]) == {"10.99.0.1": 3, "10.99.0.2": 2, "10.99.0.3": 1}
    assert clients(FAILED) == {}
    assert clients(ok("<cliOutput>")) == {}


def without(brick: BrickAddress, address: str) -> CommandResult:
    """The answer without one client of *brick*, from *address*."""
    node = next(
        part
        for part in re.findall(r"<node>.*?</node>", CLIENTS, re.DOTALL)
        if f"<hostname>{brick.node}</hostname>" in part and f"<path>{brick.path}</path>" in part
    )
    client = rf"<client>\s*<hostname>{re.escape(address)}:\d+</hostname>.*?</client>"
    return ok(CLIENTS.replace(node, re.sub(client, "", node, count=1, flags=re.DOTALL)))


def step(own: str = "10.99.0.2") -> ClientsConnected:
    return ClientsConnected(NODE2, NODE1, "gv0", ((BRICKS[1], (BRICKS[0], BRICKS[2])),), (own,))


def test_a_guest_that_is_not_connected_to_the_brick_again_is_waited_for() -> None:
    assert step().remaining([ok(CLIENTS)]) is DONE
    missing = without(BRICKS[1], "10.99.0.3")
    assert missing != ok(CLIENTS)
    assert step().remaining([missing]) == WAIT
    assert step().progress([missing]) == f"not connected yet: 1 of 10.99.0.3 to {BRICKS[1].label}"


def test_a_client_of_one_other_brick_alone_is_not_waited_for() -> None:
    """The bitrot daemon of a host is a client of that host's bricks only."""
    assert step().remaining([without(BRICKS[0], "10.99.0.3")]) is DONE


def test_clients_of_the_node_itself_are_not_compared() -> None:
    """Debian gives a host's own name 127.0.1.1: so its clients have another address at its own bricks."""
    missing = without(BRICKS[1], "10.99.0.2")
    assert step().remaining([missing]) is DONE
    assert step(own="10.99.0.9").remaining([missing]) == WAIT


@pytest.mark.parametrize(
    "reply", [FAILED, ok(CLIENTS.replace(f"<path>{BRICKS[1].path}</path>", "<path>/x</path>"))]
)
def test_clients_that_are_not_known_are_waited_for(reply: CommandResult) -> None:
    assert step().remaining([reply]) == WAIT
    assert "not known" in step().progress([reply])
