"""What a list can show: fields as data, so that lists, `list-fields` and the documentation agree."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Callable, Generic, Optional, Sequence, TypeVar, Union

from ganeti_gluster_mon.text import one_decimal, one_line

Row = TypeVar("Row")


class Kind(enum.Enum):
    """What a field's values are, by Ganeti's names for them."""

    TEXT = "Text"
    BOOL = "Boolean"
    NUMBER = "Number"
    #: bytes; shown in the unit of --units
    SIZE = "Storage size"
    #: several texts, with commas between
    LIST = "List"


class Special(enum.Enum):
    """What stands where there is no value, by Ganeti's words and signs for it (ganeti(7), field states)."""

    UNAVAILABLE = ("(unavail)", "-")
    """There cannot be one here: what a volume waits to heal that has no copies."""
    NOT_KNOWN = ("(nodata)", "?")
    """There is one, which is not known now."""


@dataclass(frozen=True)
class AtLeast:
    """A number of which only a part is known: that many, and of how many."""

    known: int
    of: int

    def __str__(self) -> str:
        return f"at least {self.known} of {self.of}"


#: None: not known
Value = Union[str, int, bool, Sequence[str], AtLeast, Special, None]


@dataclass(frozen=True)
class Field(Generic[Row]):
    """One column of a list."""

    name: str
    #: over its column
    title: str
    kind: Kind
    #: one line, with what it is and where it comes from
    doc: str
    value: Callable[[Row], Value]
    #: a name on the command line that is its value names the row
    names: bool = False

    @property
    def to_the_right(self) -> bool:
        """Whether its column is aligned to the right."""
        return self.kind in (Kind.NUMBER, Kind.SIZE)


def shown(field: Field[Row], row: Row, unit: str, verbose: bool = False) -> str:
    """What stands in a list for *field* of *row*; sizes by *unit*: h, m, g or t."""
    value = field.value(row)
    if value is None:
        value = Special.NOT_KNOWN
    if isinstance(value, Special):
        return value.value[0 if verbose else 1]
    if field.kind is Kind.BOOL:
        return "Y" if value else "N"
    if field.kind is Kind.SIZE and isinstance(value, int):
        return in_unit(value, unit)
    if isinstance(value, (list, tuple)):
        return ",".join(one_line(each) for each in value)
    return one_line(str(value))


def plain(field: Field[Row], row: Row) -> object:
    """The value of *field* for JSON: sizes in bytes; None where it is not known, or where there can be none."""
    value = field.value(row)
    if isinstance(value, (Special, AtLeast)):
        return None
    return list(value) if isinstance(value, tuple) else value


def counted(states: Sequence[Optional[bool]]) -> Value:
    """How many of *states* are true; where some are not known, how many at least."""
    up = sum(1 for state in states if state)
    if None not in states:
        return up
    return AtLeast(up, len(states)) if up else None


def in_unit(size: int, unit: str) -> str:
    """*size* bytes as Ganeti writes sizes: in MiB, GiB or TiB (m, g, t), or in what fits, and which one (h)."""
    mebibytes = (size + (1 << 19)) >> 20
    if unit == "m" or (unit == "h" and mebibytes < 1 << 10):
        return f"{mebibytes}{'M' if unit == 'h' else ''}"
    if unit == "g" or (unit == "h" and mebibytes < 1 << 20):
        return f"{one_decimal(size, 30)}{'G' if unit == 'h' else ''}"
    return f"{one_decimal(size, 40)}{'T' if unit == 'h' else ''}"


def known(value: Optional[object], applies: bool = True) -> Value:
    """*value*, or that it is not known; where it does not apply, that there is none."""
    if not applies:
        return Special.UNAVAILABLE
    return value  # type: ignore[return-value] # what a dataclass of the model holds
