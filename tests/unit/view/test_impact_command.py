"""`gnt-gluster impact`: instances first, and what is not known is not "none"."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.health.stop_check import StopCheck
from ganeti_gluster_mon.view.impact_command import as_json, lines

HEALTHY = Path(__file__).parents[2] / "captures" / "healthy" / "node1"


def test_lines() -> None:
    found = StopCheck(
        ("gv0: replica set would lose its quorum: 1 of 3 bricks left",), (), ("db", "we\nb"), ()
    )
    assert list(lines(found, ["node2", "node3"])) == [
        "if node2, node3 failed now:",
        "  instances that would stop: 2 (db, we b)",
        "  instances that would have a copy less: none",
        "  gv0: replica set would lose its quorum: 1 of 3 bricks left",
    ]


def test_instances_that_are_not_known() -> None:
    found = StopCheck((), (), None, None, "the configuration cannot be read")
    assert list(lines(found, ["node2"])) == [
        "if node2 failed now:",
        "  instances: not known (the configuration cannot be read)",
        "  no started volume has a brick there",
    ]
    assert as_json(found) == {"faults": [], "left": [], "stopped_guests": None, "guests_at_risk": None}


def test_of_a_capture(capsys: pytest.CaptureFixture[str]) -> None:
    assert gnt_gluster.main(["impact", "--replay", str(HEALTHY), "--json", "node2", "node3"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert any("gv0: replica set would lose its quorum" in line for line in found["faults"])
    assert gnt_gluster.main(["impact", "--replay", str(HEALTHY), "node9"]) == 1
    assert "node9 is no node of the pool" in capsys.readouterr().err
