"""gnt-gluster diagnose."""

from __future__ import annotations

from ganeti_gluster_mon.health import CRITICAL, Health, Problem
from ganeti_gluster_mon.view.diagnose_command import of_nodes
from ganeti_gluster_mon.view.diagnosis import diagnose
from tests.unit.view.test_diagnosis import CLUSTER, inputs


def test_the_diagnosis_of_one_node_has_what_the_pool_says_of_it_too() -> None:
    """A glusterd that is frozen still answers for itself: its process runs, and the others know that it is silent."""
    problems = (
        Problem("PEER_SILENT", CRITICAL, "peer node2 does not answer on port 24007", "", "node2"),
        Problem("BRICK_OFFLINE", CRITICAL, "gv0: brick node2:/b is offline", "gv0", "node2:/b"),
        Problem("HEAL_DAEMON_DOWN", CRITICAL, "gv0: no self-heal daemon on node3", "gv0", "node3"),
        Problem("DAEMON_DOWN", CRITICAL, "gv0: Quota Daemon", "gv0", "Quota Daemon on node3"),
        Problem("HEAL_PENDING", CRITICAL, "gv0: 1 entry", "gv0"),
    )
    found = diagnose(inputs(health=Health(CRITICAL, "", problems, {})))
    two = of_nodes(found, CLUSTER, ["node2"])
    assert [each.text for each in two.nodes["node2"]] == [problems[0].text, problems[1].text]
    assert not two.well
    assert [each.text for each in of_nodes(found, CLUSTER, ["node3"]).nodes["node3"]] == [
        problems[2].text,
        problems[3].text,
    ]
    assert of_nodes(found, CLUSTER, ["node1"]).well
