"""Problems with their age, and muted ones."""

from __future__ import annotations

from typing import Tuple

from ganeti_gluster_mon import mutes
from ganeti_gluster_mon.health import (
    CRITICAL,
    HEALING,
    Health,
)
from ganeti_gluster_mon.health.annotate import annotate
from tests.unit.test_history import HEAL, NOW, OFFLINE, health


def muted_for(*keys: Tuple[str, str]) -> mutes.Mutes:
    return mutes.Mutes({(*key, ""): mutes.Mute(*key, NOW + 60, NOW) for key in keys})


def annotated(found: Health, silenced: mutes.Mutes) -> Health:
    return annotate(
        found, lambda _key: None, lambda problem: silenced.is_muted(problem.code, problem.volume, NOW)
    )


def test_what_is_muted_stays_visible_and_raises_no_code() -> None:
    found = annotated(health(OFFLINE, HEAL), muted_for(("BRICK_OFFLINE", "gv0")))
    assert [(problem.code, problem.muted) for problem in found.problems] == [
        ("BRICK_OFFLINE", True),
        ("HEAL_PENDING", False),
    ]
    assert (found.code, found.volumes["gv0"].code) == (HEALING, HEALING)
    assert found.volumes["gv0"].status == "degraded"
    assert found.message == "gv0: 5 entries to be healed (1 muted)"
    everything = annotated(health(OFFLINE, HEAL), muted_for(("BRICK_OFFLINE", ""), ("HEAL_PENDING", "")))
    assert (everything.code, everything.warning) == (0, False)
    assert everything.message == "no problem that is not muted (2 muted)"
    other = annotated(health(OFFLINE), muted_for(("BRICK_OFFLINE", "other"), ("HEAL_PENDING", "gv0")))
    assert other == annotated(health(OFFLINE), mutes.NONE)
    assert other.code == CRITICAL
