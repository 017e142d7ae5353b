"""The status of each volume in the last 24 hours: the worst of each five minutes.

The web process of each node keeps it in the state directory, so that a restart of the daemon forgets nothing::

    /var/lib/ganeti-gluster-mon/volume-history.json
    {"format_version": 1, "slot": NUMBER, "volumes": {VOLUME: LETTERS, …}}

A slot has 300 seconds; its number counts from the epoch.  The last letter is the status in *slot*, the letter before it
that of the slot before, and so on.  "." is a slot of which nothing is recorded: the daemon did not run, or there was no
such volume.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Dict, Mapping

from ganeti_gluster_mon import safe_open
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.health import Health

FORMAT_VERSION = 1
FILE = "volume-history.json"
#: seconds of a slot, and slots that are kept
SLOT_SECONDS, SLOTS = 300, 288
#: volumes, characters of a name, and bytes of the file
MOST_VOLUMES, LONGEST_NAME, MOST_BYTES = 2000, 4096, 8 << 20
#: by letter, the best first; of several in one slot the last one counts.  Nothing known is worse than healthy.
LETTERS: Mapping[str, str] = {
    "h": "healthy",
    "s": "stopped",
    "e": "healing",
    "u": "unknown",
    "f": "faulty",
    "d": "degraded",
    "p": "partial",
    "x": "down",
}
#: nothing is recorded
NOTHING = "."
_LETTER_OF = {status: letter for letter, status in LETTERS.items()}
_RANK = {letter: rank for rank, letter in enumerate((NOTHING, *LETTERS))}


class DamagedHistory(Exception):
    """A file that is there and cannot be used, for a reason in one line."""


@dataclass(frozen=True)
class VolumeHistory:
    """The letters of each volume up to a slot."""

    slot: int = 0
    letters: Mapping[str, str] = field(default_factory=dict)

    def after(self, pool: Pool, health: Health, now: float) -> VolumeHistory:
        """The history once *pool* was found with *health* at *now* (seconds since the epoch)."""
        slot = int(now // SLOT_SECONDS)
        found = {name: _LETTER_OF[each.status] for name, each in health.volumes.items()}
        # Volumes that there are come first if there are too many.
        names = list(dict.fromkeys((*found, *self.letters)))[:MOST_VOLUMES]
        letters: Dict[str, str] = {}
        for name in names:
            now_letter = found.get(name, "u" if pool.volumes is None else NOTHING)
            shifted = self._shifted(name, slot)
            merged = shifted[:-1] + max(shifted[-1], now_letter, key=_RANK.__getitem__)
            if merged.strip(NOTHING):
                letters[name] = merged.lstrip(NOTHING)
        return VolumeHistory(slot, letters)

    def at(self, now: float) -> Dict[str, str]:
        """By volume, a letter for each of the last `SLOTS` slots at *now* (seconds since the epoch)."""
        slot = int(now // SLOT_SECONDS)
        return {name: self._shifted(name, slot) for name in self.letters}

    def _shifted(self, name: str, slot: int) -> str:
        """The letters of *name* up to *slot*, which may lie before `self.slot` if the clock was set back."""
        known = self.letters.get(name, "")
        later = slot - self.slot
        if later < 0:
            known = known[:later]
        else:
            known += NOTHING * min(later, SLOTS)
        return known[-SLOTS:].rjust(SLOTS, NOTHING)


def encode(history: VolumeHistory) -> bytes:
    """The content of the file."""
    content = {"format_version": FORMAT_VERSION, "slot": history.slot, "volumes": history.letters}
    return json.dumps(content, separators=(",", ":")).encode("ascii")


def decode(content: bytes) -> VolumeHistory:
    """The history in *content*.  Raises DamagedHistory."""
    try:
        fields: Any = json.loads(content)
        if fields["format_version"] != FORMAT_VERSION:
            raise DamagedHistory(f"its format_version is not {FORMAT_VERSION}")
        slot = fields["slot"]
        if isinstance(slot, bool) or not isinstance(slot, int) or not 0 <= slot < 1 << 32:
            raise DamagedHistory("its slot is no number of a slot")
        letters = {
            _checked(name): _letters(value) for name, value in list(fields["volumes"].items())[:MOST_VOLUMES]
        }
        return VolumeHistory(slot, letters)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as err:
        raise DamagedHistory("it is not of the form that the daemon writes") from err


def read(path: str) -> VolumeHistory:
    """The history in the file at *path*; an empty one where there is no file.  Raises DamagedHistory."""
    try:
        content = safe_open.read(path, MOST_BYTES)
    except FileNotFoundError:
        return VolumeHistory()
    except OSError as err:
        raise DamagedHistory(err.strerror or str(err)) from err
    return decode(content)


def _checked(name: str) -> str:
    if len(name) > LONGEST_NAME:
        raise ValueError("no name")
    return name


def _letters(value: object) -> str:
    if not isinstance(value, str) or len(value) > SLOTS or set(value) - set(_RANK):
        raise ValueError("no letters")
    return value
