"""Which nodes are in maintenance, by tags of the cluster."""

from __future__ import annotations

import re

import pytest

from ganeti_gluster_mon.maintenance.maintenance_record import (
    InvalidMaintenanceTag,
    MaintenanceRecord,
    in_the_way,
    record_of,
    records,
    tags_of,
)

NODE = "node2.example.org"
RECORD = MaintenanceRecord(NODE, 1_795_000_000, 1_795_007_200, drained=True)
#: of Ganeti (lib/objects.py, TaggableObject) and its longest
VALID_TAG, LONGEST = re.compile(r"[\w.+*/:@-]+\Z"), 128


@pytest.mark.parametrize("drained", [True, False])
def test_a_record_is_the_same_after_its_way_through_a_tag(drained: bool) -> None:
    record = MaintenanceRecord(NODE, 1, 2, drained)
    assert records(["other", "gluster:join:gv0:/dev/vdb", record.tag]) == (record,)
    assert record_of([record.tag], NODE) == record
    assert record_of([record.tag], "node22.example.org") is None


def test_ganeti_takes_the_tag() -> None:
    longest = MaintenanceRecord(f"{'n' * 60}.example.org", 99_999_999_999, 99_999_999_999, drained=True)
    for record in (RECORD, longest):
        assert VALID_TAG.match(record.tag)
        assert len(record.tag) <= LONGEST


def test_of_two_tags_of_a_node_that_counts_which_mutes_longer() -> None:
    later = MaintenanceRecord(NODE, RECORD.since, RECORD.until + 1, drained=True)
    assert records([later.tag, RECORD.tag]) == records([RECORD.tag, later.tag]) == (later,)
    assert set(tags_of([later.tag, RECORD.tag, "gluster:maintenance:node1:1:2:kept"], NODE)) == {
        later.tag,
        RECORD.tag,
    }


@pytest.mark.parametrize(
    "rest",
    ["", "node2", ":1:2:drained", "node2:1:2", "node2:1:2:", "node2:1:2:other", "node2:a:2:kept", "node2:1:-2:kept",
     "node2:1:2:kept:more", "node2:٢:2:kept", "node2:1:999999999999:kept"],
)  # fmt: skip
def test_a_tag_that_is_no_record_is_never_passed_over(rest: str) -> None:
    with pytest.raises(InvalidMaintenanceTag, match="gnt-cluster remove-tags"):
        records([f"gluster:maintenance:{rest}"])


def test_what_is_in_the_way_of_other_commands_says_what_to_do() -> None:
    assert in_the_way(["gluster:join:gv0:/dev/vdb"]) == ""
    reason = in_the_way([RECORD.tag])
    assert reason.startswith(f"{NODE} is in maintenance since ")
    assert f"gnt-gluster maintenance finish {NODE}" in reason
    assert f"gnt-cluster remove-tags {RECORD.tag}" in reason
