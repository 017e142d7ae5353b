"""The collectors: the reports about a pool, one file each.

A file in this package that has `@register` over a class with the members of `Collector` is
a collector; there is no list to keep.  The files are only imported by a query for which
collectors there are.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Protocol, Type, TypeVar, runtime_checkable

from ganeti_gluster_mon.gluster.model import Pool
from ganeti_gluster_mon.health import Health

#: kinds of report, by Ganeti's design of its monitoring daemon: figures, or a status as well
PERFORMANCE, STATUS = 0, 1


class Collector(Protocol):
    """One report about a pool."""

    #: as in ``collect NAME`` and ``/1/report/CATEGORY/NAME``
    name: str
    #: mond's: "storage", "daemon", …
    category: str
    #: PERFORMANCE or STATUS; the data of a STATUS report has a "status"
    kind: int
    #: goes up when a field changes its meaning or goes away
    format_version: int
    #: what it reports, in one line, for ``list``
    summary: str

    def collect(self, pool: Pool, health: Health, now: int) -> Dict[str, Any]:
        """The ``data`` of its report at *now* (ns since the epoch): plain values, ready for JSON."""


@runtime_checkable
class StatusCollector(Protocol):
    """A collector whose kind is STATUS."""

    def evaluate(self, pool: Pool, health: Health) -> Health:
        """The health that its status reports; *health* is that of the whole pool."""


def status_data(health: Health) -> Dict[str, Any]:
    """The ``status`` of a report: ``code``, ``message`` and ``problems``, worst first."""
    return {
        "code": health.code,
        "message": health.message,
        "problems": [
            {
                "code": problem.code,
                "severity": problem.severity,
                "volume": problem.volume,
                "subject": problem.subject,
                "text": problem.text,
                "since": problem.since,
                "guests": None if problem.guests is None else list(problem.guests),
                "muted": problem.muted,
            }
            for problem in health.problems
        ],
    }


_registered: Dict[str, Collector] = {}
_C = TypeVar("_C", bound=Type[Collector])


def register(cls: _C) -> _C:
    """Make the decorated class a collector.  Raises ValueError when its name is taken."""
    if cls.name in _registered:
        raise ValueError(f"two collectors are called {cls.name}")
    _registered[cls.name] = cls()
    return cls


def collectors() -> Mapping[str, Collector]:
    """All collectors by name, in the order of their names."""
    # Late, since most commands need no collector, and cold start counts.
    import importlib
    import pkgutil

    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_registered.items()))
