"""The values of Gluster's answers: what is valid, and the faults of what is not."""

from __future__ import annotations

from typing import Optional, Tuple

import pytest

from ganeti_gluster_mon.gluster import validation
from ganeti_gluster_mon.gluster.validation import LARGEST, LONGEST_FAULT, MOST_FAULTS, Faults


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("007", 7),
        (str(LARGEST), LARGEST),
        (str(LARGEST + 1), None),
        ("0" * 19, 0),
        ("0" * 20, None),
    ],
)
def test_numbers_up_to_the_largest(text: str, value: Optional[int]) -> None:
    faults = Faults()
    assert validation.number(text, "size", "b", faults) == value
    assert validation.is_number(text) is (value is not None)
    assert bool(faults.all()) is (value is None)


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "+1", "-1", "1_0", "1.0", "0x1", "١", "²", "1\n", "9" * 1_000_000]
)
def test_what_is_no_number(text: str) -> None:
    faults = Faults()
    assert validation.number(text, "size", "brick b", faults) is None
    (fault,) = faults.all()
    assert fault.startswith("size of brick b is '") and len(fault) < 100
    assert not validation.is_number(text)


def test_a_number_has_a_bound_of_its_own() -> None:
    faults = Faults()
    assert validation.number("65535", "port", "b", faults, most=65535) == 65535
    assert validation.number("65536", "port", "b", faults, most=65535) is None
    assert validation.number(None, "port", "b", faults) is None
    assert faults.all() == ("port of b is '65536'", "port of b is missing")


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("db9a84dd-92c8-4b35-b53f-103e15043a1d", True),
        ("DB9A84DD-92C8-4B35-B53F-103E15043A1D", True),
        ("db9a84dd-92c8-4b35-b53f-103e15043a1", False),
        ("db9a84dd-92c8-4b35-b53f-103e15043a1d\n", False),
        ("db9a84dd92c84b35b53f103e15043a1d", False),
        ("", False),
    ],
)
def test_uuids(text: str, valid: bool) -> None:
    faults = Faults()
    assert validation.uuid_of(text, "uuid", "b", faults) == (text if valid else None)
    assert len(faults.all()) == (not valid)


@pytest.mark.parametrize(
    ("text", "brick"),
    [
        ("node1:/b", ("node1", "/b")),
        ("fd00::1:/b", ("fd00::1", "/b")),
        ("node1:/b:/c", ("node1:/b", "/c")),
        (":/b", None),
        ("node1:b", None),
        ("node1:/b\nx", None),
        ("node1", None),
        ("", None),
    ],
)
def test_the_host_and_the_path_of_a_brick(text: str, brick: Optional[Tuple[str, str]]) -> None:
    assert validation.brick_of(text) == brick


SEPARATORS = [("a\u2028b", False), ("\udcff", False)]


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("gv0", True),
        ("a b", True),
        ("中😀", True),
        ("\U000323b0", True),
        ("", False),
        ("a\x1bb", False),
        *SEPARATORS,
    ],
)
def test_names(text: str, valid: bool) -> None:
    assert validation.is_name(text) is valid


def test_faults_are_bounded_in_number_and_length() -> None:
    faults = Faults()
    for number in range(MOST_FAULTS):
        faults.add(f"{number}\n" + "x" * 1000)
    assert len(faults.all()) == MOST_FAULTS
    assert all(len(fault) == LONGEST_FAULT and "\n" not in fault for fault in faults.all())
    faults.add("one")
    faults.add("two")
    assert faults.all()[MOST_FAULTS:] == ("… and 2 more",)


def test_a_refusal_has_glusters_number_and_words() -> None:
    refused = validation.Refused(None, "Volume gv0 does not exist")
    assert (refused.op_errno, str(refused)) == (None, "Volume gv0 does not exist")
    assert isinstance(refused, validation.NoAnswer)
