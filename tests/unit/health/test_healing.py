"""Heal backlogs: which ones need an administrator, and when one is stuck."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional, Sequence

import pytest

from ganeti_gluster_mon.gluster.model import SELF_HEAL_DAEMON, Brick, Daemon, Heal, Subvolume, Volume
from ganeti_gluster_mon.health import CRITICAL, HEALING, OK
from ganeti_gluster_mon.health.healing import healing_problems, may_heal, stuck_problems

HOUR = 3600.0
BRICKS = tuple(Brick("gv0", f"node{n}", "/b", f"u{n}", online=True) for n in (1, 2, 3))
DAEMONS = tuple(Daemon(SELF_HEAL_DAEMON, f"node{n}", f"u{n}", True) for n in (1, 2, 3))
OFF = {"cluster.self-heal-daemon": "off"}


def volume(kind: str = "replicate", **changes: Any) -> Volume:
    made = Volume(
        "gv0",
        "u",
        kind,
        "started",
        "tcp",
        BRICKS,
        (Subvolume(kind, BRICKS),),
        daemons=DAEMONS,
        heal=Heal(0, 0, 0),
    )
    return replace(made, **changes)


def daemons(*up: Optional[bool]) -> Sequence[Daemon]:
    return tuple(replace(daemon, online=state) for daemon, state in zip(DAEMONS, up))


def found(made: Volume) -> list[tuple[str, int, str]]:
    return [(one.code, one.severity, one.text) for one in healing_problems(made)]


def test_nothing_to_heal() -> None:
    assert found(volume()) == []
    assert found(volume("distribute", heal=None, daemons=daemons(False, False, False))) == []


def test_a_backlog_is_healed_while_a_daemon_runs() -> None:
    pending = Heal(1, 0, 0)
    assert found(volume(heal=pending)) == [("HEAL_PENDING", HEALING, "gv0: 1 entry to be healed")]
    assert found(volume(heal=pending, daemons=daemons(True, False, True))) == [
        ("HEAL_DAEMON_DOWN", CRITICAL, "gv0: no self-heal daemon on node2"),
        ("HEAL_PENDING", HEALING, "gv0: 1 entry to be healed"),
    ]
    assert found(volume(heal=pending, daemons=daemons(False, None, None)))[-1] == (
        "HEAL_PENDING",
        CRITICAL,
        "gv0: 1 entry to be healed, and no self-heal daemon runs",
    )
    # none is known to be dead
    assert found(volume(heal=pending, daemons=daemons(None, None, None)))[-1][1] == HEALING


def test_split_brain() -> None:
    assert found(volume(heal=Heal(0, 1, 0))) == [("SPLIT_BRAIN", CRITICAL, "gv0: 1 entry in split-brain")]
    assert found(volume(heal=Heal(0, 2, 0))) == [("SPLIT_BRAIN", CRITICAL, "gv0: 2 entries in split-brain")]


@pytest.mark.parametrize(
    ("heal", "severity"),
    [(Heal(0, 0, 0), OK), (Heal(1, 0, 0), CRITICAL), (Heal(0, 1, 0), CRITICAL), (None, CRITICAL)],
)
def test_self_heal_that_is_off_matters_as_soon_as_something_waits(
    heal: Optional[Heal], severity: int
) -> None:
    problems = found(volume(heal=heal, options=OFF, daemons=daemons(False, False, False)))
    assert problems[0][:2] == ("HEAL_DAEMON_OFF", severity)
    assert "HEAL_DAEMON_DOWN" not in [code for code, _, _ in problems]
    if heal is not None and heal.pending:
        assert problems[-1] == (
            "HEAL_PENDING",
            CRITICAL,
            "gv0: 1 entry to be healed, and self-heal is switched off",
        )


def test_clients_that_do_not_heal_leave_it_to_the_daemon() -> None:
    made = volume(heal=Heal(2, 0, 0), options={"cluster.data-self-heal": "off"})
    assert found(made) == [
        (
            "HEAL_PENDING",
            HEALING,
            "gv0: 2 entries to be healed by the self-heal daemon alone: off are cluster.data-self-heal",
        )
    ]


def test_when_all_that_healing_takes_is_there() -> None:
    assert may_heal(volume())
    assert may_heal(volume(daemons=daemons(None, None, None)))
    assert not may_heal(volume(options=OFF))
    assert not may_heal(volume(daemons=daemons(True, True, False)))
    for state in (False, None):
        assert not may_heal(volume(bricks=(*BRICKS[:2], replace(BRICKS[2], online=state))))


def stuck(now: float, idle_since: Optional[float] = None, **changes: Any) -> bool:
    heal = Heal(3, 0, 0, stuck_since=1000.0, idle_since=idle_since)
    return bool(list(stuck_problems(volume(**{"heal": heal, **changes}), 1000.0 + now)))


def test_a_backlog_is_stuck_after_an_hour_while_nothing_heals_and_after_four_hours_else() -> None:
    assert not stuck(HOUR - 1, idle_since=1000.0)
    assert stuck(HOUR, idle_since=1000.0)
    # both have lasted an hour
    assert not stuck(HOUR + 60, idle_since=1000.0 + 61)
    assert stuck(HOUR + 60, idle_since=1000.0 + 60)
    assert not stuck(HOUR - 1, idle_since=0.0)
    assert not stuck(4 * HOUR - 1)
    assert stuck(4 * HOUR)


def test_a_backlog_is_not_stuck_where_something_is_in_its_way() -> None:
    assert stuck(5 * HOUR)
    assert not stuck(5 * HOUR, options=OFF)
    assert not stuck(5 * HOUR, heal=None)
    assert not stuck(5 * HOUR, heal=Heal(3, 0, 0))
    assert not stuck(5 * HOUR, heal=Heal(0, 0, 0, stuck_since=1000.0))


def test_the_words_about_a_stuck_backlog() -> None:
    (problem,) = stuck_problems(volume(heal=Heal(3, 0, 0, stuck_since=1000.0)), 1000.0 + 5 * HOUR)
    assert problem.text.startswith("gv0: 3 entries to be healed, and not one less for 5 h, though")
    assert (problem.code, problem.severity, problem.since) == ("HEAL_STUCK", CRITICAL, 1000.0)
