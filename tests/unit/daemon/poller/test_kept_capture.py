"""The capture that is kept for the next cycle."""

from __future__ import annotations

from dataclasses import replace

from ganeti_gluster_mon.daemon.poller.kept_capture import KeptCapture
from ganeti_gluster_mon.gluster import query
from ganeti_gluster_mon.gluster.capture import Answer
from tests.unit.gluster.healthy_capture import HEALTHY


def test_what_is_kept_is_the_same_without_profiles() -> None:
    kept = KeptCapture()
    assert kept.capture is None
    kept.capture = replace(HEALTHY, answers=(*HEALTHY.answers, Answer(query.profile("gv0"), b"<large/>")))
    without = [each for each in HEALTHY.answers if not query.is_profile_query(each.query)]
    assert kept.capture == replace(HEALTHY, answers=tuple(without))
