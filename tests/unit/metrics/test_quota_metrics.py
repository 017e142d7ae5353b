"""Metrics of quotas: what is not known has no sample."""

from __future__ import annotations

from dataclasses import replace

from ganeti_gluster_mon.gluster.quota import QuotaLimit
from ganeti_gluster_mon.metrics.pool_metrics import render
from tests.unit.example_pool import HEALTH, NOW, POOL
from tests.unit.metrics.samples import WHOLE, of

IMAGES = {"volume": "dist2", "path": "/images"}


def test_each_directory_has_its_limits() -> None:
    assert of(WHOLE, "gluster_quota_hard_limit_bytes") == [(IMAGES, 10**9)]
    assert of(WHOLE, "gluster_quota_soft_limit_bytes") == [(IMAGES, 8 * 10**8)]
    assert of(WHOLE, "gluster_quota_used_bytes") == [(IMAGES, 123)]


def test_a_row_that_is_not_known_yet() -> None:
    assert POOL.volumes is not None
    limit = QuotaLimit('/a"b', 10**9, None, None, None, None)
    volumes = tuple(replace(volume, quota=(limit,)) for volume in POOL.volumes if volume.name == "dist2")
    text = render(replace(POOL, volumes=volumes), HEALTH, NOW)
    assert of(text, "gluster_quota_hard_limit_bytes") == [({"volume": "dist2", "path": '/a"b'}, 10**9)]
    assert b"gluster_quota_used_bytes" not in text
