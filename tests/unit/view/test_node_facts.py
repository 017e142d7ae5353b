"""What a node reports about itself."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Dict

import pytest

from ganeti_gluster_mon.view import node_program
from ganeti_gluster_mon.view.node_facts import NodeFacts, node_facts


@pytest.mark.parametrize("parsed", [None, [], 7, "x", {}])
def test_a_node_that_reports_nonsense(parsed: Any) -> None:
    assert node_facts(parsed, 0.0, 1.0).glusterd is None


def test_what_is_of_the_wrong_kind_is_not_known() -> None:
    keys = "time gluster glusterd uuid operating_version storage_paths qemu_gluster resolved reached".split()
    parsed: Dict[str, Any] = {key: {"a": {}} for key in keys}
    assert node_facts(parsed, 0.0, 0.0) == NodeFacts()
    assert (
        node_facts({"time": True, "resolved": {"a": "b"}, "reached": {"a": "yes"}}, 0.0, 0.0) == NodeFacts()
    )
    assert node_facts({"time": 105.0, "glusterd": True}, 99.0, 101.0).clock_offset == 5.0


def test_what_a_node_says_of_itself() -> None:
    """The program as it is sent: it needs nothing, and names that cannot be resolved hold nothing up."""
    with open(node_program.__file__, "rb") as program:
        reply = subprocess.run(
            [sys.executable, "-I", "-", "localhost", "nosuch.invalid", "-x; reboot"],
            stdin=program,
            capture_output=True,
            check=True,
            timeout=60,
        )
    parsed = json.loads(reply.stdout)
    facts = node_facts(parsed, parsed["time"], parsed["time"])
    assert facts.clock_offset == 0.0
    assert facts.resolved["localhost"] and not facts.resolved["nosuch.invalid"]
    assert set(facts.resolved) == {"localhost", "nosuch.invalid", "-x; reboot"}
    assert facts.unreachable is None and facts.glusterd is not None
    assert facts.stats_writable is not None
