"""Metrics of subvolumes."""

from __future__ import annotations

from tests.unit.metrics.samples import WHOLE, of


def test_subvolumes_have_the_names_gluster_gives_them() -> None:
    values = {labels["subvolume"]: value for labels, value in of(WHOLE, "gluster_subvolume_bricks_to_spare")}
    assert values == {"gv0-replicate-0": 0, "dist2-client-0": 0, "dist2-client-1": 0}
    quorum = {labels["subvolume"]: value for labels, value in of(WHOLE, "gluster_subvolume_quorum")}
    assert quorum == dict.fromkeys(values, 1)
