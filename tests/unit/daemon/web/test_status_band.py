"""The band of the last 24 hours: every slot has its place, its height and its words."""

from __future__ import annotations

from ganeti_gluster_mon.daemon.web.page_marks import BAD, GOOD, UNKNOWN_TONE
from ganeti_gluster_mon.daemon.web.status_band import BandRun, status_band
from ganeti_gluster_mon.volume_history import LETTERS, SLOTS


def test_runs_of_one_status_are_one_rectangle_and_nothing_recorded_is_a_gap() -> None:
    band = status_band("." * 200 + "h" * 50 + "d" * 13 + "." * 5 + "u" * 20)
    assert [(run.x, run.width, run.tone) for run in band.runs] == [
        (200, 50, GOOD),
        (250, 13, BAD),
        (268, 20, UNKNOWN_TONE),
    ]
    assert (
        band.text == "degraded 1 h 5 min, not known 1 h 40 min, not recorded 17 h 5 min, healthy 4 h 10 min"
    )


def test_one_status_all_the_time() -> None:
    assert status_band("h" * SLOTS).text == "healthy all the time"
    assert status_band("." * SLOTS).text == "not recorded all the time"
    assert status_band("." * SLOTS).runs == ()


def test_every_letter_can_be_shown_and_what_is_not_healthy_is_higher() -> None:
    healthy = status_band("h").runs[0]
    assert healthy == BandRun(0, 1, 3, GOOD)
    for letter, status in LETTERS.items():
        (run,) = status_band(letter).runs
        if status not in ("healthy", "stopped"):
            assert run.height > healthy.height
