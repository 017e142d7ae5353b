"""Which node leads: nodes that reach each other elect the same one, and are never without one for long."""

from __future__ import annotations

import itertools
from typing import Dict, List, Optional, Set, Tuple

import pytest

from ganeti_gluster_mon.daemon.cluster.leader_election import Candidate, elect_leader

TAKEOVER_TIMEOUT = 10.0


def candidate(
    uuid: str, eligible: bool = True, leads: bool = False, waiting_seconds: float = 0.0
) -> Candidate:
    return Candidate(uuid, eligible, leads, waiting_seconds)


def test_alone_it_leads() -> None:
    assert elect_leader(candidate("b"), [], TAKEOVER_TIMEOUT) == "b"


def test_alone_and_not_able_no_node_leads() -> None:
    assert elect_leader(candidate("b", eligible=False), [], TAKEOVER_TIMEOUT) is None


def test_the_lowest_that_leads_is_followed() -> None:
    others = [candidate("c", leads=True), candidate("a", leads=True)]
    assert elect_leader(candidate("d"), others, TAKEOVER_TIMEOUT) == "a"


def test_nodes_with_higher_uuids_do_not_matter_to_one_that_can_lead() -> None:
    assert elect_leader(candidate("a"), [candidate("b", leads=True)], TAKEOVER_TIMEOUT) == "a"


def test_a_node_that_cannot_lead_follows_the_leader() -> None:
    others = [candidate("b", eligible=False), candidate("c"), candidate("d", leads=True)]
    assert elect_leader(candidate("a", eligible=False), others, TAKEOVER_TIMEOUT) == "d"


def test_a_lower_one_about_to_begin_is_waited_for() -> None:
    assert elect_leader(candidate("b"), [candidate("a")], TAKEOVER_TIMEOUT) == "a"


def test_a_lower_one_that_never_begins_is_not() -> None:
    assert (
        elect_leader(candidate("b"), [candidate("a", waiting_seconds=TAKEOVER_TIMEOUT)], TAKEOVER_TIMEOUT)
        == "b"
    )


def test_a_lower_one_has_the_whole_timeout_to_begin() -> None:
    assert (
        elect_leader(
            candidate("b"), [candidate("a", waiting_seconds=TAKEOVER_TIMEOUT - 0.1)], TAKEOVER_TIMEOUT
        )
        == "a"
    )
    # it has not waited unless it says so
    assert elect_leader(candidate("b"), [Candidate("a", eligible=True, leads=False)], 0.5) == "a"


def test_two_lower_ones_are_waited_for_in_turn() -> None:
    late, next_one = candidate("a", waiting_seconds=TAKEOVER_TIMEOUT), candidate("b")
    assert elect_leader(candidate("c"), [next_one, late], TAKEOVER_TIMEOUT) == "b"
    assert elect_leader(candidate("c", eligible=False), [next_one, late], TAKEOVER_TIMEOUT) is None


def test_a_node_with_the_same_uuid_does_not_lead_in_its_place() -> None:
    assert (
        elect_leader(candidate("b"), [candidate("b", eligible=False), candidate("c", leads=True)], 1.0) == "b"
    )


def test_a_leader_continues_until_the_node_with_a_lower_uuid_leads() -> None:
    assert elect_leader(candidate("b", leads=True), [candidate("a")], TAKEOVER_TIMEOUT) == "b"
    assert elect_leader(candidate("b", leads=True), [candidate("a", leads=True)], TAKEOVER_TIMEOUT) == "a"


def test_a_node_that_is_not_eligible_is_passed_over() -> None:
    assert elect_leader(candidate("b"), [candidate("a", eligible=False, leads=True)], TAKEOVER_TIMEOUT) == "b"


#: a node's uuid → whether it is eligible; and between whom there is a way
NODES = ("a", "b", "c", "d")


def settled(
    eligible: Dict[str, bool], reach: Set[Tuple[str, str]], start: Tuple[str, ...]
) -> Dict[str, Optional[str]]:
    """Whom each node follows after some rounds in which each hears all it can; *start* lead at first."""
    leading = set(start)
    follows: Dict[str, Optional[str]] = {}
    for _ in range(2 * len(NODES)):
        heard = {uuid: candidate(uuid, eligible[uuid], uuid in leading and eligible[uuid]) for uuid in NODES}
        follows = {
            own: elect_leader(
                heard[own], [heard[other] for other in NODES if (own, other) in reach], TAKEOVER_TIMEOUT
            )
            for own in NODES
        }
        leading = {own for own, followed in follows.items() if own == followed}
    return follows


EVERY_ABLE = list(itertools.product((True, False), repeat=len(NODES)))
STARTS: List[Tuple[str, ...]] = [(), ("a",), ("d",), ("b", "c"), NODES]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("eligible", EVERY_ABLE)
def test_all_come_to_the_same_one(eligible: Tuple[bool, ...], start: Tuple[str, ...]) -> None:
    can = dict(zip(NODES, eligible))
    reach = {(one, other) for one in NODES for other in NODES if one != other}
    expected = next((uuid for uuid in NODES if can[uuid]), None)
    assert set(settled(can, reach, start).values()) == {expected}


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("side", [{"a"}, {"d"}, {"a", "b"}, {"a", "d"}])
def test_each_side_of_a_split_has_its_own(side: Set[str], start: Tuple[str, ...]) -> None:
    reach = {
        (one, other) for one in NODES for other in NODES if one != other and (one in side) == (other in side)
    }
    follows = settled(dict.fromkeys(NODES, True), reach, start)
    for group in (side, set(NODES) - side):
        assert {follows[uuid] for uuid in group} == {min(group)}
