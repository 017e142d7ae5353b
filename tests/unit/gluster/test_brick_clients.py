"""Connections of clients to the bricks of a subvolume."""

from __future__ import annotations

from typing import Optional

import pytest

from ganeti_gluster_mon.gluster.brick_clients import BrickClient, uneven


def clients(addresses: Optional[str]) -> Optional[tuple[BrickClient, ...]]:
    return None if addresses is None else tuple(BrickClient(each) for each in addresses)


@pytest.mark.parametrize(
    ("bricks", "expected"),
    [
        (["ab", "ba", "ab"], {}),
        (["aab", "ab", "aab"], {"a": (2, 1, 2)}),
        (["a", "", "ab"], {"a": (1, 0, 1), "b": (0, 0, 1)}),
        (["a", None, ""], {}),
        ([], {}),
        (["ab"], {}),
    ],
)
def test_clients_that_are_not_connected_to_each_brick_alike(
    bricks: list[Optional[str]], expected: dict[str, tuple[int, ...]]
) -> None:
    assert uneven(map(clients, bricks)) == expected
