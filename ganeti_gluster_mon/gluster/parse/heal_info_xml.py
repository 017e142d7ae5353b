"""`volume heal V info`: how many entries each brick counts.  Pure."""

from __future__ import annotations

import re
from operator import attrgetter
from typing import List, Optional, Tuple

from ganeti_gluster_mon.gluster.facts import HealCount
from ganeti_gluster_mon.gluster.parse.xml_records import (
    element,
    listing,
    once,
    only,
)
from ganeti_gluster_mon.gluster.validation import (
    Faults,
    Parsed,
    brick_of,
    number,
    quoted,
)
from ganeti_gluster_mon.gluster.xmlstream import Record, read

#: of a brick that was reached and failed while it was counted; the count follows in the same text
_PARTLY_COUNTED = re.compile(
    r"Failed to process entries completely\. \(([^)]{1,80})\)(?:totalNumberOfEntries(\d{1,19}))?\Z"
)
_NOT_CONNECTED = "Transport endpoint is not connected"


def heal_info(output: bytes) -> Parsed[Tuple[HealCount, ...]]:
    """What each brick counts, from `volume heal V info summary` or `volume heal V info split-brain`."""
    faults = Faults()
    brick = element(
        "name status totalNumberOfEntries numberOfEntries"
        " numberOfEntriesInHealPending numberOfEntriesInSplitBrain numberOfEntriesPossiblyHealing",
        make=lambda record: _heal_count(record, faults),
    )
    answer = read(output, "healInfo", element(bricks=listing(brick=brick)), faults)
    found: List[Optional[HealCount]] = only(answer, "bricks").children.get("brick", [])
    return Parsed(once(found, "brick", attrgetter("host", "path"), faults), faults.all())


def _heal_count(record: Record, faults: Faults) -> Optional[HealCount]:
    texts = record.texts
    name = texts.get("name", "")
    brick = brick_of(name)
    if brick is None:
        faults.add(f"a brick is called {quoted(name)}")
        return None
    status = texts.get("status", "")
    # Where the brick goes away while it is queried, glfsheal writes the whole rest into <status>:
    # "Failed to process entries completely. (Transport endpoint is not connected)totalNumberOfEntries0".
    if _NOT_CONNECTED in status:
        return HealCount(*brick, connected=False)
    connected = True if status == "Connected" else None
    partly = _PARTLY_COUNTED.match(status)
    if partly:
        counted = f", {partly.group(2)} entries until then" if partly.group(2) else ""
        faults.add(f"{name} was not counted to the end: {partly.group(1)}{counted}")
    elif connected is None:
        faults.add(f"{name} reports {quoted(status)}" if status else f"status of {name} is missing")

    def count(element: str) -> Optional[int]:
        text = texts.get(element)
        # A brick that failed in some other way may have counted or not ("-", or nothing at all).
        if connected is None and text in (None, "-"):
            return None
        return number(text, element, name, faults)

    if "numberOfEntries" in texts:
        return HealCount(*brick, connected, split_brain=count("numberOfEntries"))
    return HealCount(
        *brick,
        connected,
        pending=count("numberOfEntriesInHealPending"),
        split_brain=count("numberOfEntriesInSplitBrain"),
        possibly_healing=count("numberOfEntriesPossiblyHealing"),
        failure=partly.group(1) if partly else None,
    )
