"""Copies that are not the same, and the daemons that repair them."""

from __future__ import annotations

from typing import Iterator

from ganeti_gluster_mon.gluster.model import Volume
from ganeti_gluster_mon.health.problem import CRITICAL, HEALING, Problem


def healing_problems(volume: Volume) -> Iterator[Problem]:
    """The heal backlog of *volume*, and its self-heal daemons."""
    if not volume.heals:
        return

    def problem(code: str, severity: int, text: str, subject: str = "", kind: str = "") -> Problem:
        return Problem(code, severity, f"{volume.name}: {text}", volume.name, subject, kind=kind)

    dead = sorted(daemon.host for daemon in volume.self_heal_daemons if daemon.online is False)
    alive = any(daemon.online for daemon in volume.self_heal_daemons)
    for host in dead:
        yield problem("HEAL_DAEMON_DOWN", CRITICAL, f"no self-heal daemon on {host}", host)
    if volume.heal is None:
        return
    if volume.heal.split_brain:
        yield problem("SPLIT_BRAIN", CRITICAL, f"{_entries(volume.heal.split_brain)} in split-brain")
    if volume.heal.pending:
        waiting = f"{_entries(volume.heal.pending)} to be healed"
        if dead and not alive:
            yield problem("HEAL_PENDING", CRITICAL, f"{waiting}, and no self-heal daemon runs")
        else:
            yield problem("HEAL_PENDING", HEALING, waiting)


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"
