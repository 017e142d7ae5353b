"""Mutated captures, and everything that the program makes of one: no exception, and each output keeps its format."""

from __future__ import annotations

import functools
import json
import os
import random
import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

from prometheus_client.parser import text_string_to_metric_families

from ganeti_gluster_mon.check import check
from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.daemon.web.content import render
from ganeti_gluster_mon.daemon.web.node_page import node_page
from ganeti_gluster_mon.daemon.web.page import page
from ganeti_gluster_mon.daemon.web.storage_status import storage_status
from ganeti_gluster_mon.gluster import capture, capture_archive, query
from ganeti_gluster_mon.gluster.capture import CaptureError
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import Limits, evaluate
from ganeti_gluster_mon.table import table
from ganeti_gluster_mon.view import info
from ganeti_gluster_mon.view.listing import TableFormat, lines
from ganeti_gluster_mon.view.pool_view import PoolView
from ganeti_gluster_mon.view.view_commands import LISTINGS
from tests.fuzz.values import JSON_VALUES, TEXTS

RECORDED = Path(__file__).parents[1] / "captures" / "recorded"
#: control characters and marks that change how a line is shown
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]")
_ELEMENT = re.compile(rb"<([A-Za-z_]+)>([^<]*)</\1>")
_PAGE = functools.partial(page, refresh=30.0, stale=90.0)
_LIMITS = Limits()

Mutate = Callable[[random.Random, bytes], bytes]


def run(chance: random.Random) -> str:
    """Mutate one capture and use it; returns what became of it.  Raises AssertionError, or what escaped."""
    name = chance.choice(sorted(os.listdir(RECORDED)))
    directory = tempfile.mkdtemp()
    try:
        copy = shutil.copytree(RECORDED / name, Path(directory, "capture"))
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            file = chance.choice(sorted(copy.iterdir()))
            file.write_bytes(_mutated(chance, file))
        try:
            recorded = capture.read(str(copy))
        except CaptureError as err:
            one_line(str(err))
            return "unreadable"
        use(recorded)
        return "read"
    finally:
        shutil.rmtree(directory)


def use(recorded: capture.Capture) -> None:
    """Make of a capture all that the program makes.  Raises AssertionError where an output breaks its format."""
    pool, now = build_pool(recorded), recorded.recorded_at
    health = evaluate(pool, _LIMITS, now)
    one_line(check(pool, health, _LIMITS).line)
    printable(table(pool, health))
    rendered = render(pool, health, now, make_page=_PAGE, duration=1.0, failures={}, leader=True)
    for report in rendered.reports.values():
        json.loads(report.verbose.plain, parse_constant=_no_constant)
    list(text_string_to_metric_families(rendered.metrics.plain.decode("utf-8")))  # type: ignore[no-untyped-call]
    assert rendered.page is not None
    assert "<script>alert" not in rendered.page.plain.decode("utf-8")
    for peer in pool.peers or ():
        of_node = node_page(pool, health, now, peer.hostname)
        assert of_node is not None
        assert "<script>alert" not in of_node.decode("utf-8")
    view = PoolView(pool, health, now, source="a capture")
    for listing in LISTINGS.values():
        rows = listing.rows(view)
        for table_format in (TableFormat(True, None, None, False), TableFormat(False, ":", "m", True)):
            for line in lines(list(listing.fields), rows or [], table_format):
                one_line(line)
    try:
        for line in info.lines(view, [], "h"):
            one_line(line)
    except CommandError as err:
        one_line(str(err))
    storage_status(pool, {}, now)
    # The daemon packs its own captures only, which have no other queries than those it puts itself.
    known = [answer for answer in recorded.answers if _is_known(answer)]
    capture_archive.unpack(capture_archive.pack(replace(recorded, answers=tuple(known))))


def _is_known(answer: capture.Answer) -> bool:
    try:
        query.file_of_query(answer.query)
    except ValueError:
        return False
    return True


def one_line(text: str) -> None:
    """Raises AssertionError unless *text* is one printable line."""
    assert "\n" not in text, text
    printable(text)


def printable(text: str) -> None:
    """Raises AssertionError or UnicodeEncodeError unless a terminal shows *text* as it is."""
    text.encode("utf-8")
    assert not _UNPRINTABLE.search(text), text


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def _mutated(chance: random.Random, file: Path) -> bytes:
    content = file.read_bytes()
    kinds: Dict[str, List[Mutate]] = {
        ".json": [_json, _json, _bytes],
        ".xml": [_elements, _elements, _lines, _bytes],
    }
    return chance.choice(kinds.get(file.suffix, [_lines, _bytes]))(chance, content)


def _places(value: Any, path: Tuple[Any, ...] = ()) -> Iterator[Tuple[Any, ...]]:
    """The way to each value within a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _places(item, (*path, key))


def _json(chance: random.Random, content: bytes) -> bytes:
    try:
        value = json.loads(content)
    except ValueError:  # mutated before
        return _bytes(chance, content)
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        places = list(_places(value))
        if not places:
            break
        *way, last = chance.choice(places)
        container = functools.reduce(lambda inner, key: inner[key], way, value)
        kind = chance.randrange(5)
        if kind == 0:
            del container[last]
        elif kind == 1 and isinstance(container, list):
            container.append(container[last])
        elif kind == 2 and isinstance(container, dict):
            container[chance.choice(TEXTS)] = container.pop(last)
        else:
            container[last] = chance.choice(JSON_VALUES)
    return json.dumps(value).encode("utf-8", "surrogatepass")


def _bytes(chance: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        if not changed:
            break
        at = chance.randrange(len(changed))
        length = min(len(changed) - at, chance.choice([1, 1, 2, 8, 64, 512]))
        kind = chance.randrange(6)
        if kind == 0:
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del changed[at : at + length]
        elif kind == 2:
            changed[at:at] = chance.choice(TEXTS).encode("utf-8", "surrogatepass")
        elif kind == 3:
            changed[at:at] = changed[at : at + length] * chance.choice([1, 3])
        elif kind == 4:
            changed[at : at + length] = chance.randbytes(length)
        else:
            del changed[at:]
    return bytes(changed)


def _lines(chance: random.Random, content: bytes) -> bytes:
    rows = content.split(b"\n")
    one, other = chance.randrange(len(rows)), chance.randrange(len(rows))
    kind = chance.randrange(4)
    if kind == 0:
        del rows[one]
    elif kind == 1:
        rows.insert(other, rows[one])
    elif kind == 2:
        rows[one], rows[other] = rows[other], rows[one]
    else:
        rows[one] = chance.choice(TEXTS).encode("utf-8", "surrogatepass")
    return b"\n".join(rows)


def _elements(chance: random.Random, content: bytes) -> bytes:
    for _ in range(chance.choice([1, 1, 2, 4])):
        found = list(_ELEMENT.finditer(content))
        if not found:
            return _lines(chance, content)
        one, other = chance.choice(found), chance.choice(found)
        kind = chance.randrange(4)
        if kind == 0:
            content = content[: one.start()] + content[one.end() :]
        elif kind == 1:
            content = content[: one.end()] + one.group(0) + content[one.end() :]
        else:
            text = other.group(2) if kind == 2 else _escaped(chance.choice(TEXTS))
            content = content[: one.start(2)] + text + content[one.end(2) :]
    return content


def _escaped(text: str) -> bytes:
    """*text* as XML may have it between tags."""
    legal = "".join(letter for letter in text if letter in "\t\n" or letter >= " ")
    return legal.encode("utf-8", "replace").replace(b"&", b"&amp;").replace(b"<", b"&lt;")
