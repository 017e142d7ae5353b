"""Fields of lists, and their units."""

from __future__ import annotations

import re

import pytest

from ganeti_gluster_mon.view.fields import in_unit
from ganeti_gluster_mon.view.view_commands import LISTINGS

MIB = 1 << 20


@pytest.mark.parametrize(
    ("size", "unit", "text"),
    [
        (0, "h", "0M"),
        (1023 * MIB, "h", "1023M"),
        (1024 * MIB, "h", "1.0G"),
        (1536 * MIB, "h", "1.5G"),
        (1 << 40, "h", "1.0T"),
        (10**30, "h", "909494701772928237.9T"),
        (5 * MIB, "m", "5"),
        (512 * MIB, "g", "0.5"),
        (1 << 39, "t", "0.5"),
    ],
)
def test_units_are_those_of_ganeti(size: int, unit: str, text: str) -> None:
    assert in_unit(size, unit) == text


def test_every_field_says_what_it_is() -> None:
    for listing in LISTINGS.values():
        names = [field.name for field in listing.fields]
        assert len(set(names)) == len(names)
        titles = [field.title for field in listing.fields]
        assert len(set(titles)) == len(titles)
        assert set(listing.default) <= set(names)
        assert any(field.names for field in listing.fields)
        for field in listing.fields:
            assert re.fullmatch(r"[a-z_]+", field.name)
            assert field.doc and "\n" not in field.doc and not field.doc.endswith(".")
