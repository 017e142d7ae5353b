"""What the scrubber of bitrot has found on one node; a part of the model.  None means *not known*."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import List, Optional, Tuple

from ganeti_gluster_mon.gluster.validation import is_name, is_number

#: "2026-11-26 19:17:40 +0000"
_TIME_FORMAT = "%Y-%m-%d %H:%M:%S %z"
_LINE = re.compile(r"([A-Z][A-Za-z ]*?)(?: \(D:M:H:M:S\))?: *(\S.*)")
_MOST_NODES = 1000


@dataclass(frozen=True)
class ScrubStatus:
    """The scrubber of a volume on one node, from `volume bitrot V scrub status`."""

    volume: str
    #: as Gluster writes it; of the queried node its own name
    host: str
    #: ns since the epoch
    queried_at: int
    #: files that the last run compared with their signatures, and files that it skipped since they were open
    scrubbed: Optional[int] = None
    skipped: Optional[int] = None
    #: corrupted files that are known on this node
    errors: Optional[int] = None
    #: when the last run ended, seconds since the epoch; None also where none has ended yet
    completed_at: Optional[int] = None


def scrub_statuses(text: str, volume: str, node: str, now: int) -> Optional[Tuple[ScrubStatus, ...]]:
    """The nodes in *text*, the answer without XML, which Gluster does not have for it; None: it is no such answer.

    *node* is the queried one, which is "localhost" in it; *now* is ns since the epoch.
    """
    if f"Volume name : {volume}" not in text:
        return None
    found: List[ScrubStatus] = []
    for part in text.split("\nNode: ")[1 : _MOST_NODES + 1]:
        host, _, rest = part.partition("\n")
        values = {match[1]: match[2].strip() for match in map(_LINE.fullmatch, rest.split("\n")) if match}
        if is_name(host.strip()):
            found.append(
                ScrubStatus(
                    volume,
                    node if host.strip() == "localhost" else host.strip(),
                    now,
                    scrubbed=_count(values.get("Number of Scrubbed files")),
                    skipped=_count(values.get("Number of Skipped files")),
                    errors=_count(values.get("Error count")),
                    completed_at=_moment(values.get("Last completed scrub time")),
                )
            )
    return tuple(found) or None


def _count(text: Optional[str]) -> Optional[int]:
    return int(text) if text is not None and is_number(text) else None


def _moment(text: Optional[str]) -> Optional[int]:
    try:
        return None if text is None else max(0, round(datetime.strptime(text, _TIME_FORMAT).timestamp()))
    except (ValueError, OverflowError):  # "Scrubber pending to complete."
        return None
