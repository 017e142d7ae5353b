"""Families of samples by the values of their labels."""

from __future__ import annotations

from typing import Optional

import pytest

from ganeti_gluster_mon.metrics.families import Families, label


def test_a_sample_without_a_value_is_left_out() -> None:
    family = Families().gauge("g", "text", ("a",), [(("x",), None), (("y",), 0.0)])
    assert [(sample.labels, sample.value) for sample in family.samples] == [({"a": "y"}, 0.0)]


@pytest.mark.parametrize("values", [(1.0, 2.0), (2.0, 1.0), (1.0, 1.0)])
def test_of_samples_with_the_same_labels_the_lowest(values: tuple[float, float]) -> None:
    family = Families().gauge("g", "text", ("a",), [(("x",), value) for value in values])
    assert [sample.value for sample in family.samples] == [1.0]


def test_samples_of_two_families_share_their_labels() -> None:
    make = Families()
    one = make.gauge("g", "text", ("a", "b"), [(("x", "y"), 1.0)])
    two = make.counter("c_total", "text", ("a", "b"), [(("x", "y"), 2.0)])
    other = make.gauge("h", "text", ("a", "c"), [(("x", "y"), 1.0)])
    assert one.samples[0].labels is two.samples[0].labels
    assert other.samples[0].labels == {"a": "x", "c": "y"}
    assert two.samples[0].name == "c_total"


def test_an_info_is_always_1_and_has_each_label() -> None:
    family = Families().info("gluster_version_info", "text", {"version": None, "op": "9"})
    (sample,) = family.samples
    assert (sample.name, sample.labels, sample.value) == (
        "gluster_version_info",
        {"version": "", "op": "9"},
        1,
    )


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), ("", ""), ("gv0", "gv0"), ("ä", "ä"), ("\udcff/b", "\\udcff/b")]
)
def test_a_label_can_be_written_as_utf_8(value: Optional[str], text: str) -> None:
    assert label(value) == text
    label(value).encode("utf-8")


def test_a_group_leaves_out_what_is_not_known() -> None:
    group = Families().group(
        ("a",),
        [("g", "text"), ("h", "other"), ("i", "none")],
        [(("x",), (None, 1.0, None)), (("y",), (3.0, 2.0, None))],
    )
    found = [
        (family.name, family.documentation, sample.labels, sample.value)
        for family in group.families()
        for sample in family.samples
    ]
    assert found == [
        ("g", "text", {"a": "y"}, 3.0),
        ("h", "other", {"a": "x"}, 1.0),
        ("h", "other", {"a": "y"}, 2.0),
    ]


@pytest.mark.parametrize("turned", [False, True])
def test_of_rows_with_the_same_labels_the_lowest_of_each_figure(turned: bool) -> None:
    rows = [(("\udcff",), (1.0, 4.0, None)), (("\udcff",), (2.0, 3.0, 0.0))]
    group = Families().group(("a",), [("g", ""), ("h", ""), ("i", "")], rows[::-1] if turned else rows)
    assert group.rows == {("\\udcff",): (1.0, 3.0, 0.0)}
