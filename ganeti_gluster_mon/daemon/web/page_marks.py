"""How the page shows each status: a symbol, a word and a colour; and names and times in short."""

from __future__ import annotations

from dataclasses import dataclass

from ganeti_gluster_mon.health import CRITICAL, HEALING, OK, UNKNOWN
from ganeti_gluster_mon.text import one_line

#: letters of a name from outside that are shown
LONGEST_NAME = 300


@dataclass(frozen=True)
class StatusMark:
    """A status: a symbol that can be recognized without its colour, a word, and the name of the colour."""

    symbol: str
    word: str
    tone: str


GOOD, HEAL, WARN, UNKNOWN_TONE, BAD, OFF = "good", "heal", "warn", "unknown", "bad", "off"

POOL_MARKS = {
    OK: StatusMark("✔", "Works as it should", GOOD),
    HEALING: StatusMark("↻", "Repairs itself", HEAL),
    UNKNOWN: StatusMark("?", "Not known", UNKNOWN_TONE),
    CRITICAL: StatusMark("✖", "Needs attention", BAD),
}
WARNING_MARK = StatusMark("▲", "Warning", WARN)
#: of a volume whose copies differ, and that does not repair itself
STUCK_MARK = StatusMark("✖", "needs attention", BAD)
VOLUME_MARKS = {
    "healthy": StatusMark("✔", "healthy", GOOD),
    "healing": StatusMark("↻", "healing", HEAL),
    "faulty": StatusMark("✖", "faulty", BAD),
    "degraded": StatusMark("▲", "degraded", BAD),
    "partial": StatusMark("✖", "partial", BAD),
    "down": StatusMark("✖", "down", BAD),
    "stopped": StatusMark("■", "stopped", OFF),
    "unknown": StatusMark("?", "not known", UNKNOWN_TONE),
}
BRICK_MARKS = {
    "online": StatusMark("✔", "online", GOOD),
    "healing": StatusMark("↻", "healing", HEAL),
    "faulty": StatusMark("✖", "faulty", BAD),
    "hangs": StatusMark("✖", "hangs", BAD),
    "offline": StatusMark("✖", "offline", BAD),
    "stopped": StatusMark("■", "stopped", OFF),
    "unknown": StatusMark("?", "not known", UNKNOWN_TONE),
}
PEER_MARKS = {
    "connected": StatusMark("✔", "connected", GOOD),
    "disconnected": StatusMark("✖", "disconnected", BAD),
    "silent": StatusMark("✖", "does not answer", BAD),
    "rejected": StatusMark("✖", "not a full member", BAD),
    "unknown": StatusMark("?", "not known", UNKNOWN_TONE),
}
#: the colours of subvolumes
SUBVOLUME_TONES = {
    "healthy": GOOD,
    "healing": HEAL,
    "degraded": BAD,
    "no quorum": BAD,
    "stopped": OFF,
    "unknown": UNKNOWN_TONE,
}
PROBLEM_MARKS = {**POOL_MARKS, OK: WARNING_MARK}
WORST_FIRST = (BAD, UNKNOWN_TONE, HEAL, WARN, GOOD, OFF)


def shown_name(text: str) -> str:
    """The name *text* from outside, on one line and not too long."""
    return one_line(text, LONGEST_NAME)


def short_duration(seconds: float) -> str:
    """*seconds* in the largest unit of which there are two."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
