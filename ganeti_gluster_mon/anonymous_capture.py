"""A capture without names, which can be posted in public, and shows the same faults."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, Mapping

from ganeti_gluster_mon.gluster import anonymize
from ganeti_gluster_mon.gluster.capture import Capture, CaptureError
from ganeti_gluster_mon.gluster.pool_builder import build_pool
from ganeti_gluster_mon.health import Limits, evaluate
from ganeti_gluster_mon.text import one_line

#: texts of these fields are words of Gluster or of this program, no names
_WORDS = frozenset({"code", "state", "status", "transport", "source"})
_INSTEAD = "nothing was written; send the capture with its names to someone you trust"


def without_names(capture: Capture) -> Capture:
    """*capture* with other names in the place of those it has.

    Raises CaptureError where that has another verdict than *capture*, or where a name is left in it.
    """
    try:
        changed, names = anonymize.anonymous(capture)
    except ValueError as err:
        raise CaptureError(f"the capture cannot be anonymized: {err}") from err
    left = anonymize.remaining(changed, names)
    if left is not None:
        raise CaptureError(
            f"the capture cannot be anonymized: {one_line(left, 60)!r} would be left in it; {_INSTEAD}"
        )
    if verdict(changed) != verdict(capture):
        raise CaptureError(f"the capture cannot be anonymized: it would show other faults; {_INSTEAD}")
    return changed


def verdict(capture: Capture) -> Any:
    """What a replay of *capture* shows, without names and messages: codes, severities, statuses and numbers."""
    pool = build_pool(capture)
    health = evaluate(pool, Limits(), capture.recorded_at)
    return shape(pool), shape(health)


def shape(value: Any, name: str = "") -> Any:
    """*value*, of the field *name*, with the texts left out that are names or messages."""
    if isinstance(value, str):
        return value if name in _WORDS else ""
    if is_dataclass(value) and not isinstance(value, type):
        return type(value).__name__, *(shape(getattr(value, each.name), each.name) for each in fields(value))
    if isinstance(value, Mapping):
        return [shape(item) for item in value.values()]
    if isinstance(value, (tuple, list)):
        return [shape(item, name) for item in value]
    return value
