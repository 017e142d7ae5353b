"""Metrics of subvolumes."""

from __future__ import annotations

from tests.unit.metrics.samples import WHOLE, of


def test_subvolumes_are_told_of_by_the_names_gluster_gives_them() -> None:
    told = {labels["subvolume"]: value for labels, value in of(WHOLE, "gluster_subvolume_bricks_to_spare")}
    assert told == {"gv0-replicate-0": 0, "dist2-client-0": 0, "dist2-client-1": 0}
    quorum = {labels["subvolume"]: value for labels, value in of(WHOLE, "gluster_subvolume_quorum")}
    assert quorum == dict.fromkeys(told, 1)
