"""Values of a manifest: what fits is returned, anything else is Malformed."""

from __future__ import annotations

from typing import Any, Dict

import pytest

from ganeti_gluster_mon.gluster import manifest_values as values
from ganeti_gluster_mon.gluster.manifest_values import Malformed, disk_entry, disk_file
from ganeti_gluster_mon.gluster.model import DiskFile, Mount, Process


@pytest.mark.parametrize("number", [0, 1, values.LAST_MOMENT])
def test_a_whole_number(number: int) -> None:
    assert values.whole_number(number, "time") == number


@pytest.mark.parametrize("value", [-1, values.LAST_MOMENT + 1, True, 1.0, "1", None, [], float("nan")])
def test_what_is_no_whole_number(value: Any) -> None:
    with pytest.raises(values.Malformed, match="time is "):
        values.whole_number(value, "time")


def test_what_is_missing_is_empty() -> None:
    assert values.mapping(None, str, "x") == {}
    assert values.list_of(None, "x") == []
    assert values.text_or_none(None, "x") is None


def test_what_is_of_the_right_kind_is_returned() -> None:
    assert values.mapping({"a": "b"}, str, "x") == {"a": "b"}
    assert values.list_of([1, "a"], "x") == [1, "a"]
    assert values.text_or_none("a", "x") == "a"


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (lambda value: values.mapping(value, str, "it"), []),
        (lambda value: values.mapping(value, str, "it"), {"a": 1}),
        (lambda value: values.list_of(value, "it"), {}),
        (lambda value: values.list_of(value, "it"), "ab"),
        (lambda value: values.text_or_none(value, "it"), 1),
    ],
)
def test_what_is_of_another_kind_is_named(function: Any, value: Any) -> None:
    with pytest.raises(values.Malformed, match=r"^it is "):
        function(value)


def test_a_value_of_megabytes_is_cut_short() -> None:
    with pytest.raises(values.Malformed) as refused:
        values.expect("x" * 10_000_000, dict, "it")
    assert len(str(refused.value)) < 200


def test_a_record_ignores_what_later_versions_add() -> None:
    entry = {"volume": "gv0", "path": "/mnt", "servers": ["a", "b"], "from_the_future": {}}
    assert values.record(Mount, entry, "mount") == Mount("gv0", "/mnt", ("a", "b"))


@pytest.mark.parametrize(
    ("kind", "entry", "words"),
    [
        (Mount, {"volume": 1, "path": "/mnt"}, "volume is 1"),
        (Mount, {"volume": "gv0", "path": "/mnt", "servers": [1]}, "servers is"),
        (Mount, {"volume": "gv0", "path": ["/mnt"]}, "path is"),
        (Mount, {"volume": "gv0", "path": "/mnt", "f_blocks": -1}, "f_blocks is -1"),
        (Mount, {"volume": "gv0", "path": "/mnt", "f_blocks": 2.5}, "f_blocks is 2.5"),
        (Mount, {"volume": "gv0", "path": "/mnt", "f_blocks": True}, "f_blocks is True"),
        (Process, {"name": "brick", "pid": 1, "uptime": float("inf")}, "is inf"),
        (Mount, {"volume": "gv0"}, "an entry lacks what it must have"),
        (Mount, ["gv0"], "not a dict"),
    ],
)
def test_a_record_with_a_wrong_value_is_refused(kind: Any, entry: Any, words: str) -> None:
    with pytest.raises(values.Malformed, match=words):
        values.record(kind, entry, "entry")


@pytest.mark.parametrize("to_heal", [{}, {"n1:/b": 0}, {"n1:/b": 3, "n2:/b": 4}])
def test_a_disk_is_read_as_it_was_written(to_heal: Dict[str, int]) -> None:
    disk = DiskFile(
        "web", "disk/0", "gv0", "ganeti/a.0", copies={"n1:/b": 7}, to_heal=to_heal, bricks=("n1:/b",)
    )
    assert disk_file(disk_entry(disk)) == disk
    assert ("to_heal" in disk_entry(disk)) == bool(to_heal)


@pytest.mark.parametrize("to_heal", [[], {"n1:/b": -1}, {"n1:/b": "x"}, {"n1:/b": True}])
def test_entries_that_are_no_numbers_are_malformed(to_heal: Any) -> None:
    with pytest.raises(Malformed):
        disk_file({**disk_entry(DiskFile("web", "disk/0", "gv0", "x")), "to_heal": to_heal})
