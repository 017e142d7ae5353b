"""The answers to `volume heal info`."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.gluster import parse
from tests.unit.answers import BROKEN, answer_of, xml


def test_heal_of_a_brick_that_cannot_be_queried() -> None:
    summary = parse.heal_info(answer_of(BROKEN, "heal-summary-gv0"))
    assert summary.faults == ()
    assert summary.facts == (
        parse.HealCount("node1.lab.test", "/export/b1/gv0", True, 6, 0, 0),
        parse.HealCount("node2.lab.test", "/export/b1/gv0", False, None, None, None),
        parse.HealCount("node3.lab.test", "/export/b1/gv0", True, 6, 0, 0),
    )
    split_brain = parse.heal_info(answer_of(BROKEN, "heal-splitbrain-gv0"))
    assert split_brain.faults == ()
    assert [count.split_brain for count in split_brain.facts] == [0, None, 0]
    assert [count.connected for count in split_brain.facts] == [True, False, True]


def test_heal_that_failed_in_another_way() -> None:
    output = answer_of(BROKEN, "heal-summary-gv0").replace(
        b"Transport endpoint is not connected", b"Input/output error"
    )
    parsed = parse.heal_info(output)
    assert parsed.facts[1] == parse.HealCount(
        "node2.lab.test", "/export/b1/gv0", None, failure="Input/output error"
    )
    assert len(parsed.faults) == 1
    assert "Input/output error" in parsed.faults[0]


def test_heal_that_failed_half_way_reports_what_was_counted() -> None:
    output = answer_of(BROKEN, "heal-summary-gv0").replace(
        b"(Transport endpoint is not connected)totalNumberOfEntries0",
        b"(Stale file handle)totalNumberOfEntries12",
    )
    parsed = parse.heal_info(output)
    assert parsed.facts[1] == parse.HealCount(
        "node2.lab.test", "/export/b1/gv0", None, failure="Stale file handle"
    )
    assert parsed.faults == (
        "node2.lab.test:/export/b1/gv0 was not counted to the end: Stale file handle, 12 entries until then",
    )


def test_a_gluster_that_does_not_know_the_command() -> None:
    usage = b"\nUsage:\nvolume heal <VOLNAME> [enable | disable | full]\n\n"
    with pytest.raises(parse.Unreadable, match="does not know the command"):
        parse.heal_info(usage)


def test_split_brain_names_files() -> None:
    output = xml(
        '<healInfo><bricks><brick hostUuid="x"><name>node1:/b</name>'
        '<file gfid="a">/vm/a.img</file><file gfid="b">&lt;gfid:b&gt;</file>'
        "<status>Connected</status><numberOfEntries>2</numberOfEntries></brick></bricks></healInfo>"
    )
    assert parse.heal_info(output) == parse.Parsed((parse.HealCount("node1", "/b", True, split_brain=2),))
