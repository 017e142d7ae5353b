"""Reports: the data of a collector, in the envelope of Ganeti's monitoring daemon (mond)."""

from __future__ import annotations

import json
import sys
from typing import Any, Callable, Dict, Optional, Sequence, Tuple

from ganeti_gluster_mon import __version__
from ganeti_gluster_mon.collectors import STATUS, Collector
from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.health import UNKNOWN, Health
from ganeti_gluster_mon.text import one_line

Report = Dict[str, Any]


def warn(line: str) -> None:
    """Print *line* on standard error."""
    print(f"ganeti-gluster-mon: {line}", file=sys.stderr)


def make(
    collector: Collector,
    pool: Pool,
    health: Health,
    now: int,
    verbose: bool = False,
    on_failure: Callable[[str], None] = warn,
) -> Report:
    """The report of *collector* at *now* (ns since the epoch), its fields in mond's order.

    Without *verbose* a report with a status has that only.  A collector that fails harms no
    other: its report has status 2 and the error, and *on_failure* is called with the same line.
    """
    terse, full = make_both(collector, pool, health, now, on_failure)
    return full if verbose else terse


def make_both(
    collector: Collector,
    pool: Pool,
    health: Health,
    now: int,
    on_failure: Callable[[str], None] = warn,
) -> Tuple[Report, Report]:
    """The reports of `make` without and with *verbose*, collected once; one object where both are the same."""
    try:
        data = collector.collect(pool, health, now)
        short = {"status": data["status"]} if collector.kind == STATUS else data
    except Exception as error:  # whatever it is, it is this collector's alone
        failure = one_line(f"collector {collector.name} failed: {type(error).__name__}: {error}")
        on_failure(failure)
        short = data = {"status": {"code": UNKNOWN, "message": failure, "problems": []}}

    def made(content: Report) -> Report:
        return {
            "name": collector.name,
            "version": __version__,
            "format_version": collector.format_version,
            "timestamp": now,
            "category": collector.category,
            "kind": collector.kind,
            "data": content,
        }

    terse = made(short)
    return terse, terse if short is data else made(data)


def render(reports: Sequence[Report], indent: Optional[int] = None) -> str:
    """JSON in ASCII, whatever the names hold: an object for exactly one report, else a list."""
    return json.dumps(reports[0] if len(reports) == 1 else list(reports), indent=indent)
