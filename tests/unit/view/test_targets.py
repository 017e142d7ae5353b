"""Nodes and bricks that an administrator names."""

from __future__ import annotations

from typing import Sequence, Set

import pytest

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.view.targets import targets
from tests.unit.example_pool import POOL
from tests.unit.view.test_listing import CLUSTER

NODE1, NODE2 = "node1.lab.test", "node2.lab.test"


@pytest.mark.parametrize(
    ("names", "hosts", "bricks"),
    [
        ([NODE1], {NODE1}, set()),
        (["node1"], {NODE1}, set()),
        (["node1.lab"], {NODE1}, set()),
        (["10.0.0.1"], {NODE1}, set()),
        (["10.1.0.2", "node1"], {NODE1, NODE2}, set()),
        ([f"{NODE1}:/export/b1/gv0"], set(), {f"{NODE1}:/export/b1/gv0"}),
        (["node1:/export/b1/gv0"], set(), {f"{NODE1}:/export/b1/gv0"}),
        (["node3"], {"node3.lab.test"}, set()),
        ([], set(), set()),
    ],
)
def test_a_host_by_its_names_and_addresses(names: Sequence[str], hosts: Set[str], bricks: Set[str]) -> None:
    assert targets(POOL, CLUSTER, names) == (hosts, bricks)


@pytest.mark.parametrize("name", ["node", "x", "", "node1:/export", "node9", "10.0.0.7", "a\nb"])
def test_a_name_of_nothing_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(CommandError, match="is no node of the pool and no brick") as refused:
        targets(POOL, CLUSTER, [name])
    assert "\n" not in str(refused.value)


def test_without_a_cluster_the_names_of_the_pool_count() -> None:
    assert targets(POOL, None, ["node2"])[0] == {NODE2}
    with pytest.raises(CommandError):
        targets(POOL, None, ["10.0.0.1"])
