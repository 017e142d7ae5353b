"""Copies that are not the same, and what repairs them."""

from __future__ import annotations

from typing import Iterator, Tuple

from ganeti_gluster_mon.gluster.model import Volume
from ganeti_gluster_mon.health.problem import CRITICAL, HEALING, OK, Problem
from ganeti_gluster_mon.health.services import clients_off, switched_off, with_bricks
from ganeti_gluster_mon.text import duration_text

#: Seconds without progress after which a backlog counts as stuck: while nothing is possibly healing, and else.  A very
#: large image takes hours, and "possibly healing" is also each disk that a guest is writing to.
STUCK_AFTER, STUCK_AFTER_WHILE_HEALING = 3600.0, 4 * 3600.0


def healing_problems(volume: Volume) -> Iterator[Problem]:
    """The heal backlog of *volume*, and its self-heal daemons."""
    if not volume.heals:
        return
    off = switched_off(volume)
    daemons = with_bricks(volume, volume.self_heal_daemons)
    dead = sorted(daemon.host for daemon in daemons if daemon.online is False)
    alive = any(daemon.online for daemon in daemons)
    for host in () if off else dead:
        text = f"{volume.name}: no self-heal daemon on {host}"
        yield Problem("HEAL_DAEMON_DOWN", CRITICAL, text, volume.name, host)
    if off:
        yield _heal_off(volume, off)
    if volume.heal is None:
        return
    if volume.heal.split_brain:
        text = f"{volume.name}: {_entries(volume.heal.split_brain)} in split-brain"
        yield Problem("SPLIT_BRAIN", CRITICAL, text, volume.name)
    if volume.heal.pending:
        severity, why = HEALING, ""
        if off:
            severity, why = CRITICAL, ", and self-heal is switched off"
        elif dead and not alive:
            severity, why = CRITICAL, ", and no self-heal daemon runs"
        elif clients_off(volume):
            # The daemon heals all the same: glusterd switches these options on in its volfile.
            why = f" by the self-heal daemon alone: off are {', '.join(clients_off(volume))}"
        text = f"{volume.name}: {_entries(volume.heal.pending)} to be healed{why}"
        yield Problem("HEAL_PENDING", severity, text, volume.name)


def may_heal(volume: Volume) -> bool:
    """Whether all that healing *volume* takes is there: its bricks are online, and self-heal is on and runs."""
    return (
        all(brick.online is True for brick in volume.bricks)
        and not switched_off(volume)
        and not any(daemon.online is False for daemon in with_bricks(volume, volume.self_heal_daemons))
    )


def stuck_problems(volume: Volume, now: float) -> Iterator[Problem]:
    """A heal backlog that does not fall although nothing is in its way; *now* is seconds since the epoch."""
    heal = volume.heal
    if heal is None or heal.stuck_since is None or not heal.pending or not may_heal(volume):
        return
    waited = now - heal.stuck_since
    idle_too_long = (
        heal.idle_since is not None and now - max(heal.stuck_since, heal.idle_since) >= STUCK_AFTER
    )
    if idle_too_long or waited >= STUCK_AFTER_WHILE_HEALING:
        text = (
            f"{volume.name}: {_entries(heal.pending)} to be healed, and not one less for "
            f"{duration_text(waited)}, though all bricks and self-heal daemons run"
        )
        yield Problem("HEAL_STUCK", CRITICAL, text, volume.name, since=heal.stuck_since)


def _heal_off(volume: Volume, off: Tuple[str, ...]) -> Problem:
    text = f"self-heal is switched off: {', '.join(off)}"
    set_on = f"gluster volume set {volume.name} {off[0]} on"
    if volume.heal is None:
        # Gluster then refuses `heal info`, so that the backlog is not known.
        return Problem(
            "HEAL_DAEMON_OFF",
            CRITICAL,
            f"{volume.name}: {text}; not known what waits to be healed: {set_on}",
            volume.name,
            kind=text,
        )
    severity = CRITICAL if volume.heal.pending or volume.heal.split_brain else OK
    return Problem("HEAL_DAEMON_OFF", severity, f"{volume.name}: {text}: {set_on}", volume.name, kind=text)


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"
