"""The answer to `volume bitrot V scrub status`, as GlusterFS 10.3 gave it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganeti_gluster_mon.gluster.scrub import ScrubStatus, scrub_statuses

ANSWERS = Path(__file__).parents[1] / "answers"
#: a file of the brick on node1 was changed behind Gluster's back
CORRUPTED = (ANSWERS / "scrub-status-corrupted.txt").read_text()
NEVER = (ANSWERS / "scrub-status-never.txt").read_text()
ENDED = 1795720660


def test_a_file_was_corrupted() -> None:
    assert scrub_statuses(CORRUPTED, "gv0", "node1.lab.test", 7) == (
        ScrubStatus("gv0", "node1.lab.test", 7, 2, 0, 1, ENDED),
        ScrubStatus("gv0", "node3.lab.test", 7, 2, 0, 0, ENDED),
        ScrubStatus("gv0", "node2.lab.test", 7, 2, 0, 0, ENDED),
    )


def test_no_run_has_ended_yet() -> None:
    found = scrub_statuses(NEVER, "gv0", "node1", 7)
    assert found is not None
    assert {(one.scrubbed, one.skipped, one.errors, one.completed_at) for one in found} == {(0, 0, 0, None)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Bitrot command failed : Volume gv0 is not started\n",
        "Another transaction is in progress for gv0. Please try again after some time.\n",
        CORRUPTED.replace("Volume name : gv0", "Volume name : gv1"),
        "Volume name : gv0\n",
        "Volume name : gv0\n\nNode: \x00\n",
    ],
)
def test_another_answer_is_none(text: str) -> None:
    assert scrub_statuses(text, "gv0", "node1", 7) is None


@pytest.mark.parametrize("wrong", ["-1", "many", "9" * 30])
def test_a_number_that_is_none_is_not_known(wrong: str) -> None:
    found = scrub_statuses(CORRUPTED.replace("Error count: 1", f"Error count: {wrong}"), "gv0", "node1", 7)
    assert found is not None and found[0].errors is None and found[1].errors == 0
