"""`gnt-gluster impact`: which volumes and instances would be affected if nodes or bricks failed now."""

from __future__ import annotations

import argparse
import json
from typing import Dict, Iterator, Sequence

from ganeti_gluster_mon.health.stop_check import StopCheck
from ganeti_gluster_mon.text import one_line, some
from ganeti_gluster_mon.view import ok_to_stop_command
from ganeti_gluster_mon.view.ok_to_stop_command import check_named


def run(arguments: argparse.Namespace) -> int:
    """Print the impact of the names in *arguments*; always 0.

    Raises CommandError where a name is that of no peer and no brick, or Gluster cannot be queried.
    """
    found = check_named(arguments)
    if arguments.json:
        print(json.dumps(as_json(found), sort_keys=True))
    else:
        print("\n".join(lines(found, arguments.names)))
    return 0


def as_json(found: StopCheck) -> Dict[str, object]:
    """The result for programs; null is what is not known."""
    result = ok_to_stop_command.as_json(found)
    del result["ok"]
    result["faults"] = result.pop("reasons")
    return result


def lines(found: StopCheck, names: Sequence[str]) -> Iterator[str]:
    """The result for people: instances first, and every one of them."""
    yield f"if {some([one_line(name, 80) for name in names], 10)} failed now:"
    if found.stopped_guests is None or found.guests_at_risk is None:
        yield f"  instances: not known ({one_line(found.guests_unknown or 'no node of a Ganeti cluster')})"
    else:
        yield _guests("would stop", found.stopped_guests)
        yield _guests("would have a copy less", found.guests_at_risk)
    for line in (*found.reasons, *found.left):
        yield f"  {one_line(line)}"
    if not (found.reasons or found.left):
        yield "  no started volume has a brick there"


def _guests(what: str, guests: Sequence[str]) -> str:
    names = ", ".join(one_line(name, 80) for name in guests)
    return f"  instances that {what}: {f'{len(guests)} ({names})' if guests else 'none'}"
