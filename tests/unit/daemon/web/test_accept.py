"""Content negotiation."""

from __future__ import annotations

import pytest

from ganeti_gluster_mon.daemon.web import accept


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("", False),
        ("gzip", True),
        ("gzip;q=0", False),
        ("*, gzip;q=0", False),
        ("*", True),
        ("gzip;q=x", False),
    ],
)
def test_gzip(header: str, accepted: bool) -> None:
    assert accept.gzip(header) == accepted


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", True),
        ("application/json, text/html;q=0.5", False),
        ("text/html;q=0", False),
    ],
)
def test_html_is_for_browsers(header: str, accepted: bool) -> None:
    assert accept.html(header) == accepted


@pytest.mark.parametrize(
    ("header", "accepted"),
    [("", False), ("application/openmetrics-text; version=1.0.0", True), ("*/*", False)],
)
def test_open_metrics(header: str, accepted: bool) -> None:
    assert accept.open_metrics(header) == accepted
