"""The answer to `volume status all clients`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.brick_clients import BrickClient, BrickClients
from tests.unit.answers import HEALTHY, answer_of, xml

#: GlusterFS 10.3; its bitd, scrub and quotad are connected, too
WITH_BITROT = Path(__file__).parents[2] / "answers/clients-with-bitrot.xml"
CLIENT = "<client><hostname>%s</hostname><bytesRead>1</bytesRead><opVersion>%s</opVersion></client>"


def node(*clients: str, count: int = -1, status: int = 1) -> str:
    number = len(clients) if count < 0 else count
    listed = f"<clientsStatus><clientCount>{number}</clientCount>{''.join(clients)}</clientsStatus>"
    return f"<node><hostname>n1</hostname><path>/b</path><status>{status}</status>{listed if status else ''}</node>"


def answer(*nodes: str) -> bytes:
    return xml(
        f"<volStatus><volumes><volume><volName>v</volName>{''.join(nodes)}</volume></volumes></volStatus>"
    )


def test_a_recorded_one() -> None:
    parsed = parse.brick_clients(answer_of(HEALTHY, "volume-status-clients"))
    assert not parsed.faults
    gv0 = [known for known in parsed.facts if known.volume == "gv0"]
    assert [known.host for known in gv0] == [f"node{number}.lab.test" for number in (1, 2, 3)]
    for known in gv0:
        addresses = Counter(client.address for client in known.clients or ())
        assert addresses == {"10.99.0.1": 3, "10.99.0.2": 2, "10.99.0.3": 1}
        assert {client.op_version for client in known.clients or ()} == {100000}


def test_a_recorded_one_with_bitrot_whose_daemons_connect_to_their_own_node() -> None:
    parsed = parse.brick_clients(WITH_BITROT.read_bytes())
    assert not parsed.faults
    assert [
        Counter(client.address for client in known.clients or ())["10.99.0.1"] for known in parsed.facts
    ] == [
        5,
        3,
        3,
    ]


def test_a_client() -> None:
    parsed = parse.brick_clients(
        answer(node(CLIENT % ("10.0.0.1:49140", 70200), CLIENT % ("fd99::1:1", 100000)))
    )
    clients = (BrickClient("10.0.0.1", 70200), BrickClient("fd99::1", 100000))
    assert parsed == parse.Parsed((BrickClients("v", "n1", "/b", clients),))


def test_a_brick_without_clients_and_one_that_does_not_run() -> None:
    assert parse.brick_clients(answer(node())) == parse.Parsed((BrickClients("v", "n1", "/b", ()),))
    assert parse.brick_clients(answer(node(status=0))) == parse.Parsed((BrickClients("v", "n1", "/b", None),))


@pytest.mark.parametrize(
    ("nodes", "fault"),
    [
        (node(CLIENT % ("nonsense", 1)), "a client is called 'nonsense'"),
        (node(CLIENT % ("10.0.0.1:x", 1)), "a client is called '10.0.0.1:x'"),
        (node(CLIENT % ("10.0.0.1:1", 1), count=2), "counts 2 clients and names 1"),
        (node(CLIENT % ("10.0.0.1:1", "x")), "opVersion of 10.0.0.1:1 is 'x'"),
        (node() + node(), "is there twice"),
        (
            "<node><hostname>n</hostname><path>/b</path><status>1</status></node>",
            "clientsStatus of n:/b is missing",
        ),
        ("<node><hostname>n</hostname><path>/b</path></node>", "status of n:/b is missing"),
        ("<node><hostname/><path>/b</path></node>", "is called"),
    ],
)
def test_a_fault_is_named(nodes: str, fault: str) -> None:
    assert any(fault in each for each in parse.brick_clients(answer(nodes)).faults)


def test_a_brick_with_a_client_that_cannot_be_read_has_no_count() -> None:
    listed = node(CLIENT % ("10.0.0.1:1", 1), CLIENT % ("nonsense", 1))
    assert parse.brick_clients(answer(listed)).facts == (BrickClients("v", "n1", "/b", None),)


def test_another_answer_is_none() -> None:
    with pytest.raises(parse.Unreadable):
        parse.brick_clients(answer_of(HEALTHY, "volume-info"))
