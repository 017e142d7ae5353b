"""`volume heal V info split-brain`: which entries each brick has in split-brain.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import List, Optional, Tuple

from ganeti_gluster_mon.gluster.parse.xml_records import element, listing, once, only
from ganeti_gluster_mon.gluster.validation import Faults, Parsed, brick_of, quoted
from ganeti_gluster_mon.gluster.xmlstream import Record, read


@dataclass(frozen=True)
class SplitBrainEntries:
    """The entries in split-brain that one brick lists."""

    host: str
    path: str
    #: "/path" in the volume, or "<gfid:…>"
    entries: Tuple[str, ...]
    #: whether the brick answered and lists as many as it counts
    complete: bool


def split_brain_entries(output: bytes) -> Parsed[Tuple[SplitBrainEntries, ...]]:
    """What each brick lists."""
    faults = Faults()
    file = element(make=lambda record: record.text)
    brick = element(
        "name status numberOfEntries", many="file", make=lambda record: _entries(record, faults), file=file
    )
    answer = read(output, "healInfo", element(bricks=listing(brick=brick)), faults)
    found: List[Optional[SplitBrainEntries]] = only(answer, "bricks").children.get("brick", [])
    return Parsed(once(found, "brick", attrgetter("host", "path"), faults), faults.all())


def _entries(record: Record, faults: Faults) -> Optional[SplitBrainEntries]:
    name = record.texts.get("name", "")
    brick = brick_of(name)
    if brick is None:
        faults.add(f"a brick is called {quoted(name)}")
        return None
    listed = tuple(dict.fromkeys(record.children.get("file", ())))
    complete = record.texts.get("status") == "Connected" and record.texts.get("numberOfEntries") == str(
        len(record.children.get("file", ()))
    )
    return SplitBrainEntries(*brick, listed, complete)
