"""The status of a volume in the last 24 hours, as a band and in words.  Pure.

The height of the band grows with what is wrong, so that it can be read without its colours.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import Tuple

from ganeti_gluster_mon.daemon.web.page_marks import BAD, GOOD, HEAL, OFF, UNKNOWN_TONE, VOLUME_MARKS
from ganeti_gluster_mon.text import duration_text
from ganeti_gluster_mon.volume_history import LETTERS, NOTHING, SLOT_SECONDS

#: tenths of the height, by colour
_HEIGHTS = {GOOD: 3, OFF: 2, HEAL: 5, UNKNOWN_TONE: 7, BAD: 10}


@dataclass(frozen=True)
class BandRun:
    """Slots of one status, as a rectangle."""

    x: int
    width: int
    height: int
    tone: str


@dataclass(frozen=True)
class StatusBand:
    """The band, and what it shows in words."""

    runs: Tuple[BandRun, ...]
    text: str


def status_band(letters: str) -> StatusBand:
    """The band of *letters*, one for each slot, the latest last."""
    runs = []
    x = 0
    for letter, group in itertools.groupby(letters):
        width = len(list(group))
        if letter != NOTHING:
            tone = VOLUME_MARKS[LETTERS[letter]].tone
            runs.append(BandRun(x, width, _HEIGHTS[tone], tone))
        x += width
    return StatusBand(tuple(runs), _text(letters))


def _text(letters: str) -> str:
    """ "degraded 1 h 5 min, not recorded 3 h, healthy 19 h 55 min": the worst first."""
    counts = Counter(letters)
    order = [*reversed([letter for letter in LETTERS if letter != "h"]), NOTHING, "h"]
    words = [
        (letter, "not recorded" if letter == NOTHING else VOLUME_MARKS[LETTERS[letter]].word)
        for letter in order
    ]
    shown = [(word, counts[letter]) for letter, word in words if counts[letter]]
    if len(shown) == 1:
        return f"{shown[0][0]} all the time"
    return ", ".join(f"{word} {duration_text(number * SLOT_SECONDS)}" for word, number in shown)
