"""Metrics of subvolumes."""

from __future__ import annotations

from tests.unit.example_pool import SIZE
from tests.unit.metrics.samples import WHOLE, of


def test_subvolumes_have_the_names_gluster_gives_them() -> None:
    values = {labels["subvolume"]: value for labels, value in of(WHOLE, "gluster_subvolume_bricks_to_spare")}
    assert values == {"gv0-replicate-0": 0, "dist2-client-0": 0, "dist2-client-1": 0}
    quorum = {labels["subvolume"]: value for labels, value in of(WHOLE, "gluster_subvolume_quorum")}
    assert quorum == dict.fromkeys(values, 1)


def test_the_space_of_a_subvolume_where_it_is_known() -> None:
    gv0 = {"volume": "gv0", "subvolume": "gv0-replicate-0"}
    for what, value in (("size", SIZE), ("used", 108355584), ("available", 1878003712)):
        assert of(WHOLE, f"gluster_subvolume_{what}_bytes") == [(gv0, value)]
