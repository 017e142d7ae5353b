"""The report `gluster`: peers and volumes."""

from __future__ import annotations

from tests.unit.example_pool import NOTHING_HEALTH, POOL
from tests.unit.test_report import made


def test_subvolumes_count_what_is_up_only_where_all_is_known() -> None:
    gv0, dist2, old = made("gluster")["volumes"]
    assert gv0["subvolumes"] == [{"type": "replicate", "size": 3, "up": 2, "quorum": True}]
    assert [subvolume["up"] for subvolume in dist2["subvolumes"]] == [1, 1]
    assert old["subvolumes"] == [{"type": "disperse", "size": 3, "up": None, "quorum": None}]


def test_a_mount_that_hangs_is_mounted() -> None:
    assert {volume["name"]: volume["mounted"] for volume in made("gluster")["volumes"]} == {
        "gv0": True,
        "dist2": True,
        "old": False,
    }


def test_a_volume_that_was_not_evaluated_is_unknown() -> None:
    (volume, *_) = made("gluster", POOL, NOTHING_HEALTH)["volumes"]
    assert volume["status"] == "unknown"


def test_age_is_in_seconds() -> None:
    assert made("gluster")["age"] == 2.0
