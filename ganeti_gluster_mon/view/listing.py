"""Lists in the manner of `gnt-node list`: which fields, which rows, and the table that comes of it."""

from __future__ import annotations

import argparse
import fnmatch
import json
from dataclasses import dataclass
from typing import Any, Callable, Generic, List, Optional, Sequence, Tuple

from ganeti_gluster_mon.columns import align
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.text import some
from ganeti_gluster_mon.view.fields import Field, Row, Special, plain, shown
from ganeti_gluster_mon.view.pool_view import PoolView
from ganeti_gluster_mon.view.row_filter import row_filter


class NoSuchField(Exception):
    """There is no field of that name; one line."""


@dataclass(frozen=True)
class Listing(Generic[Row]):
    """One kind of list."""

    #: the command
    name: str
    #: what a row is, in one word
    what: str
    summary: str
    fields: Tuple[Field[Row], ...]
    #: names of the fields that are shown by default
    default: Tuple[str, ...]
    #: None: it is not known which there are
    rows: Callable[[PoolView], Optional[Sequence[Row]]]
    #: why they are not known, in an administrator's words
    unknown: Callable[[PoolView], str]
    #: the volumes that a row is about
    volumes: Callable[[Row], Sequence[str]]
    #: adds the options that only this list has
    add_options: Callable[[argparse.ArgumentParser], None] = lambda parser: None
    #: the rows that those options leave; raises CommandError
    narrow: Callable[[PoolView, Sequence[Row], argparse.Namespace], Sequence[Row]] = (
        lambda view, rows, arguments: rows
    )


@dataclass(frozen=True)
class TableFormat:
    """How a table is put, by the options that Ganeti's commands take."""

    headers: bool = True
    #: None: columns
    separator: Optional[str] = None
    #: h, m, g or t; None: h in columns, m with a separator, for scripts
    units: Optional[str] = None
    verbose: bool = False

    @property
    def unit(self) -> str:
        """The unit of sizes."""
        return self.units or ("h" if self.separator is None else "m")


def chosen(listing: Listing[Row], words: Optional[str]) -> Tuple[Field[Row], ...]:
    """The fields that *words* of the option -o name: ``a,b``, in addition to the default ones ``+a,b``, or ``all``.

    Raises NoSuchField.
    """
    if words == "all":
        return listing.fields
    names = list(listing.default)
    if words is not None:
        names = [*(names if words.startswith("+") else ()), *words.lstrip("+").split(",")]
    every = {field.name: field for field in listing.fields}
    strange = [name for name in names if name not in every]
    if strange:
        raise NoSuchField(
            f"no field {some([repr(name) for name in strange], 3)}; there are: {', '.join(every)} "
            f"(see gnt-gluster list-fields {listing.name})"
        )
    return tuple(every[name] for name in names)


def filtered(listing: Listing[Row], rows: Sequence[Row], text: str) -> List[Row]:
    """Those of *rows* that the filter *text* holds for.  Raises BadFilter."""
    test = row_filter(text, listing.fields)
    return [row for row in rows if test(row)]


def as_json(fields: Sequence[Field[Row]], rows: Sequence[Row]) -> str:
    """The rows as a JSON list of objects, a field a key; sizes are bytes, and null is what is not known."""
    parsed = [{field.name: plain(field, row) for field in fields} for row in rows]
    return json.dumps(parsed, indent=2, ensure_ascii=True)


def selected(listing: Listing[Row], rows: Sequence[Row], names: Sequence[str]) -> List[Row]:
    """Those of *rows* that one of *names* names, all where there are none.

    A name of a host or an instance may be cut at a dot, as with Ganeti; ``*`` and ``?`` stand for others.
    Raises CommandError for a name that names nothing.
    """
    if not names:
        return list(rows)
    fields = [field for field in listing.fields if field.names]
    found = []
    for name in names:
        matching = [row for row in rows if any(_names(name, field.value(row)) for field in fields)]
        if not matching:
            raise CommandError(
                f"no {listing.what} {name!r}; gnt-gluster {listing.name} shows which there are"
            )
        found += matching
    wanted = {id(row) for row in found}
    return [row for row in rows if id(row) in wanted]


def _names(name: str, value: Any) -> bool:
    if isinstance(value, Special) or value is None:
        return False
    text = str(value)
    host, colon, path = name.partition(":/")
    if colon and not any(character in name for character in "*?"):  # a brick
        return text == name or (text.startswith(f"{host}.") and text.endswith(f":/{path}"))
    if any(character in name for character in "*?"):
        return fnmatch.fnmatchcase(text, name)
    return text == name or text.startswith(f"{name}.")


def lines(fields: Sequence[Field[Row]], rows: Sequence[Row], table_format: TableFormat) -> List[str]:
    """The table of *rows*."""
    cells = [[shown(field, row, table_format.unit, table_format.verbose) for field in fields] for row in rows]
    return table(
        [field.title for field in fields], cells, [field.to_the_right for field in fields], table_format
    )


def table(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    to_the_right: Sequence[bool],
    table_format: TableFormat,
) -> List[str]:
    """The lines of a table as Ganeti puts it: one blank between columns, none after the last."""
    every = [*([titles] if table_format.headers else []), *rows]
    if table_format.separator is not None:
        return [table_format.separator.join(row) for row in every]
    return align(every, to_the_right)
