"""docs/gnt-gluster.md says of each field what the code says; UPDATE_GOLDEN=1 puts it there."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import Dict

from ganeti_gluster_mon import gnt_gluster
from ganeti_gluster_mon.view.view_commands import LISTINGS

PAGE = Path(__file__).parents[3] / "docs" / "gnt-gluster.md"
_MARKED = re.compile(r"(<!-- fields:begin -->\n).*?(<!-- fields:end -->)", re.DOTALL)


def fields() -> str:
    text = ""
    for listing in LISTINGS.values():
        text += f"### `{listing.name}`\n\n| field | title | type | what it is |\n|---|---|---|---|\n"
        for field in listing.fields:
            name = f"**{field.name}**" if field.name in listing.default else field.name
            text += f"| {name} | {field.title} | {field.kind.value} | {field.doc} |\n"
        text += "\n"
    return text + "In bold: shown by default.\n"


def test_the_page_has_every_field() -> None:
    page = PAGE.read_text(encoding="utf-8")
    written, count = _MARKED.subn(lambda marks: marks[1] + fields() + marks[2], page)
    assert count == 1
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(written, encoding="utf-8")
    assert written == PAGE.read_text(encoding="utf-8")


def subparsers() -> Dict[str, argparse.ArgumentParser]:
    (action,) = (
        action for action in gnt_gluster.parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    return dict(action.choices)


def test_the_page_names_every_command_that_looks() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in (*LISTINGS, "list-fields", "info", "diagnose"):
        assert name in subparsers()
        assert f"`gnt-gluster {name}" in page


def test_every_option_says_what_it_does() -> None:
    """The man page and the completion are made from this."""
    for name in (*LISTINGS, "list-fields", "info", "diagnose"):
        for action in subparsers()[name]._actions:
            assert action.help, f"{name} {action.dest}"
        assert subparsers()[name].format_help()
