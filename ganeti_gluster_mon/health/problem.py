"""A problem, and the thresholds it is found by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Optional, Tuple

from ganeti_gluster_mon.health.codes import RANK

#: severities, and status codes of a report, by the design of Ganeti's monitoring daemon:
#: a warning or nothing at all; Gluster repairs it; not known; an administrator has to act
OK, HEALING, UNKNOWN, CRITICAL = 0, 1, 2, 4


@dataclass(frozen=True)
class Limits:
    """Thresholds.  Free space and free inodes are percent of what clients may use."""

    warning_free: float = 20.0
    critical_free: float = 10.0
    #: seconds; older answers are not used
    stale_after: float = 90.0


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it should be."""

    #: a key of `codes.CODES`
    code: str
    #: OK (a warning), HEALING, UNKNOWN or CRITICAL
    severity: int
    #: complete: names the volume and the subject
    text: str
    #: "" for the pool
    volume: str = ""
    #: the brick ("host:path"), host, subvolume or directory it is about; "" for the volume or the pool as a whole
    subject: str = ""
    #: seconds since the epoch; None: not known
    since: Optional[float] = None
    #: names of the instances whose disks are affected; None: not known
    guests: Optional[Tuple[str, ...]] = None
    #: an administrator silenced its code
    muted: bool = False
    #: what several such problems have in common, in words; the message groups by code, severity and kind
    kind: str = ""
    #: not known only because something else is not; that problem gives the reason
    implied: bool = False


def worst_first(problem: Problem) -> Tuple[int, int]:
    """Sort key: by severity, then by the order of the codes."""
    return -problem.severity, RANK[problem.code]


def worst(problems: Iterable[Problem]) -> int:
    """The status code of *problems*: the highest severity; OK where there is none.  Muted problems do not count."""
    return max((problem.severity for problem in problems if not problem.muted), default=OK)
