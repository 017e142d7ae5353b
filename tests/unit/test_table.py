"""The table for people."""

from __future__ import annotations

from ganeti_gluster_mon.gluster.model import Pool, Volume
from ganeti_gluster_mon.table import table
from tests.unit.example_pool import HEALTH, NOTHING, NOTHING_HEALTH, POOL, same_as_golden


def test_table() -> None:
    same_as_golden("table.txt", table(POOL, HEALTH))


def test_nothing_is_known() -> None:
    assert (
        table(NOTHING, NOTHING_HEALTH) == "It is not known which volumes there are: glusterd is not running\n"
    )


def test_no_volumes() -> None:
    assert (
        table(Pool(0, volumes=()), HEALTH).split()
        == "VOLUME STATUS SIZE USED AVAIL BRICKS HEAL PROBLEMS".split()
    )


def test_a_terminal_is_not_spoken_to() -> None:
    volume = Volume("\x1b[2J\nv", "u", "distribute", "started", "tcp", (), ())
    assert table(Pool(0, volumes=(volume,)), HEALTH).splitlines()[1].split()[:3] == [
        "\\x1b[2J",
        "v",
        "unknown",
    ]
