"""The symbols, words and colours of the page."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.daemon.web import page_marks
from ganeti_gluster_mon.daemon.web.page_marks import LONGEST_NAME, short_duration, shown_name
from ganeti_gluster_mon.health import CRITICAL, HEALING, OK, STATUSES, UNKNOWN
from ganeti_gluster_mon.health.bricks import BRICK_STATUSES, SUBVOLUME_STATUSES
from ganeti_gluster_mon.health.peers import PEER_STATUSES


def test_each_status_that_there_is_has_a_mark_and_no_other() -> None:
    assert set(page_marks.VOLUME_MARKS) == set(STATUSES)
    assert set(page_marks.BRICK_MARKS) == set(BRICK_STATUSES)
    assert set(page_marks.SUBVOLUME_TONES) == set(SUBVOLUME_STATUSES)
    assert set(page_marks.PEER_MARKS) == set(PEER_STATUSES)
    assert set(page_marks.POOL_MARKS) == set(page_marks.PROBLEM_MARKS) == {OK, HEALING, UNKNOWN, CRITICAL}


def test_only_what_is_good_looks_good() -> None:
    for marks in (page_marks.VOLUME_MARKS, page_marks.BRICK_MARKS, page_marks.PEER_MARKS):
        good = [status for status, mark in marks.items() if mark.tone == page_marks.GOOD]
        assert len(good) == 1
        assert good[0] in ("healthy", "online", "connected")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172800, "2 d")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert short_duration(seconds) == text


def test_names_are_one_line_and_bounded() -> None:
    assert shown_name("a\nb\x1b") == "a b\\x1b"
    assert len(shown_name("x" * 10_000)) == LONGEST_NAME
