"""Who leads: all who hear each other come to the same node, and there is never none for long."""

from __future__ import annotations

import itertools
from typing import Dict, List, Optional, Set, Tuple

import pytest

from ganeti_gluster_mon.daemon.cluster.leader_election import Voice, leader

PATIENCE = 10.0


def voice(uuid: str, able: bool = True, leads: bool = False, waits: float = 0.0) -> Voice:
    return Voice(uuid, able, leads, waits)


def test_alone_it_leads() -> None:
    assert leader(voice("b"), [], PATIENCE) == "b"


def test_alone_and_not_able_nobody_leads() -> None:
    assert leader(voice("b", able=False), [], PATIENCE) is None


def test_the_lowest_that_leads_is_followed() -> None:
    others = [voice("c", leads=True), voice("a", leads=True)]
    assert leader(voice("d"), others, PATIENCE) == "a"


def test_higher_ones_do_not_matter_to_who_can_lead() -> None:
    assert leader(voice("a"), [voice("b", leads=True)], PATIENCE) == "a"


def test_who_cannot_lead_follows_whoever_does() -> None:
    others = [voice("b", able=False), voice("c"), voice("d", leads=True)]
    assert leader(voice("a", able=False), others, PATIENCE) == "d"


def test_a_lower_one_about_to_begin_is_waited_for() -> None:
    assert leader(voice("b"), [voice("a")], PATIENCE) == "a"


def test_a_lower_one_that_never_begins_is_not() -> None:
    assert leader(voice("b"), [voice("a", waits=PATIENCE)], PATIENCE) == "b"


def test_who_leads_goes_on_until_the_lower_one_does() -> None:
    assert leader(voice("b", leads=True), [voice("a")], PATIENCE) == "b"
    assert leader(voice("b", leads=True), [voice("a", leads=True)], PATIENCE) == "a"


def test_who_is_not_able_is_passed_over() -> None:
    assert leader(voice("b"), [voice("a", able=False, leads=True)], PATIENCE) == "b"


#: a node's uuid → whether it is able; and between whom there is a way
NODES = ("a", "b", "c", "d")


def settled(
    able: Dict[str, bool], reach: Set[Tuple[str, str]], start: Tuple[str, ...]
) -> Dict[str, Optional[str]]:
    """Whom each node follows after some rounds in which each hears all it can; *start* lead at first."""
    leading = set(start)
    follows: Dict[str, Optional[str]] = {}
    for _ in range(2 * len(NODES)):
        heard = {uuid: voice(uuid, able[uuid], uuid in leading and able[uuid]) for uuid in NODES}
        follows = {
            own: leader(heard[own], [heard[other] for other in NODES if (own, other) in reach], PATIENCE)
            for own in NODES
        }
        leading = {own for own, followed in follows.items() if own == followed}
    return follows


EVERY_ABLE = list(itertools.product((True, False), repeat=len(NODES)))
STARTS: List[Tuple[str, ...]] = [(), ("a",), ("d",), ("b", "c"), NODES]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("able", EVERY_ABLE)
def test_all_come_to_the_same_one(able: Tuple[bool, ...], start: Tuple[str, ...]) -> None:
    can = dict(zip(NODES, able))
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
