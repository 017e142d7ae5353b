"""A node that sent an invalid capture is not followed for a while."""

from __future__ import annotations

from ganeti_gluster_mon.daemon.cluster.rejections import Rejections


def test_a_rejection_ends_and_the_next_one_lasts_twice_as_long() -> None:
    rejections = Rejections()
    assert not rejections.holds("a", 0)
    assert rejections.add("a", "why", 0), "a new reason is logged"
    assert (rejections.holds("a", 59), rejections.holds("a", 60), rejections.holds("b", 0)) == (
        True,
        False,
        False,
    )
    assert not rejections.add("a", "why", 60), "the same reason is logged once"
    assert (rejections.holds("a", 179), rejections.holds("a", 180)) == (True, False)
    assert rejections.add("a", "another", 180)


def test_a_rejection_lasts_an_hour_at_most() -> None:
    rejections = Rejections()
    for _ in range(20):
        rejections.add("a", "why", 0)
    assert (rejections.holds("a", 3599), rejections.holds("a", 3600)) == (True, False)


def test_a_valid_capture_ends_it() -> None:
    rejections = Rejections()
    rejections.add("a", "why", 0)
    rejections.end("a")
    assert not rejections.holds("a", 0)
    assert rejections.add("a", "why", 0)
