"""Metrics of volumes."""

from __future__ import annotations

from ganeti_gluster_mon.health import STATUSES
from tests.unit.metrics.samples import WHOLE, of


def test_one_status_holds() -> None:
    for volume, holds in (("gv0", "degraded"), ("dist2", "healthy"), ("old", "stopped")):
        values = {
            labels["status"]: value
            for labels, value in of(WHOLE, "gluster_volume_status")
            if labels["volume"] == volume
        }
        assert values == {status: float(status == holds) for status in STATUSES}
