"""The answer to `volume rebalance status`."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import pytest

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.rebalance import Rebalance, RebalanceNode
from tests.unit.answers import HEALTHY, TASK, answer_of, xml

REPORTS = Path(__file__).parents[3] / "captures" / "reports"
REBALANCE = (
    f"<volRebalance><task-id>{TASK}</task-id><op>3</op><nodeCount>%d</nodeCount>"
    "<node><nodeName>localhost</nodeName><failures>2</failures><status>3</status><statusStr>completed</statusStr></node>"
    "<node><nodeName>node2</nodeName><failures>0</failures><status>1</status><statusStr>in progress</statusStr></node>"
    "<aggregate><failures>2</failures><status>%s</status><statusStr>in progress</statusStr></aggregate></volRebalance>"
)


def test_rebalance() -> None:
    # A third host on which it was never started is counted and not listed.
    for nodes in (2, 3):
        parsed = parse.rebalance_status(xml(REBALANCE % (nodes, "1")))
        on_hosts = (RebalanceNode("localhost", "completed", 2), RebalanceNode("node2", "in progress", 0))
        assert parsed == parse.Parsed(Rebalance("rebalance", "in progress", TASK, failures=2, nodes=on_hosts))
    assert parse.rebalance_status(xml(REBALANCE % (1, "1"))).faults == (
        "the rebalance counts 1 nodes and names 2",
    )
    with pytest.raises(parse.Unreadable, match="status of the rebalance is '3', 'in progress'"):
        parse.rebalance_status(xml(REBALANCE % (2, "3")))


def test_remove_brick() -> None:
    """As Gluster 10.3 wrote it."""
    answer = f"""
  <volRemoveBrick>
    <task-id>{TASK}</task-id>
    <nodeCount>3</nodeCount>
    <node>
      <nodeName>node2.lab.test</nodeName>
      <id>baa965a5-a4c2-4147-9ef5-e0d73dd77dd8</id>
      <files>69</files>
      <size>6900000</size>
      <lookups>70</lookups>
      <failures>1</failures>
      <skipped>0</skipped>
      <status>3</status>
      <statusStr>completed</statusStr>
      <runtime>1.00</runtime>
    </node>
    <aggregate>
      <files>69</files>
      <size>6900000</size>
      <lookups>70</lookups>
      <failures>1</failures>
      <skipped>0</skipped>
      <status>3</status>
      <statusStr>completed</statusStr>
      <runtime>1.00</runtime>
    </aggregate>
  </volRemoveBrick>
"""
    node = RebalanceNode(
        "node2.lab.test", "completed", 1, files=69, size=6900000, lookups=70, skipped=0, run_time=1.0
    )
    parsed = parse.remove_brick_status(xml(answer))
    assert parsed == parse.Parsed(Rebalance("remove-brick", "completed", TASK, failures=1, nodes=(node,)))
    with pytest.raises(parse.NoAnswer):
        parse.rebalance_status(xml(answer))


def test_counts_of_a_host() -> None:
    parsed = parse.rebalance_status(
        (REPORTS / "rebalance-done-failures" / "rebalance-bigvol.xml").read_bytes()
    )
    assert not parsed.faults
    first = RebalanceNode(
        "localhost",
        "completed",
        607,
        files=1078333,
        size=110595407872,
        lookups=31394531,
        skipped=4519379,
        run_time=158751.00,
    )
    assert parsed.facts.nodes[0] == first
    broken = REBALANCE.replace(
        "<failures>2</failures><status>3", "<failures>2</failures><files>-1</files><status>3", 1
    )
    parsed = parse.rebalance_status(xml(broken % (2, "1")))
    assert parsed.facts.nodes[0].files is None
    assert parsed.faults == ("files of the rebalance on localhost is '-1'",)


@pytest.mark.parametrize(
    ("text", "seconds"), [("12.00", 12.0), ("7", 7.0), ("", None), ("-1", None), ("1e9", None)]
)
def test_the_run_time_of_a_host(text: str, seconds: Optional[float]) -> None:
    answer = REBALANCE.replace("</statusStr></node>", f"</statusStr><runtime>{text}</runtime></node>")
    parsed = parse.rebalance_status(xml(answer % (2, "1")))
    assert not parsed.faults
    assert [node.run_time for node in parsed.facts.nodes] == [seconds, seconds]
    # only that of the host on which it is in progress
    assert parsed.facts.run_time == seconds


def test_refused_in_glusters_own_words() -> None:
    with pytest.raises(parse.Refused) as refused:
        parse.rebalance_status(answer_of(HEALTHY, "rebalance-gv0"))
    assert refused.value.op_errno == 30800
    assert (
        refused.value.message
        == str(refused.value)
        == ("Volume gv0 is not a distribute volume or contains only 1 brick. Not performing rebalance")
    )
    with pytest.raises(parse.Refused, match="Not able to fetch volfile from glusterd"):
        parse.heal_info(answer_of(HEALTHY, "heal-summary-stopped"))
