"""Messages in Gluster's logs, by their levels.  Pure.  No text of a message is kept."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import AbstractSet, Any, Dict, Iterable, List, Mapping, Optional, Tuple

#: by Gluster's letter for it
LEVELS: Mapping[bytes, str] = {
    b"M": "emergency",
    b"A": "alert",
    b"C": "critical",
    b"E": "error",
    b"W": "warning",
    b"N": "notice",
    b"I": "info",
    b"D": "debug",
    b"T": "trace",
}
#: levels that are reported also where no message has them
ALWAYS = ("critical", "error", "warning", "info")
#: "[2026-11-26 21:30:01.123456 +0000] E [MSGID: …] …", and `The message "E [MSGID: …] …" repeated 3 times between …`
_MESSAGE = re.compile(
    rb"^(?:\[[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}(?:\.[0-9]{1,9})?(?: [+-][0-9]{4})?\] |The message \")"
    rb"([MACEWNIDT]) \[",
    re.MULTILINE,
)
#: by name of a log, below Gluster's directory of logs: the process, by the names that `processes` has
_NAMES: Mapping[str, str] = {
    "glusterd.log": "glusterd",
    "glustershd.log": "self-heal",
    "quotad.log": "quotad",
    "bitd.log": "bitd",
    "scrub.log": "scrub",
}
_BRICK, _SNAPD, _REBALANCE = "bricks/", re.compile(r"snaps/[^/]+/snapd\.log"), "-rebalance.log"

#: by process and level
Counts = Mapping[Tuple[str, str], int]


@dataclass(frozen=True)
class LogReport:
    """Messages in the logs of a node since its daemon was started, and the size of the logs."""

    counts: Counts = field(default_factory=dict)
    #: bytes that were skipped, by process: more was written than is read in a cycle
    skipped: Mapping[str, int] = field(default_factory=dict)
    #: bytes of all files in Gluster's directory of logs; None: not known
    directory_size: Optional[int] = None


def count_levels(text: bytes) -> Dict[str, int]:
    """The messages that begin in *text*, by level.  Other lines, which continue a message or list threads, are none."""
    found = Counter(_MESSAGE.findall(text))
    return {LEVELS[letter]: number for letter, number in found.items()}


def process_of(name: str, mount_logs: AbstractSet[str]) -> Optional[str]:
    """The process that writes the log *name*, relative to Gluster's directory of logs.

    None for the logs of commands, some of which this daemon runs.  *mount_logs*: those of the mounts.
    """
    if name in _NAMES:
        return _NAMES[name]
    if name.startswith(_BRICK):
        return "brick"
    if _SNAPD.fullmatch(name):
        return "snapd"
    if name.endswith(_REBALANCE):
        return "rebalance"
    return "mount" if name in mount_logs else None


def mount_logs(paths: Iterable[str]) -> AbstractSet[str]:
    """The names of the logs of mounts at *paths*: "mnt-gv0.log" for /mnt/gv0."""
    return {path.lstrip("/").replace("/", "-") + ".log" for path in paths}


def logs_to_json(report: LogReport) -> Any:
    """*report* as the record of a cycle has it."""
    return {
        "counts": [[*key, count] for key, count in report.counts.items()],
        "skipped": dict(report.skipped),
        "directory_size": report.directory_size,
    }


def logs_from_json(fields: Any) -> LogReport:
    """The report in the record of a cycle.  Raises ValueError, TypeError and KeyError."""
    rows: List[Tuple[str, str, int]] = [tuple(row) for row in fields["counts"]]
    size = fields["directory_size"]
    return LogReport(
        {(str(process), str(level)): int(count) for process, level, count in rows},
        {str(process): int(count) for process, count in dict(fields["skipped"]).items()},
        None if size is None else int(size),
    )
