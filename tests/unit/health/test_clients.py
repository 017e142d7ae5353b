"""Clients that are not connected to all bricks, or too old, and the op-version of the pool."""

from __future__ import annotations

from typing import Any, Optional

import pytest

from ganeti_gluster_mon.gluster.brick_clients import BrickClient
from ganeti_gluster_mon.gluster.model import Brick, Pool, Subvolume, Volume
from ganeti_gluster_mon.health import HEALING, OK
from ganeti_gluster_mon.health.clients import client_problems, op_version_problems

A, B, OLD = BrickClient("10.0.0.1", 100000), BrickClient("10.0.0.2", 100000), BrickClient("10.0.0.3", 70200)


def volume(*clients: Optional[tuple[BrickClient, ...]], kind: str = "replicate", **changes: Any) -> Volume:
    online = changes.pop("online", True)
    bricks = tuple(
        Brick("gv0", f"n{number}", "/b", online=online if number == 1 else True, clients=each)
        for number, each in enumerate(clients, 1)
    )
    return Volume("gv0", "u", kind, "started", "tcp", bricks, (Subvolume(kind, bricks),), **changes)


def found(made: Volume, op_version: Optional[int] = 100000) -> list[tuple[str, int, str]]:
    return [(one.code, one.severity, one.subject) for one in client_problems(made, op_version)]


def test_clients_that_are_connected_to_each_brick_are_no_problem() -> None:
    assert found(volume((A, A, B), (B, A, A), (A, B, A))) == []
    assert found(volume(None, (A,), (B,))) == found(volume((), (), ())) == []


def test_a_client_that_lacks_a_brick() -> None:
    (problem,) = client_problems(volume((A, A, B), (A, B), (A, A, B)), None)
    assert (problem.code, problem.severity, problem.subject) == (
        "CLIENT_PARTLY_CONNECTED",
        HEALING,
        "10.0.0.1",
    )
    assert "10.0.0.1 has 2 connections to brick n1:/b, and 1 to brick n2:/b" in problem.text
    assert len(found(volume((A, B), (), (A, B)))) == 2


@pytest.mark.parametrize(
    "changes",
    [{"online": False}, {"online": None}, {"kind": "distribute"}, {"options": {"features.bitrot": "on"}}],
)
def test_where_connections_differ_for_another_reason(changes: Any) -> None:
    assert found(volume((A,), (A, A), (A,), **changes)) == []


def test_clients_that_are_too_old() -> None:
    made = volume((A, OLD), (OLD, A), (A, OLD))
    assert found(made) == [("CLIENT_TOO_OLD", OK, "")]
    (problem,) = client_problems(made, 100000)
    assert problem.text.endswith("op-version 100000: 10.0.0.3 (70200)")
    assert found(made, 70200) == found(made, None) == []
    assert found(volume((BrickClient("a"),), (BrickClient("a"),))) == []


@pytest.mark.parametrize(
    ("current", "most", "expected"),
    [(90000, 100000, 1), (100000, 100000, 0), (100000, None, 0), (None, 100000, 0), (110000, 100000, 0)],
)
def test_a_pool_that_could_have_a_higher_op_version(
    current: Optional[int], most: Optional[int], expected: int
) -> None:
    problems = list(op_version_problems(Pool(taken_at=1, op_version=current, max_op_version=most)))
    assert [(one.code, one.severity) for one in problems] == [("OP_VERSION_LOW", OK)] * expected
