"""Snapshots that a volume may still have."""

from __future__ import annotations

from typing import Optional

import pytest

from ganeti_gluster_mon.gluster.model import Volume
from ganeti_gluster_mon.gluster.snapshots import VolumeSnapshot
from ganeti_gluster_mon.health import OK
from ganeti_gluster_mon.health.snapshots_left import snapshot_problems


@pytest.mark.parametrize(
    ("count", "remaining", "text"),
    [
        (2, 254, None),
        (89, 11, None),
        (90, 10, "gv0: 90 of 100 snapshots"),
        (3, 0, "gv0: 3 of 3 snapshots"),
        (3, None, None),
        (0, None, None),
    ],
)
def test_a_volume_near_its_limit(count: int, remaining: Optional[int], text: Optional[str]) -> None:
    snapshots = tuple(VolumeSnapshot(str(number), "gv0", remaining=remaining) for number in range(count))
    volume = Volume("gv0", "u", "replicate", "started", "tcp", (), (), snapshots=snapshots)
    expected = [] if text is None else [("SNAPSHOT_LIMIT", OK, text)]
    assert [(one.code, one.severity, one.text) for one in snapshot_problems(volume)] == expected


def test_where_they_are_not_known() -> None:
    assert list(snapshot_problems(Volume("gv0", "u", "replicate", "started", "tcp", (), ()))) == []
