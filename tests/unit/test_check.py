"""The Nagios line."""

from __future__ import annotations

import dataclasses
import re
from typing import Dict, Optional, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti_gluster_mon.check import check
from ganeti_gluster_mon.gluster.model import Brick, Capacity, Heal, Inodes, Pool, Subvolume, Volume
from ganeti_gluster_mon.health import CRITICAL, HEALING, OK, UNKNOWN, Health, Limits, Problem, VolumeHealth
from tests.unit.example_pool import HEALTH, NOTHING, NOTHING_HEALTH, POOL, same_as_golden

LIMITS = Limits()
GV0, DIST2, OLD = POOL.volumes or ()

#: a figure as the Monitoring Plugins' guidelines have it
FIGURE = re.compile(r"'((?:[^']|'')+)'=(\d+)(B?)((?:;\d*)*)(?: |\Z)")


def figures(line: str) -> Dict[str, Tuple[str, str, str]]:
    """The performance data by label; fails where any of it is not well-formed."""
    _, bar, perfdata = line.partition(" | ")
    found = {}
    end = 0
    for match in FIGURE.finditer(perfdata):
        assert match.start() == end
        end = match.end()
        label, value, unit, rest = match.groups()
        assert "=" not in label
        assert label not in found
        found[label.replace("''", "'")] = (value, unit, rest)
    assert end == len(perfdata)
    assert bool(bar) == bool(found)
    return found


def health(*problems: Problem) -> Health:
    code = max((problem.severity for problem in problems), default=OK)
    return Health(code, "; ".join(p.text for p in problems) or "all is well", problems, {})


@pytest.mark.parametrize("volume", [None, "gv0", "dist2", "old", "gone"])
def test_lines(volume: Optional[str]) -> None:
    result = check(POOL, HEALTH, LIMITS, volume)
    same_as_golden(f"check-{volume or 'pool'}.txt", f"{result.line}\nexit {result.exit_status}\n")


@pytest.mark.parametrize(
    ("code", "state", "exit_status"),
    [(HEALING, "WARNING", 1), (CRITICAL, "CRITICAL", 2), (UNKNOWN, "UNKNOWN", 3), (OK, "WARNING", 1)],
)
def test_exit_status_of_a_problem(code: int, state: str, exit_status: int) -> None:
    judged = health(Problem("NOT_KNOWN", code, "this is wrong", "gv0"))
    for volume in (None, "gv0"):
        if volume:
            judged = dataclasses.replace(
                judged, volumes={"gv0": VolumeHealth("healthy", code, judged.problems)}
            )
        result = check(POOL, judged, LIMITS, volume)
        assert result.exit_status == exit_status
        assert result.line.startswith(
            f"GLUSTER {state} - this is wrong [NOT_KNOWN], fix: gnt-gluster diagnose | 'gv0_used'="
        )


def test_a_healthy_pool() -> None:
    result = check(POOL, health(), LIMITS)
    assert result.exit_status == 0
    assert result.line.startswith("GLUSTER OK - all is well | ")
    judged = Health(OK, "", (), {"gv0": VolumeHealth("healthy", OK)})
    result = check(POOL, judged, LIMITS, "gv0")
    assert result.exit_status == 0
    assert result.line.startswith("GLUSTER OK - gv0 is healthy, 2 of 3 bricks online, 103.3M of 1.9G used | ")


def test_a_volume_has_nothing_to_do_with_anothers_problems() -> None:
    result = check(POOL, HEALTH, LIMITS, "dist2")
    assert "gv0" not in result.line
    assert result.exit_status == 1


def test_what_is_not_known_of_the_pool_is_not_known_of_its_volumes() -> None:
    stale = Problem("NOT_KNOWN", UNKNOWN, "the answers are 600 s old")
    judged = Health(UNKNOWN, stale.text, (stale,), {"gv0": VolumeHealth("healthy", OK)})
    result = check(POOL, judged, LIMITS, "gv0")
    assert result.exit_status == 3
    assert result.line.startswith(
        "GLUSTER UNKNOWN - the answers are 600 s old [NOT_KNOWN], fix: gnt-gluster diagnose | "
    )


def test_a_volume_that_was_not_evaluated_is_unknown() -> None:
    assert check(POOL, Health(OK, "", (), {}), LIMITS, "gv0").exit_status == 3


def test_nothing_is_known() -> None:
    result = check(NOTHING, NOTHING_HEALTH, LIMITS)
    assert (result.exit_status, result.line) == (
        3,
        "GLUSTER UNKNOWN - glusterd is not running [GLUSTERD_DOWN], fix: systemctl start glusterd",
    )
    result = check(NOTHING, NOTHING_HEALTH, LIMITS, "gv0")
    assert result.exit_status == 3
    assert result.line == "GLUSTER UNKNOWN - not known which volumes there are: glusterd is not running"


def test_an_unknown_volume() -> None:
    result = check(POOL, HEALTH, LIMITS, "gv1|\n")
    assert (result.exit_status, result.line) == (
        3,
        "GLUSTER UNKNOWN - no volume of that name; there are: gv0, dist2, old",
    )
    assert check(Pool(0, volumes=()), health(), LIMITS, "gv0").line.endswith("there are: none")


def test_performance_data() -> None:
    assert figures(check(POOL, HEALTH, LIMITS).line) == {
        "gv0_used": ("108355584", "B", ";1589087436;1787723366;0;2006818816"),
        "gv0_inodes": ("58", "", ";104857;117964;0;131072"),
        "gv0_heal_pending": ("7", "", ";;;0"),
        "gv0_bricks_online": ("2", "", ";;;0;3"),
        "dist2_used": ("3344697344", "B", ";3155757875;3550227609;0;4013637632"),
        "dist2_bricks_online": ("2", "", ";;;0;2"),
    }


def test_limits_are_those_of_the_arguments() -> None:
    volume = dataclasses.replace(GV0, capacity=Capacity(1000, 100, 850, "mount"), inodes=None, heal=None)
    line = check(Pool(0, volumes=(volume,)), health(), Limits(warning_free=50, critical_free=99)).line
    # 950 are usable, and half of them, or all but 1 %, are to stay free
    assert figures(line)["gv0_used"] == ("100", "B", ";475;9;0;1000")


def test_a_long_text_is_cut_between_problems() -> None:
    problems = [
        Problem("NOT_KNOWN", CRITICAL, f"node{i}.lab.test: a reason of its own", "gv0", kind=str(i))
        for i in range(1000)
    ]
    line = check(POOL, health(*problems), LIMITS).line
    text, _, _ = line.partition(" | ")
    assert len(text) < 2100
    shown = text.count("a reason of its own")
    assert text.endswith(
        f"a reason of its own [NOT_KNOWN], fix: gnt-gluster diagnose; and {1000 - shown} more"
    )
    assert len(figures(line)) == 6
    (endless,) = [Problem("NOT_KNOWN", CRITICAL, "x" * 10**6)]
    assert len(check(POOL, health(endless), LIMITS).line) < 3000


hostile = st.text(st.characters(exclude_categories=()), max_size=40) | st.sampled_from(
    ["a'b=c|d\n", "\r\x85\u2028"]
)


@given(name=hostile, text=hostile)
def test_hostile_names_and_texts_stay_in_their_place(name: str, text: str) -> None:
    bricks = (Brick(name, "h", "/b", online=True),)
    volume = Volume(
        name,
        "u",
        "replicate",
        "started",
        "tcp",
        bricks,
        (Subvolume("replicate", bricks),),
        capacity=Capacity(10, 5, 5, "mount"),
        inodes=Inodes(10, 5, 5),
        heal=Heal(1, 0, 0),
    )
    pool = Pool(0, volumes=(volume,))
    judged = Health(4, text, (Problem("NOT_KNOWN", 4, text, name),), {name: VolumeHealth("down", 4)})
    for wanted in (None, name, name + "x"):
        line = check(pool, judged, LIMITS, wanted).line
        assert line.isprintable()
        line.encode("utf-8")
        assert len(figures(line)) == (0 if wanted == name + "x" else 4)
        assert line.count("|") == (0 if wanted == name + "x" else 1)
