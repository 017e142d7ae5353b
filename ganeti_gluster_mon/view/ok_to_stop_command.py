"""`gnt-gluster ok-to-stop`: may these nodes or bricks be stopped now?"""

from __future__ import annotations

import argparse
import json
from typing import Dict, Iterator, List, Sequence

from ganeti_gluster_mon.health.stop_check import StopCheck, check_stop
from ganeti_gluster_mon.text import one_line, some
from ganeti_gluster_mon.view import pool_source
from ganeti_gluster_mon.view.targets import targets

#: instances that are named, at most; --json has all
_MOST_NAMED = 10


def run(arguments: argparse.Namespace) -> int:
    """Print the check of the names in *arguments*; 0: yes, 1: no.

    Raises CommandError where a name is that of no peer and no brick, or Gluster cannot be queried.
    """
    found = check_named(arguments)
    if arguments.json:
        print(json.dumps(as_json(found), sort_keys=True))
    else:
        print("\n".join(lines(found, arguments.names)))
    return 0 if found.ok else 1


def check_named(arguments: argparse.Namespace) -> StopCheck:
    """What follows where the names in *arguments* stop.

    Raises CommandError where a name is that of no peer and no brick, or Gluster cannot be queried.
    """
    view = pool_source.load(arguments)
    hosts, labels = targets(view.pool, view.cluster, arguments.names)
    return check_stop(view.pool, hosts, labels)


def as_json(found: StopCheck) -> Dict[str, object]:
    """The result for programs; null is what is not known."""
    return {
        "ok": found.ok,
        "reasons": list(found.reasons),
        "left": list(found.left),
        "stopped_guests": None if found.stopped_guests is None else list(found.stopped_guests),
        "guests_at_risk": None if found.guests_at_risk is None else list(found.guests_at_risk),
    }


def lines(found: StopCheck, names: Sequence[str]) -> Iterator[str]:
    """The result for people."""
    what = some([one_line(name, 80) for name in names], _MOST_NAMED)
    yield f"yes: {what} may be stopped" if found.ok else f"no: {what} must not be stopped now"
    for reason in found.reasons:
        yield f"  - {one_line(reason)}"
    for left in found.left:
        yield f"  {one_line(left)}"
    if found.stopped_guests is None:
        yield f"  instances: not known ({one_line(found.guests_unknown or 'no node of a Ganeti cluster')})"
        return
    for title, guests in (
        ("instances that would stop", found.stopped_guests),
        ("instances whose disks have a copy less meanwhile", found.guests_at_risk or ()),
    ):
        if guests:
            yield f"  {title} ({len(guests)}): {some(_clean(guests), _MOST_NAMED)}"


def _clean(names: Sequence[str]) -> List[str]:
    return [one_line(name, 80) for name in names]
