"""`volume profile V info cumulative`: counts and latencies of file operations, brick by brick.  Pure."""

from __future__ import annotations

import re
import sys
from typing import List, Optional, Tuple

from ganeti_gluster_mon.gluster.parse.xml_records import compare_count, element, listing, once, only
from ganeti_gluster_mon.gluster.profile import BlockCount, BrickProfile, FileOperation
from ganeti_gluster_mon.gluster.validation import Faults, Parsed, is_name, number, quoted
from ganeti_gluster_mon.gluster.xmlstream import Record, read

#: Gluster prints "%f"
_LATENCY = re.compile(r"[0-9]{1,19}(\.[0-9]{1,9})?\Z")
_OPERATION = re.compile(r"[A-Z0-9_]{1,40}\Z")


def profile(output: bytes) -> Parsed[Tuple[BrickProfile, ...]]:
    """The cumulative profile of each brick.

    Gluster lists a brick that does not answer without its statistics: it is left out.
    """
    faults = Faults()
    operation = element(
        "name hits avgLatency minLatency maxLatency", make=lambda record: _operation(record, faults)
    )
    block = element("size reads writes", make=lambda record: _block(record, faults))
    statistics = element(
        "totalRead totalWrite", blockStats=listing(block=block), fopStats=listing(fop=operation)
    )
    brick = element("brickName", cumulativeStats=statistics, make=lambda record: _brick(record, faults))
    answer = read(output, "volProfile", element("brickCount", brick=brick, many="brick"), faults)
    found: List[Optional[BrickProfile]] = answer.children.get("brick", [])
    compare_count(answer.texts.get("brickCount"), len(found), "bricks", "the profile", faults)
    return Parsed(once(found, "the profile of", lambda known: (known.host, known.path), faults), faults.all())


def _brick(record: Record, faults: Faults) -> Optional[BrickProfile]:
    name = record.texts.get("brickName", "")
    host, colon, path = name.partition(":/")
    if not colon or not is_name(host) or not is_name(path):
        faults.add(f"a brick of the profile is called {quoted(name)}")
        return None
    if "cumulativeStats" not in record.children:
        return None
    whose = f"the profile of {name}"
    statistics = only(record, "cumulativeStats")
    # a brick that has served nothing yet has no <fopStats>
    operations = [
        operation
        for each in statistics.children.get("fopStats", [])
        for operation in each.children.get("fop", [])
    ]
    return BrickProfile(
        host,
        f"/{path}",
        once(operations, "a file operation", lambda known: known.name, faults),
        read=number(statistics.texts.get("totalRead"), "totalRead", whose, faults),
        written=number(statistics.texts.get("totalWrite"), "totalWrite", whose, faults),
        blocks=_blocks(statistics, whose, faults),
    )


def _blocks(statistics: Record, whose: str, faults: Faults) -> Optional[Tuple[BlockCount, ...]]:
    """The counts by size; None where one of them cannot be read, so that none is missing in a sum."""
    listed: List[Optional[BlockCount]] = [
        block
        for each in statistics.children.get("blockStats", [])
        for block in each.children.get("block", [])
    ]
    known = once(listed, "a size in", lambda block: (whose, str(block.size)), faults)
    if not listed or len(known) != len(listed):
        return None
    # Gluster lists all 32 sizes, most of which no file operation had.
    counted = [block for block in known if block.reads or block.writes]
    return tuple(sorted(counted, key=lambda block: block.size))


def _block(record: Record, faults: Faults) -> Optional[BlockCount]:
    size = number(record.texts.get("size"), "size", "a block", faults)
    whose = f"blocks of {size} bytes"
    reads = number(record.texts.get("reads"), "reads", whose, faults)
    writes = number(record.texts.get("writes"), "writes", whose, faults)
    if size is None or reads is None or writes is None:
        return None
    if size < 1 or size & (size - 1):
        faults.add(f"a block has {size} bytes, which is no power of two")
        return None
    return BlockCount(size, reads, writes)


def _operation(record: Record, faults: Faults) -> Optional[FileOperation]:
    name = record.texts.get("name", "")
    if not _OPERATION.match(name):
        faults.add(f"a file operation is called {quoted(name)}")
        return None
    hits = number(record.texts.get("hits"), "hits", name, faults)
    if hits is None:
        return None
    average = _latency(record, "avgLatency", name, faults)
    return FileOperation(
        sys.intern(name),
        hits,
        None if average is None else hits * average,
        *(_latency(record, field, name, faults) for field in ("minLatency", "maxLatency")),
    )


def _latency(record: Record, field: str, name: str, faults: Faults) -> Optional[float]:
    text = record.texts.get(field, "")
    if not _LATENCY.match(text):
        faults.add(f"{field} of {name} is {quoted(text)}")
        return None
    return float(text)
