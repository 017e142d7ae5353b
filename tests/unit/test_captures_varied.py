"""Every capture with other names of hosts, and every two of them as one pool: each fault is still found."""

from __future__ import annotations

from typing import Callable, Dict, Set

import pytest

from ganeti_gluster_mon.gluster import query
from ganeti_gluster_mon.gluster.capture import Capture
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import Health, Limits, evaluate
from tests import mutate
from tests.unit import all_captures, varied

#: those that have all queries about the whole pool, each answered
WHOLE = [
    name
    for name in all_captures.NAMES
    if all(
        b"<opRet>0</opRet>" in getattr(all_captures.read(name).answer(each), "output", b"")
        for each in (
            query.VOLUME_INFO,
            query.POOL_LIST,
            query.VOLUME_STATUS,
            query.VOLUME_STATUS_DETAIL,
        )
    )
]
LABEL = "a-label-may-have-sixty-three-characters-and-this-one-has-them-al"[:63]
RENAMED: Dict[str, Callable[[int, str], str]] = {
    "short": lambda number, name: f"n{number}",
    "long": lambda number, name: f"{LABEL}.{LABEL}.{LABEL}.h{number}",
    "IPv4": lambda number, name: f"192.0.2.{number + 1}",
    "IPv6": lambda number, name: f"2001:db8::{number + 1:x}",
    "alike": lambda number, name: "node" + "1" * number,
    "upper case": lambda number, name: f"NODE-{number}.Example",
}


def result(capture: Capture) -> Health:
    return evaluate(build_pool(capture), Limits(), capture.recorded_at)


def codes(health: Health) -> Set[str]:
    return {problem.code for problem in health.problems}


def test_the_captures_are_taken() -> None:
    assert len(WHOLE) >= 24


@pytest.mark.corpus
@pytest.mark.parametrize("names", RENAMED.values(), ids=list(RENAMED))
@pytest.mark.parametrize("name", all_captures.NAMES)
def test_other_names_of_hosts_change_nothing(name: str, names: Callable[[int, str], str]) -> None:
    capture = all_captures.read(name)
    before, after = result(capture), result(varied.with_hosts(capture, names))
    assert (after.code, codes(after)) == (before.code, codes(before))
    assert len(after.problems) == len(before.problems)
    assert {volume: each.status for volume, each in after.volumes.items()} == {
        volume: each.status for volume, each in before.volumes.items()
    }


@pytest.mark.corpus
@pytest.mark.parametrize("name", WHOLE)
def test_two_pools_in_one_have_the_faults_of_both(name: str) -> None:
    first = all_captures.read(name)
    for other in mutate.sample(WHOLE, 9, seed=WHOLE.index(name)):
        second = all_captures.read(other)
        one, two = result(first), result(second)
        found = result(varied.merged(first, second))
        assert codes(found) >= codes(one) | codes(two), other
        assert found.code == max(one.code, two.code), other
        statuses = {volume: each.status for volume, each in one.volumes.items()}
        statuses.update((f"{volume}-2", each.status) for volume, each in two.volumes.items())
        assert {volume: each.status for volume, each in found.volumes.items()} == statuses, other
