"""A rebalance that replace-brick resets makes real Gluster fail `get-state`: what no other query reports is unknown."""

from __future__ import annotations

import functools
from typing import Iterator, List, Optional

import pytest

from tests.lab.pool import Pool
from tests.lab.waiting import wait_until
from tests.lab_tests.looking import Look, look

pytestmark = pytest.mark.lab

LONG = 120.0
REASON = "`get-state` fails on this node and reports a part only"


@pytest.fixture(scope="module")
def reset(lab_pool: Pool) -> Iterator[List[str]]:
    """The volumes `ar` and `zz` in replica sets, of which the first had a rebalance and then a brick replaced."""
    names = ["ar", "zz"]
    for name in names:
        bricks = [*lab_pool.bricks(f"/export/b1/{name}"), *lab_pool.bricks(f"/export/b2/{name}")]
        lab_pool.create_volume(name, bricks, replica=3)
    try:
        lab_pool.gluster("volume", "rebalance", "ar", "start")
        wait_until(
            lambda: "in progress" not in lab_pool.gluster("volume", "rebalance", "ar", "status"),
            "the rebalance to end",
            LONG,
            0.5,
        )
        old, new = "node3.lab.test:/export/b2/ar", "node3.lab.test:/export/b2/ar2"
        lab_pool.gluster("volume", "replace-brick", "ar", old, new, "commit", "force")
        yield names
    finally:
        for name in names:  # get-state, by which the lab itself looks, fails
            for words in (("stop", name), ("delete", name)):
                lab_pool.gluster("volume", *words)
        lab_pool.wait_connected()


def test_a_rebalance_that_replace_brick_resets(lab_pool: Pool, reset: List[str]) -> None:
    states = [lab_pool.exec(host.number, ["gluster", "get-state"], check=False) for host in lab_pool.hosts]
    assert any(state.returncode for state in states), "this Gluster has no such fault any more"
    lab_pool.gluster("volume", "heal", "ar", "full")
    for number in (host.number for host in lab_pool.hosts):
        healthy = functools.partial(_healthy, lab_pool, number)
        observed: Look = wait_until(healthy, f"node{number} to be well", LONG, 0.5)
        # `volume status` and the others report everything of every volume, so nothing is unknown
        for name in reset:
            volume = observed.volume(name)
            assert all(brick["online"] is True and brick["size"] for brick in volume["bricks"]), volume
            assert volume["capacity"] is not None
        assert REASON not in observed.message


def _healthy(pool: Pool, number: int) -> Optional[Look]:
    observed = look(pool, number)
    return observed if observed.code == 0 else None


def test_while_a_peer_is_silent_its_own_bricks_are_known_all_the_same(
    lab_pool: Pool, reset: List[str]
) -> None:
    """Then `volume status` is not queried, and `get-state` would be the source."""
    host = next(
        host.number
        for host in lab_pool.hosts
        if lab_pool.exec(host.number, ["gluster", "get-state"], check=False).returncode
    )
    other = next(each.number for each in lab_pool.hosts if each.number != host)
    lab_pool.cut(other)
    try:
        observed = look(lab_pool, host)
        own = lab_pool.host(host).name
        for name in reset:
            for brick in observed.volume(name)["bricks"]:
                if brick["host"] == own:
                    assert brick["online"] is True, brick
        texts = [one["text"] for one in observed.reports["gluster"]["data"]["status"]["problems"]]
        assert observed.message.count(REASON) == 1, observed.message  # of several volumes, in one line
        assert any(REASON in text for text in texts), texts
    finally:
        lab_pool.join(other)
        wait_until(
            lambda: lab_pool.gluster("pool", "list", host=host).count("Connected") == 3,
            "all peers",
            LONG,
            0.5,
        )
