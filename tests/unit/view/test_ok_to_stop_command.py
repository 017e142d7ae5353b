"""`gnt-gluster ok-to-stop` on recorded captures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Sequence, Tuple

import pytest

from ganeti_gluster_mon import gnt_gluster

CAPTURES = Path(__file__).parents[2] / "captures"
HEALTHY = CAPTURES / "healthy" / "node1"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> Tuple[int, str, str]:
    code = gnt_gluster.main(["ok-to-stop", "--replay", str(HEALTHY), *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def as_json(capsys: pytest.CaptureFixture[str], words: Sequence[str]) -> Tuple[int, Dict[str, Any]]:
    code, out, _ = run(capsys, "--json", *words)
    return code, dict(json.loads(out))


def test_a_node_by_its_short_name_and_a_brick(capsys: pytest.CaptureFixture[str]) -> None:
    full = as_json(capsys, ["node2.lab.test"])
    assert as_json(capsys, ["node2"]) == full
    code, found = full
    assert (code, found["ok"]) == (0 if not found["reasons"] else 1, not found["reasons"])
    code, found = as_json(capsys, ["node2:/export/b1/gv0"])
    assert (code, found["ok"], found["reasons"]) == (0, True, [])
    assert found["left"] == ["gv0: replica set: 2 of 3 bricks left"]


def test_two_nodes_of_three(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "node2", "node3")
    assert code == 1
    first, *reasons = out.splitlines()
    assert first == "no: node2, node3 must not be stopped now"
    assert any("gv0: replica set would lose its quorum: 1 of 3 bricks left" in line for line in reasons)


def test_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "node9")
    assert (code, out) == (1, "")
    assert err == (
        "gnt-gluster: node9 is no node of the pool and no brick: gnt-gluster list-nodes and "
        "gnt-gluster list-bricks show them\n"
    )
