"""The tag of the cluster is set first and removed last."""

from __future__ import annotations

from dataclasses import replace
from typing import List

import pytest

from ganeti_gluster_mon.deploy.step import DONE, PreconditionFailed, Remaining
from ganeti_gluster_mon.maintenance.maintenance_record import MaintenanceRecord
from ganeti_gluster_mon.maintenance.record_steps import ForgetMaintenance, RecordMaintenance
from tests.unit.deploy.fake_nodes import FAILED, ok

MASTER, NODE = "node1.example.org", "node2.example.org"
RECORD = MaintenanceRecord(NODE, 1, 2, drained=True)
OTHER = MaintenanceRecord("node22.example.org", 1, 2, drained=True)


def lines(found: Remaining) -> List[str]:
    assert found is not None
    assert all(command.node == MASTER for command in found)
    return [str(command) for command in found]


def test_a_tag_is_added_once() -> None:
    step = RecordMaintenance(NODE, MASTER, RECORD)
    assert lines(step.remaining([ok(f"{OTHER.tag}\n")])) == [f"gnt-cluster add-tags {RECORD.tag}"]
    assert step.remaining([ok(f"{OTHER.tag}\n{RECORD.tag}\n")]) is DONE


def test_a_longer_mute_takes_the_place_of_the_tag_before_and_the_node_stays_in_maintenance() -> None:
    longer = replace(RECORD, until=3)
    step = RecordMaintenance(NODE, MASTER, longer)
    assert lines(step.remaining([ok(f"{RECORD.tag}\n")])) == [
        f"gnt-cluster add-tags {longer.tag}",
        f"gnt-cluster remove-tags {RECORD.tag}",
    ]
    # killed between the two
    assert lines(step.remaining([ok(f"{RECORD.tag}\n{longer.tag}\n")])) == [
        f"gnt-cluster remove-tags {RECORD.tag}"
    ]


def test_all_tags_of_the_node_and_no_others_are_removed() -> None:
    step = ForgetMaintenance(NODE, MASTER)
    longer = replace(RECORD, until=3)
    assert lines(step.remaining([ok(f"{OTHER.tag}\n{RECORD.tag}\n{longer.tag}\n")])) == [
        f"gnt-cluster remove-tags {RECORD.tag} {longer.tag}"
    ]
    assert step.remaining([ok(f"{OTHER.tag}\n")]) is DONE


@pytest.mark.parametrize("step", [RecordMaintenance(NODE, MASTER, RECORD), ForgetMaintenance(NODE, MASTER)])
def test_tags_that_cannot_be_read_are_not_none(step: RecordMaintenance) -> None:
    with pytest.raises(PreconditionFailed, match="tags of the cluster cannot be read"):
        step.remaining([FAILED])
