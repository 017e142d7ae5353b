"""What the parsers share: flags, states, counts, lists without duplicates."""

from __future__ import annotations

from typing import Mapping, Optional

import pytest

from ganeti_gluster_mon.gluster.parse import xml_records
from ganeti_gluster_mon.gluster.validation import Faults, Parsed, Refused, Unreadable
from ganeti_gluster_mon.gluster.xmlstream import Record
from tests.unit.answers import xml


def record(**texts: str) -> Record:
    made = Record()
    made.texts = dict(texts)
    return made


@pytest.mark.parametrize(
    ("texts", "value", "fault"),
    [
        ({"online": "1"}, True, ()),
        ({"online": "0"}, False, ()),
        ({}, None, ("online of b is missing",)),
        ({"online": "2"}, None, ("online of b is '2'",)),
        ({"online": "yes"}, None, ("online of b is 'yes'",)),
    ],
)
def test_a_flag_is_0_or_1(texts: Mapping[str, str], value: Optional[bool], fault: tuple[str, ...]) -> None:
    faults = Faults()
    assert xml_records.flag(texts, "online", "b", faults) is value
    assert faults.all() == fault


@pytest.mark.parametrize(
    ("texts", "state"),
    [
        ({"status": "3", "statusStr": "Completed"}, "completed"),
        ({"status": "3", "statusStr": "in progress"}, None),
        ({"status": "99", "statusStr": "completed"}, None),
        ({"status": "3"}, None),
        ({"statusStr": "completed"}, None),
    ],
)
def test_a_state_that_is_written_twice_has_to_agree(texts: Mapping[str, str], state: Optional[str]) -> None:
    faults = Faults()
    assert xml_records.state_word(texts, xml_records.TASK_STATES, "the task", faults) == state
    assert len(faults.all()) == (state is None)


@pytest.mark.parametrize(
    ("count", "listed", "fewer", "faults"),
    [
        ("3", 3, False, 0),
        ("3", 2, False, 1),
        ("3", 4, False, 1),
        ("3", 2, True, 0),
        ("3", 4, True, 1),
        (None, 3, False, 1),
        ("x", 3, False, 1),
    ],
)
def test_a_count_is_compared_with_what_is_listed(
    count: Optional[str], listed: int, fewer: bool, faults: int
) -> None:
    found = Faults()
    xml_records.compare_count(count, listed, "bricks", "volume gv0", found, fewer)
    assert len(found.all()) == faults


def test_a_record_that_is_there_twice_counts_once() -> None:
    faults = Faults()
    found = xml_records.once([("a", 1), None, ("b", 2), ("a", 3)], "brick", lambda each: each[0], faults)
    assert found == (("a", 1), ("b", 2))
    assert faults.all() == ("brick a is there twice",)
    twice = [["n", "/b"], ["n", "/b"]]
    assert xml_records.once(twice, "brick", lambda each: (each[0], each[1]), faults) == (["n", "/b"],)
    assert faults.all()[1:] == ("brick n:/b is there twice",)


def test_a_list_that_is_missing_is_a_fault_and_an_empty_one_is_not() -> None:
    faults = Faults()
    assert xml_records.children(record(), "bricks", "brick", "gv0", faults) == []
    assert faults.all() == ("bricks of gv0 are missing",)
    parent = record()
    parent.children = {"bricks": [record()]}
    assert xml_records.children(parent, "bricks", "brick", "gv0", faults) == []
    assert len(faults.all()) == 1


def test_an_answer_to_another_query_is_unreadable() -> None:
    with pytest.raises(Unreadable, match=r"not the answer to this query: it has no <volumes>"):
        xml_records.only(record(), "volumes")


def test_readable_reads_the_result_only() -> None:
    assert xml_records.readable(xml("<anything><x/></anything>")) == Parsed(None)
    reason = b"<opErrstr>it is no</opErrstr>"
    with pytest.raises(Refused, match="it is no"):
        xml_records.readable(xml("").replace(b"<opRet>0", b"<opRet>-1").replace(b"<opErrstr/>", reason))
    with pytest.raises(Unreadable, match="cut short"):
        xml_records.readable(xml("")[:-5])
