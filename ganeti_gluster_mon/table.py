"""The volumes as a table for people."""

from __future__ import annotations

from typing import List, Sequence

from ganeti_gluster_mon.columns import align
from ganeti_gluster_mon.gluster.model import Pool, Volume
from ganeti_gluster_mon.health import Health
from ganeti_gluster_mon.text import one_line, short_size

_HEADERS = ("VOLUME", "STATUS", "SIZE", "USED", "AVAIL", "BRICKS", "HEAL", "PROBLEMS")
_WORDS = (0, 1, 7)  # columns of words; the others are figures


def table(pool: Pool, health: Health) -> str:
    """A line for each volume, with a newline; ``?`` is what is not known, ``-`` what a volume does not do."""
    if pool.volumes is None:
        return f"It is not known which volumes there are: {one_line(health.message)}\n"
    rows: List[Sequence[str]] = [_HEADERS, *(_row(volume, health) for volume in pool.volumes)]
    lines = align(rows, [i not in _WORDS for i in range(len(_HEADERS))], "  ")
    return "".join(f"{line}\n" for line in lines)


def _row(volume: Volume, health: Health) -> Sequence[str]:
    judged = health.volumes.get(volume.name)
    space = volume.capacity
    up = "?" if volume.up is None else volume.up
    return (
        one_line(volume.name),
        judged.status if judged else "unknown",
        short_size(space.size) if space else "?",
        short_size(space.used) if space else "?",
        short_size(space.available) if space else "?",
        f"{up}/{len(volume.bricks)}",
        _heal(volume),
        ", ".join(dict.fromkeys(problem.code for problem in judged.problems)) if judged else "",
    )


def _heal(volume: Volume) -> str:
    """Entries to be healed; followed by those in split-brain, which do not heal by themselves."""
    if volume.heal is None:
        return "?" if volume.heals else "-"
    split = f" ({volume.heal.split_brain} split)" if volume.heal.split_brain else ""
    return f"{volume.heal.pending}{split}"
