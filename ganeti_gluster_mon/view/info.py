"""`gnt-gluster info`: all there is to know of a volume, in the manner of `gnt-instance info`."""

from __future__ import annotations

from collections import Counter
from typing import Any, Iterator, List, Optional, Sequence

from ganeti_gluster_mon.command_error import CommandError
from ganeti_gluster_mon.gluster.geo_replication import GeoReplication
from ganeti_gluster_mon.problem_text import problem_text
from ganeti_gluster_mon.text import duration_text, one_line
from ganeti_gluster_mon.view.brick_list import BRICKS
from ganeti_gluster_mon.view.disk_list import DISKS
from ganeti_gluster_mon.view.fields import shown
from ganeti_gluster_mon.view.listing import Listing, selected
from ganeti_gluster_mon.view.pool_view import PoolView
from ganeti_gluster_mon.view.volume_list import VOLUMES, VolumeRow

#: shown for a volume as lists of their own
_APART = ("name", "message", "nodes", "disks")


def lines(view: PoolView, names: Sequence[str], unit: str) -> Iterator[str]:
    """The volumes *names*, all where there are none, with their bricks, disks and options; sizes by *unit*.

    Raises CommandError for a name that names nothing, and where it is not known which there are.
    """
    rows = VOLUMES.rows(view)
    if rows is None:
        raise CommandError(f"not known which there are: {VOLUMES.unknown(view)}")
    yield f"Seen: {one_line(view.source)}"
    for row in selected(VOLUMES, rows, names):
        yield f"- Volume: {one_line(row.volume.name)}"
        yield from (f"  {line}" for line in _volume(view, row, unit))


def _volume(view: PoolView, row: VolumeRow, unit: str) -> Iterator[str]:
    for field in VOLUMES.fields:
        if field.name not in _APART:
            yield f"{field.title}: {shown(field, row, unit)}".rstrip()
    yield from _list("Wrong", [problem_text(problem, view.now) for problem in row.judged.problems])
    heal = row.volume.heal
    if heal is not None and heal.rate is not None:
        left = "" if heal.seconds_left is None else f", about {duration_text(heal.seconds_left)} left"
        yield f"Healing: {heal.rate * 60:.1f} entries a minute{left}"
    if row.volume.geo_replications:
        yield from _list(
            "Geo-replication", [_session(each, view.now / 1e9) for each in row.volume.geo_replications]
        )
    bricks = [brick for brick in BRICKS.rows(view) or () if brick.volume is row.volume]
    yield from _rows(
        "Bricks", BRICKS, bricks, ("brick", "subvolume", "arbiter", "status", "free", "clients", "heal"), unit
    )
    disks = DISKS.rows(view)
    if disks is not None:
        disks = [disk for disk in disks if disk.disk.volume == row.volume.name]
    yield from _rows(
        "Disks", DISKS, disks, ("instance", "disk", "path", "size", "allocated", "status", "heal"), unit
    )
    options = sorted(row.volume.options.items())
    yield from _list("Options", [f"{one_line(name)}: {one_line(value)}" for name, value in options])


def _session(session: GeoReplication, now: float) -> str:
    """One line: where to, how its workers are, and how far they have come."""
    counts = Counter(worker.status or "?" for worker in session.workers)
    words = [f"{number} {status}" for status, number in sorted(counts.items())] or ["?"]
    synced = [worker.last_synced_at for worker in session.workers if worker.last_synced_at is not None]
    if synced:
        words.append(f"last synced {duration_text(max(0.0, now - min(synced)))} ago")
    waiting = sum(worker.pending or 0 for worker in session.workers)
    if waiting:
        words.append(f"{waiting} changes wait")
    return f"{one_line(session.secondary)} ({', '.join(words)})"


def _list(title: str, items: Sequence[str]) -> Iterator[str]:
    yield f"{title}: {'' if items else 'none'}".rstrip()
    yield from (f"- {item}" for item in items)


def _rows(
    title: str, listing: Listing[Any], rows: Optional[Sequence[Any]], names: Sequence[str], unit: str
) -> Iterator[str]:
    if rows is None:
        yield f"{title}: ?"
        return
    fields = [field for name in names for field in listing.fields if field.name == name]
    items: List[str] = []
    for row in rows:
        first, *others = fields
        reply = ", ".join(f"{field.title}: {shown(field, row, unit)}" for field in others)
        items.append(f"{shown(first, row, unit)} ({reply})")
    yield from _list(title, items)
