"""The answer to `volume rebalance status`."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.gluster import parse
from ganeti_gluster_mon.gluster.model import Rebalance, RebalanceNode
from tests.unit.answers import HEALTHY, TASK, answer_of, xml

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
