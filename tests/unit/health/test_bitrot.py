"""Files that the scrubber found corrupted."""

from __future__ import annotations

from typing import Optional

import pytest

from ganeti_gluster_mon.gluster.model import Volume
from ganeti_gluster_mon.gluster.scrub import ScrubStatus
from ganeti_gluster_mon.health import CRITICAL
from ganeti_gluster_mon.health.bitrot import bitrot_problems


@pytest.mark.parametrize(
    ("errors", "text"),
    [
        (None, None),
        (0, None),
        (1, "gv0: the scrubber found 1 corrupted file on node1"),
        (3, "gv0: the scrubber found 3 corrupted files on node1"),
    ],
)
def test_a_corrupted_file_is_a_problem(errors: Optional[int], text: Optional[str]) -> None:
    scrubs = (ScrubStatus("gv0", "node1", 1, errors=errors), ScrubStatus("gv0", "node2", 1, errors=0))
    problems = list(bitrot_problems(Volume("gv0", "u", "replicate", "started", "tcp", (), (), scrubs=scrubs)))
    expected = [] if text is None else [("BITROT_CORRUPTED", CRITICAL, "node1", text)]
    assert [(one.code, one.severity, one.subject, one.text) for one in problems] == expected


def test_without_bitrot_there_is_none() -> None:
    assert list(bitrot_problems(Volume("gv0", "u", "replicate", "started", "tcp", (), ()))) == []
